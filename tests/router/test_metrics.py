"""What a router in production has to show, name by name, after real calls; and the one line that each call logs."""

from __future__ import annotations

import json

import pytest
from banstorm.router.call_log import CallLog
from banstorm.router.prices import Price
from prometheus_client.parser import text_string_to_metric_families

BAN = {"type": "error", "error": {"type": "invalid_request_error", "message": "This organization has been disabled."}}


class Scrape:
    """A scrape, by series."""

    def __init__(self, text: str) -> None:
        families = text_string_to_metric_families(text)
        self.samples = {(s.name, frozenset(s.labels.items())): s.value for f in families for s in f.samples}

    def __call__(self, name: str, **labels: str) -> float:
        """The sum of the series that have these labels; a KeyError if there is none."""
        found = [v for (n, held), v in self.samples.items() if n == name and labels.items() <= dict(held).items()]
        if not found:
            raise KeyError(name, labels)
        return sum(found)


@pytest.fixture
async def watched(bench):
    """A bench after 20 good calls, plain and streamed, a ban, and 10 calls served elsewhere; its log and its scrape."""
    lines: list[str] = []
    b = await bench(
        CallLog(lines.append),
        budget={"usd": 10, "alerts": [0.01, 0.9]},
        log={"calls": True},
        breaker={"cooldown": "60s", "cooldown_max": "60s"},
    )
    for n in range(20):
        assert 200 == (await b.ask(stream=n % 2 == 0)).status_code
    b.anthropic.always = b.anthropic.replies(400, BAN)
    for _ in range(10):
        assert 200 == (await b.ask()).status_code
    return b, [json.loads(line) for line in lines], Scrape(b.metrics.render().decode())


SHOWN = [
    ("success rate", "llm_requests_total", {"provider": "anthropic", "outcome": "ok"}, 20),
    ("success rate", "llm_requests_total", {"provider": "anthropic", "outcome": "failed"}, 1),
    ("success rate", "llm_requests_total", {"provider": "openai", "outcome": "ok"}, 10),
    ("success rate", "llm_requests_total", {"provider": "openai", "outcome": "failed"}, 0),
    ("latency", "llm_provider_duration_seconds_count", {"provider": "anthropic"}, 20),
    ("latency", "llm_provider_duration_seconds_bucket", {"provider": "openai", "le": "+Inf"}, 10),
    ("latency", "llm_request_duration_seconds_count", {}, 30),
    ("latency", "llm_time_to_first_token_seconds_count", {}, 10),
    ("tokens", "llm_tokens_total", {"provider": "anthropic", "direction": "input", "basis": "counted"}, 300),
    ("tokens", "llm_tokens_total", {"provider": "anthropic", "direction": "cached"}, 100),
    ("tokens", "llm_tokens_total", {"provider": "anthropic", "direction": "output"}, 60),
    ("tokens", "llm_tokens_total", {"provider": "openai", "direction": "input"}, 150),
    ("errors by kind", "llm_requests_failed_total", {"provider": "anthropic", "reason": "org_disabled"}, 1),
    ("availability", "llm_provider_available", {"provider": "anthropic"}, 0),
    ("availability", "llm_provider_available", {"provider": "openai"}, 1),
    ("its changes", "llm_provider_availability_changes_total", {"provider": "anthropic", "to": "down"}, 1),
    ("its changes", "llm_provider_availability_changes_total", {"provider": "openai", "to": "down"}, 0),
    ("breaker state", "llm_breaker_state", {"provider": "anthropic", "scope": "all"}, 2),
    ("breaker state", "llm_breaker_state", {"provider": "openai", "scope": "all"}, 0),
    ("breaker state", "llm_breaker_openings_total", {"provider": "anthropic", "reason": "org_disabled"}, 1),
    ("failovers", "llm_failovers_total", {"from": "anthropic", "to": "openai", "reason": "org_disabled"}, 1),
    ("budget", "llm_budget_limit_usd", {"budget": "total"}, 10),
    ("calls", "llm_calls_total", {"outcome": "ok"}, 30),
    ("calls", "llm_calls_total", {"outcome": "exhausted"}, 0),
]


@pytest.mark.parametrize(("what", "name", "labels", "value"), SHOWN, ids=lambda each: str(each)[:40])
async def test_each_thing_that_has_to_be_seen_is_shown(watched, what, name, labels, value):
    """Each item of the list is there for each provider, with what happened."""
    _, _, scrape = watched
    assert value == scrape(name, **labels), what


async def test_cost_and_budget_add_up(bench):
    """What each provider cost is in its metric, and all of it in the budget, by its alerts as well."""
    b = await bench(budget={"usd": 10, "alerts": [0.001, 0.9]})
    for lane in b.router.lanes:
        lane.price = Price(1000, 1000, 1000)
    for _ in range(10):
        await b.ask()
    scrape = Scrape(b.metrics.render().decode())
    cost = scrape("llm_cost_usd_total", provider="anthropic", outcome="ok", basis="counted")
    assert pytest.approx(10 * (15 + 3) * 1000 / 1e6) == cost
    assert pytest.approx(cost / 10) == scrape("llm_budget_spent_ratio", budget="total")
    assert 1 == scrape("llm_budget_alerts_total", budget="total")


async def test_one_line_a_call_tells_who_served_it_and_why(watched):
    """The preferred one; then another because the first was banned; then another because it is known to be out."""
    _, lines, _ = watched
    assert 30 == len(lines)
    assert {"call"} == {line["event"] for line in lines}
    assert [("anthropic", "preferred", [], [])] * 20 == [_told(line) for line in lines[:20]]
    assert ("openai", "failover", ["org_disabled"], []) == _told(lines[20])
    later = [_told(line) for line in lines[21:]]
    assert {("openai", "failover")} == {told[:2] for told in later}
    for _, _, failed, skipped in later:
        assert [] == failed
        assert skipped[0].startswith("anthropic: breaker open after org_disabled, next probe in ")
    assert {True, False} == {line["first_token_ms"] is None for line in lines}
    assert all(line["duration_ms"] >= 0 and line["model"] and "hello" not in json.dumps(line) for line in lines)


def _told(line):
    return line["provider"], line["why"], [each["reason"] for each in line["failed"]], line["not_asked"]


@pytest.mark.parametrize(
    ("case", "outcome", "reasons"),
    [
        ("exhausted", "exhausted", ["org_disabled", "bad_key"]),
        ("rejected", "rejected", ["invalid_request"]),
        ("interrupted", "interrupted", ["disconnected"]),
    ],
)
async def test_the_line_of_a_call_without_an_answer(bench, case, outcome, reasons):
    """What became of it, and each attempt's reason."""
    lines: list[str] = []
    b = await bench(CallLog(lines.append))
    if case == "exhausted":
        b.anthropic.always = b.anthropic.replies(400, BAN)
        b.openai.always = b.openai.replies(401, {"error": {"code": "invalid_api_key", "message": "no"}})
    elif case == "rejected":
        odd = {"type": "invalid_request_error", "message": "messages: too odd"}
        b.anthropic.always = b.anthropic.replies(400, {"type": "error", "error": odd})
    else:
        b.anthropic.script.append(b.anthropic.streams(*b.anthropic.events()[:4], end=False))
    await b.ask(stream=case == "interrupted")
    (line,) = map(json.loads, lines)
    assert (outcome, reasons) == (line["outcome"], [each["reason"] for each in line["failed"]])
