"""The headers of a recorded response, made again from a run's folder: those that a client really read, or none."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import pytest
from banstorm.harness.issue_headers import FRAMING, sent
from banstorm.reports.manifest import Anchor, Manifest

CASES: dict[str, tuple[str, str, dict[str, Any]]] = {
    # provider: its dialect, its entry, and the entry's parameters
    "waits": ("anthropic", "fault: rate_limited", {"retry_after": "2s", "should_retry": True}),
    "waits-for-a-date": ("anthropic", "fault: rate_limited", {"retry_after": "date 30s"}),
    "has-no-room": ("openai", "fault: overloaded", {}),
    "browns-out": ("anthropic", "fault: brownout", {"refused": "100%", "delay": "0s", "full_after": "1ms"}),
    "has-a-window": ("openai", "fault: window_drained", {}),
    "is-behind-an-edge": ("anthropic", "fault: edge_page", {}),
    "bans": ("anthropic", "standing: org_disabled", {}),
    "has-lost-the-model": ("openai", "standing: model_not_found", {}),
    "wants-money": ("anthropic", "standing: balance", {"usd": 0.0}),
    "counts": ("anthropic", "standing: quota", {"requests_per_day": 1}),
    "mislabels": ("openai", "fault: content_type_changed", {"to": "text/html"}),
    "cuts": ("openai", "fault: stream_cut", {"after": "3 tokens"}),
}
PARTLY = {"counts", "mislabels", "cuts"}
"""Whose headers nobody can know: those of a bucket, and those of the provider's own answer."""
HOPS = {"date", *FRAMING}
"""Headers that the servers write themselves."""


@pytest.fixture(scope="module")
def played(long_stage, scenario_of, request_of):
    """The manifest, the rows of the attempts, and what a client read for each: two attempts of a call, a provider."""
    timeline = [
        {"at": "0s", "until": "1h", "on": name, kind: entry, "with": parameters}
        for name, (_, told, parameters) in CASES.items()
        for kind, _, entry in [told.partition(": ")]
    ]
    providers = {name: dialect for name, (dialect, _, _) in CASES.items()}
    scenario = scenario_of(timeline, providers)
    anchor = Anchor(monotonic_ns=time.monotonic_ns(), wall=datetime.now(UTC).isoformat())
    host = long_stage.host("inline", scenario)
    got = {}
    for number, (name, dialect) in enumerate(providers.items(), 1):
        for turn in range(2):
            got[name, turn] = host.ask(name, request_of(dialect, number, stream=name == "cuts"))
    host.stop()
    rows = {name: [each for each in host.child.rows("attempts") if each["provider"] == name] for name in CASES}
    seed = scenario.seed
    manifest = Manifest(
        format=1, run="7f3a9c", scenario_name="a", scenario=scenario, seed=seed, t0_ns=host.t0_ns, anchors=[anchor]
    )
    return manifest, rows, got


def read(got):
    """The headers that a client read, without those of the hop."""
    return [[name, value] for name, value in got.headers if name not in HOPS]


@pytest.mark.parametrize("turn", [0, 1])
@pytest.mark.parametrize("name", [name for name in CASES if name not in PARTLY])
def test_the_headers_of_a_refusal_are_those_that_were_read(played, name, turn):
    """Ids, limits, waits and all, in their order: of a fault's words and of a fake's own, for every attempt."""
    manifest, rows, got = played
    made = sent(manifest, rows[name], rows[name][turn], "application/json")
    assert made.whole
    assert read(got[name, turn]) == [header[:2] for header in made.headers]


def test_a_moment_is_told_with_its_form_and_its_distance(played):
    """So that whoever sends it later can move it; what is no moment stays as it was."""
    manifest, rows, _ = played
    forms = {}
    for name in ("waits", "waits-for-a-date", "has-a-window", "bans"):
        for header in sent(manifest, rows[name], rows[name][0], "application/json").headers:
            if len(header) > 2:
                forms[name, header[0]] = header[2:]
    assert {form for form, _ in forms.values()} == {"http", "rfc 3339", "seconds"}
    assert forms["waits-for-a-date", "retry-after"][0] == "http"
    assert forms["waits-for-a-date", "retry-after"][1] in {29, 30}
    assert ("waits", "retry-after") not in forms
    assert not [name for name, _ in forms if name == "bans"]


def test_what_nobody_wrote_down_is_named_and_not_made_up(played):
    """A bucket's figures are the fake's own: their names are known, from the vendor's words, and no value."""
    manifest, rows, got = played
    refused = rows["counts"][1]
    made = sent(manifest, rows["counts"], refused, "application/json")
    assert refused["status"] == 429
    assert not made.whole
    assert made.headers == [["content-type", "application/json"]]
    assert {"retry-after", "anthropic-ratelimit-requests-remaining"} <= set(made.unknown)
    assert set(made.unknown) <= {name for name, _ in read(got["counts", 1])}


def test_a_header_that_the_fault_changed_is_known(played):
    """Of an answer of the provider's own only what the body or the fault tells."""
    manifest, rows, got = played
    made = sent(manifest, rows["mislabels"], rows["mislabels"][0], "application/json")
    assert (
        made.headers
        == [["content-type", got["mislabels", 0].header("content-type")]]
        == [["content-type", "text/html"]]
    )
    assert not made.whole
    cut = sent(manifest, rows["cuts"], rows["cuts"][0], "text/event-stream")
    assert (cut.headers, cut.whole, cut.unknown) == ([["content-type", "text/event-stream"]], False, [])


@pytest.mark.parametrize(
    "change",
    [{"evidence": "another body"}, {"evidence": None}, {"status": 418}, {"ended_by": "router"}],
    ids=str,
)
def test_a_body_that_does_not_come_out_proves_nothing(played, change):
    """Of another version, another seed or a record that is not whole, no header is believed."""
    manifest, rows, _ = played
    made = sent(manifest, rows["waits"], rows["waits"][0] | change, "text/plain")
    assert not made.whole
    assert made.headers == [["content-type", "text/plain"]]
    other = manifest.model_copy(update={"seed": 1})
    assert not sent(other, rows["waits"], rows["waits"][0], "application/json").whole


def test_a_connection_that_ended_without_a_word_had_no_headers(played):
    """Nothing is sent then."""
    manifest, rows, _ = played
    silent = sent(manifest, rows["waits"], rows["waits"][0] | {"status": None}, "text/plain")
    assert (silent.headers, silent.whole) == ([], True)
