"""Standings, with both fault hosts in front of the fakes: the same bytes, the same rows, no header of ours."""

from __future__ import annotations

import json
import re

import pytest

pytestmark = pytest.mark.lab

CASES = {
    # entry: (what each of three requests is answered, what bites each)
    "org_disabled": ({}, [400, 400, 400], [True, True, True]),
    "quota": ({"requests_per_day": 2}, [200, 200, 429], [False, False, True]),
    "balance": ({"usd": 0.0}, [400, 400, 400], [True, True, True]),
    "model_not_found": ({}, [404, 404, 404], [True, True, True]),
    "price_changed": ({"input": 1, "output": 1}, [200, 200, 200], [True, True, True]),
    "spend_limit": ({"usd": 1}, [200, 200, 200], [False, False, False]),
}
BY_DESIGN = {"date", "connection", "transfer-encoding"}
"""Headers of one hop or of the moment."""


def _timeless(text: str) -> str:
    return re.sub(r"\d{4}-\d\d-\d\dT[\d:]+Z|\d+\.\d\d\ds|\d{9,}", "a moment", text)


def _seen(got):
    headers = [(name, _timeless(value)) for name, value in got.headers if name not in BY_DESIGN]
    return got.status, got.reason, headers, _timeless(got.body.decode()), got.ended


@pytest.fixture(scope="module")
def answers(long_stage, scenario_of, request_of):
    """What each host answers, and writes: a provider for each case, asked three times, the second time streamed."""
    providers = {name.replace("_", "-"): "anthropic" for name in CASES}
    timeline = [
        {"at": "0s", "on": name.replace("_", "-"), "standing": name, "with": parameters}
        for name, (parameters, _, _) in CASES.items()
    ]
    scenario = scenario_of(timeline, providers)
    found = {}
    for host_name in ("mitmproxy", "inline"):
        host = long_stage.host(host_name, scenario)
        if host.fakes is not host.child:
            host.fakes.start(host.t0_ns)
        for call in range(1000, 2000):  # a start is heard when it is heard: ask until the fakes have begun
            if host.ask("org-disabled", request_of("anthropic", call, stream=False)).status != 200:
                break
        for number, name in enumerate(providers):
            found[host_name, name] = [
                host.ask(name, request_of("anthropic", 10 * number + turn, stream=turn == 1)) for turn in range(3)
            ]
        host.stop()
        rows = [row for row in host.child.rows("attempts") if row["call"] < 1000]
        found[host_name, "attempts"] = sorted(rows, key=lambda row: row["call"])
        found[host_name, "faults"] = {row["provider"]: row for row in host.child.rows("faults")}
        found[host_name, "invoices"] = host.fakes.rows("invoices")
    return found


@pytest.mark.parametrize("name", CASES)
def test_both_hosts_show_the_same(answers, name):
    """Status, headers and bytes of each answer agree, and no header that begins with x-banstorm goes out."""
    _, statuses, _ = CASES[name]
    provider = name.replace("_", "-")
    seen = [_seen(got) for got in answers["mitmproxy", provider]]
    assert statuses == [each[0] for each in seen]
    assert seen == [_seen(got) for got in answers["inline", provider]]
    assert not [header for each in seen for header, _ in each[2] if header.startswith("x-banstorm")]


@pytest.mark.parametrize("host", ["mitmproxy", "inline"])
@pytest.mark.parametrize("name", CASES)
def test_both_hosts_count_the_same_bites(answers, host, name):
    """The attempts that the fake says it bit are those in the window's row; each reached it, and has one invoice."""
    _, statuses, bites = CASES[name]
    provider, entry = name.replace("_", "-"), f"{[*CASES].index(name)}:{name}"
    attempts = [row for row in answers[host, "attempts"] if row["provider"] == provider]
    assert [entry if bitten else None for bitten in bites] == [row["fault"] for row in attempts]
    assert statuses == [row["status"] for row in attempts]
    assert all(row["reached"] for row in attempts)
    window = answers[host, "faults"][provider]
    if name != "org_disabled":  # that one was asked beforehand
        assert (sum(bites), 3) == (window["bites"], window["matched"])
    assert {row["attempt"] for row in attempts} <= {row["attempt"] for row in answers[host, "invoices"]}


@pytest.mark.parametrize("host", ["mitmproxy", "inline"])
def test_only_refusals_are_kept_as_evidence(answers, host):
    """An answer that is merely billed at another price is no bad body to look at."""
    kept = {row["provider"]: bool(row["evidence"]) for row in answers[host, "attempts"]}
    assert (True, False) == (kept["org-disabled"], kept["price-changed"])


@pytest.mark.parametrize("host", ["mitmproxy", "inline"])
def test_the_invoices_are_at_the_changed_price(answers, host):
    """A dollar a million tokens each way."""
    theirs = [row for row in answers[host, "invoices"] if row["provider"] == "price-changed"]
    assert 3 == len(theirs)
    for row in theirs:
        assert row["usd"] == pytest.approx((row["input_tokens"] + row["produced_tokens"]) / 1e6)


def test_a_refusal_is_in_the_vendors_words(answers):
    """A ban says what Anthropic says, and why a router can't tell it from its own mistake."""
    body = json.loads(answers["inline", "org-disabled"][0].body)
    assert "invalid_request_error" == body["error"]["type"]
    assert "This organization has been disabled." == body["error"]["message"]
