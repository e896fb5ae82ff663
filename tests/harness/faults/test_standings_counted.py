"""Standings are played by the fake; the timeline learns from its responses what they bit, and counts it."""

from __future__ import annotations

import pytest
from banstorm.fakes import dialects
from banstorm.harness.faults.base import Forward
from banstorm.harness.faults.plan import ENTRY_HEADER
from banstorm.harness.faults.timeline import Timeline

T0 = 1_000_000_000_000
S = 1_000_000_000
BAN = {"at": "2s", "until": "7s", "on": ["openai", "anthropic"], "standing": "org_disabled"}


@pytest.fixture
def timeline_of(scenario_of):
    """Makes a started timeline."""

    def make(*entries):
        scenario = scenario_of(entries)
        of = {name: dialects.find(each.dialect) for name, each in scenario.providers.items()}
        timeline = Timeline(scenario, run="7f3a9c", seed=1, dialects=of)
        timeline.start(T0)
        return timeline

    return make


@pytest.fixture
def attempt(request_of):
    """Begins an attempt, and lets the fake name entries in its response."""

    def begin(timeline, *named, at_ns=T0 + 3 * S, call=1, provider="openai"):
        head, _, body = request_of(provider, call, stream=False).partition(b"\r\n\r\n")
        line, *fields = head.decode().split("\r\n")
        pairs = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in fields)}
        method, path, _ = line.split()
        plan = timeline.plan(provider, method, path, headers=pairs, body=body, received_ns=at_ns)
        if named:
            plan.hear([("Content-Type", "x"), (ENTRY_HEADER.title(), "+".join(named))])
        return plan

    return begin


def _row(timeline, entry="0:org_disabled", provider="openai"):
    return next(row for row in timeline.rows(T0 + 9 * S) if (row["entry"], row["provider"]) == (entry, provider))


def test_a_standing_lets_the_request_through_to_the_fake(timeline_of, attempt):
    """The injector decides nothing about it: it can't know what was spent."""
    plan = attempt(timeline_of(BAN))
    assert (Forward(), True) == (plan.action, plan.untouched)


def test_an_entry_that_the_fake_names_has_bitten_the_attempt(timeline_of, attempt):
    """It stands in the attempt's row and in the window's, and the harness hears of the first bite."""
    timeline = timeline_of(BAN)
    first = attempt(timeline, "0:org_disabled", at_ns=T0 + 3 * S)
    attempt(timeline, call=2)
    attempt(timeline, "0:org_disabled", at_ns=T0 + 4 * S, call=3)
    row = _row(timeline)
    assert "0:org_disabled" == first.record.row(T0, "complete", None)["fault"]
    assert (2, 3, T0 + 3 * S, T0 + 4 * S) == tuple(
        row[name] for name in ("bites", "matched", "first_bite_ns", "last_bite_ns")
    )
    assert [("bite", "openai", T0 + 3 * S)] == [
        (each.event, each.provider, each.at_ns) for each in timeline.news if each.event == "bite"
    ]
    assert 0 == _row(timeline, provider="anthropic")["bites"]


def test_the_response_names_an_entry_once_for_each_attempt(timeline_of, attempt):
    """A header that stands twice counts once."""
    timeline = timeline_of(BAN)
    plan = attempt(timeline, "0:org_disabled", "0:org_disabled")
    assert (1, ["0:org_disabled"]) == (_row(timeline)["bites"], plan.record.fault_ids)


@pytest.mark.parametrize("named", ["7:org_disabled", "", "1:overloaded"])
def test_what_is_no_standing_of_this_provider_is_not_counted(timeline_of, attempt, named):
    """Neither an entry that there isn't, nor a fault, which the injector itself decides about."""
    fault = {"at": "0s", "until": "1s", "on": "openai", "fault": "overloaded"}
    timeline = timeline_of(BAN, fault)
    plan = attempt(timeline, named)
    assert [] == plan.record.fault_ids
    assert 0 == sum(row["bites"] for row in timeline.rows(T0 + 9 * S))


def test_a_request_that_was_on_its_way_when_the_window_opened_is_counted_as_matched(timeline_of, attempt):
    """The fake's clock decides, so it may be bitten although it came in before; bites never exceed matches."""
    timeline = timeline_of(BAN)
    attempt(timeline, "0:org_disabled", at_ns=T0 + 2 * S - 1)
    assert (1, 1) == (_row(timeline)["bites"], _row(timeline)["matched"])


def test_a_response_that_is_changed_by_a_fault_is_heard_too(timeline_of, attempt):
    """Compound entries: the fake's own come first, and the router sees none of their headers."""
    fault = {"at": "0s", "on": "openai", "fault": "content_type_changed", "with": {"to": "text/html"}}
    plan = attempt(timeline_of(BAN | {"standing": "price_changed", "with": {"factor": 2}}, fault))
    head = [("content-type", "application/json"), (ENTRY_HEADER, "0:price_changed")]
    status, headers, _ = plan.respond_head(200, head)
    assert (200, [("content-type", "text/html")]) == (status, headers)
    assert "0:price_changed+1:content_type_changed" == plan.record.row(T0, "complete", None)["fault"]


def test_a_spread_opens_the_other_providers_windows_later(timeline_of):
    """What was declared of each window is when it really begins there."""
    timeline = timeline_of(BAN | {"with": {"spread": "3s"}})
    assert [T0 + 2 * S, T0 + 5 * S] == [_row(timeline, provider=each)["armed_ns"] for each in ("openai", "anthropic")]
    assert ["0:org_disabled"] == timeline.active("openai", T0 + 3 * S)
    assert [] == timeline.active("anthropic", T0 + 3 * S)


WHOLE = [
    # (more of the entry, whether from its first bite on it refuses all)
    ({}, True),
    ({"with": {"spread": "1s"}}, True),
    ({"share": "50%"}, False),
    ({"credential": "one"}, False),
    ({"with": {"settle": "1s"}}, False),
    ({"with": {"rollout": "1s"}}, False),
    ({"standing": "quota", "with": {"requests_per_minute": 1}}, False),
    ({"standing": "balance", "with": {"usd": 1}}, True),
    ({"standing": "price_changed", "with": {"factor": 2}}, False),
    ({"standing": "reinstated"}, False),
    ({"standing": "model_retired"}, True),
]


@pytest.mark.parametrize(("more", "whole"), WHOLE)
def test_a_window_says_whether_a_router_can_only_leave(timeline_of, more, whole):
    """Detection and failover are judged where everything is refused, and nowhere else."""
    timeline = timeline_of(BAN | more)
    assert {whole} == {row["whole"] for row in timeline.rows(T0 + 9 * S)}
