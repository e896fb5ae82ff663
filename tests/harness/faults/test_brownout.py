"""A brownout: how bad it is at each moment of its window."""

from __future__ import annotations

from dataclasses import replace

import pytest
from banstorm.fakes import dialects
from banstorm.fakes.dialects.base import Ask
from banstorm.harness import faults
from banstorm.harness.faults.base import Context, Forward, Respond
from banstorm.harness.faults.timeline import Timeline

S = 1_000_000_000
T0 = 500 * S
ASK = Ask("some-model", stream=False, text="hello", mark=None, input_tokens=9)
CONTEXT = Context(dialects.find("openai"), "acme", ASK, id_seed=7)
REQUESTS = 400


def refused(fault) -> int:
    """How many of some requests are refused."""
    actions = [fault.on_request(replace(CONTEXT, id_seed=seed)) for seed in range(REQUESTS)]
    assert {action.delay_s for action in actions} == {fault.delay}
    return sum(isinstance(action, Respond) for action in actions)


@pytest.mark.parametrize(
    ("full_after", "since_s", "part"),
    [(None, 0, 0), (None, 5, 0.5), (None, 10, 1), ("4s", 1, 0.25), ("4s", 4, 1), ("4s", 9, 1), ("20s", 5, 0.25)],
)
def test_it_grows_evenly(full_after, since_s, part):
    """Share and delay grow with the time since the window opened, up to what was asked for, and stay there."""
    given = {"refused": "80%", "delay": "2s", "full_after": full_after}
    fault = faults.find("brownout").model_validate(given).in_window(since_s, 10.0)
    assert (pytest.approx(0.8 * part), pytest.approx(2.0 * part)) == (fault.refused, fault.delay)
    assert 0.8 * part == pytest.approx(refused(fault) / REQUESTS, abs=0.08)


def test_who_is_refused_is_the_seeds_choice():
    """The same request is refused each time, and whoever was refused before still is when it gets worse."""
    fault = faults.find("brownout").model_validate({"refused": "100%"})
    halves = [{seed for seed in range(REQUESTS) if _bitten(fault.in_window(at, 10.0), seed)} for at in (3, 3, 6)]
    assert halves[0] == halves[1] < halves[2]


def _bitten(fault, seed) -> bool:
    return isinstance(fault.on_request(replace(CONTEXT, id_seed=seed)), Respond)


def test_what_is_refused_is_the_vendors_overload():
    """A refusal has the words of an overloaded provider, and the wait that is asked for."""
    fault = faults.find("brownout").model_validate({"refused": "100%", "delay": "1s", "retry_after": "3s"})
    expected = faults.find("overloaded").model_validate({"retry_after": "3s"}).on_request(CONTEXT).reply
    assert Respond(expected, 1.0) == fault.on_request(CONTEXT)
    assert fault.picks


def test_the_timeline_tells_the_moment(scenario_of, request_of):
    """How long a window is open is counted from the moment that the request came, on the run's clock."""
    given = {"refused": "0%", "delay": "10s"}
    entry = {"at": "10s", "until": "20s", "on": "openai", "fault": "brownout", "with": given}
    scenario = scenario_of([entry])
    timeline = Timeline(scenario, run="7f3a9c", seed=1, dialects={"openai": dialects.find("openai")})
    timeline.start(T0)
    body = request_of("openai", 1, stream=False).partition(b"\r\n\r\n")[2]
    delays = []
    for at_s in (9, 10, 11, 15, 19, 20):
        plan = timeline.plan("openai", "POST", "/v1/chat/completions", headers={}, body=body, received_ns=T0 + at_s * S)
        assert isinstance(plan.action, Forward)
        delays.append(plan.action.delay_s)
    assert [0, 0, 1, 5, 9, 0] == pytest.approx(delays)
    (row,) = timeline.rows(T0 + 30 * S)
    assert (4, 3, False) == (row["matched"], row["bites"], row["whole"])


@pytest.mark.parametrize(
    ("fault", "given", "whole"),
    [
        ("overloaded", {}, None),
        ("request_over_limit", {}, None),
        ("request_over_limit", {"above": "5 tokens"}, False),
        ("third_party_refused", {"system": "opencode"}, False),
        ("oauth_refresh_down", {}, False),
    ],
)
def test_a_window_whose_fault_picks_is_not_whole(scenario_of, fault, given, whole):
    """The ledger says of a window whose fault lets some requests pass that a router may rightly stay."""
    scenario = scenario_of([{"at": "0s", "on": "anthropic", "fault": fault, "with": given}])
    timeline = Timeline(scenario, run="7f3a9c", seed=1, dialects={"anthropic": dialects.find("anthropic")})
    timeline.start(T0)
    (row,) = timeline.rows(T0)
    assert whole == row["whole"]


def test_the_wall_clock_runs_beside_the_runs(scenario_of, request_of):
    """A moment in a vendor's words is the run's clock plus how far the wall clock is ahead of it."""
    given = {"retry_after": "date 30s"}
    scenario = scenario_of([{"at": "0s", "on": "openai", "fault": "rate_limited", "with": given}])
    timeline = Timeline(
        scenario,
        run="7f3a9c",
        seed=1,
        dialects={"openai": dialects.find("openai")},
        wall_ahead_ns=1_800_000_000 * S - T0,
    )
    timeline.start(T0)
    body = request_of("openai", 1, stream=False).partition(b"\r\n\r\n")[2]
    plan = timeline.plan("openai", "POST", "/v1/chat/completions", headers={}, body=body, received_ns=T0 + 5 * S)
    assert "Fri, 15 Jan 2027 08:00:35 GMT" == dict(plan.action.reply.headers)["retry-after"]
