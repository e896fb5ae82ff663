"""Findings against simulated runs whose truth is known, over whatever parameters Hypothesis tries."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from banstorm.reports.result import Result, Verdict
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic import NS, PRICES, START_NS, TOKENS, Ledger, Story, add_attempt, judged, simulate, value

EPISODE = "episode 1 (anthropic)"
SETTINGS = settings(max_examples=10, deadline=None)


def result_of(ledger: Ledger) -> Result:
    """The result of a run written to a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        return judged(ledger, Path(folder))


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """Runs of 8 to 10 s in which the router fails over, leaves, recovers and reverts at drawn moments."""
    rate = draw(st.sampled_from([40, 64, 100]))
    steps = lambda most: draw(st.integers(0, round(most * rate))) / rate  # noqa: E731 - a draw on the call grid
    fail_over = steps(1.0)
    return Story(
        rate=rate,
        duration_s=draw(st.sampled_from([9.0, 10.0])),
        at_s=2.0,
        until_s=5.0,
        fail_over_s=fail_over,
        detect_s=max(fail_over + steps(0.5), 1 / rate),
        switch_s=draw(st.integers(0, 50)) / 1000,
        recover_s=steps(1.0),
        revert_s=steps(1.5),
        probe_every_s=draw(st.sampled_from([None, 0.5, 1.0])),
        lost_outcome=draw(st.sampled_from(["error", "refused", "hung"])),
    )


def lost_in(story: Story) -> int:
    """Calls that the simulated router loses."""
    dues = [call / story.rate for call in range(round(story.rate * story.duration_s))]
    return sum(story.at_s <= due + 0.001 and due < story.at_s + story.fail_over_s for due in dues)


@given(story=stories())
@SETTINGS
def test_times_of_failover_are_found_to_within_a_call(story: Story) -> None:
    """Fail over, detect, recover and revert are what the simulated router did, to within the calls that show it."""
    result, step = result_of(simulate(story)), 1 / story.rate
    over = value(result, "time_to_fail_over")
    assert over is not None
    assert story.fail_over_s - 0.002 <= over + 1e-9 <= story.fail_over_s + step
    detect = value(result, "time_to_detect")
    # One of the next 20 calls may still go there, so that the last one before the router left does not count.
    assert detect is not None
    assert max(0, story.detect_s - 2 * step - 0.002) <= detect + 1e-9 <= story.detect_s + step
    recover = value(result, "time_to_recover")
    # A p95 over 2 s forgives 5 % of the calls: 0.1 s.
    assert recover is not None
    assert max(0, story.recover_s - 0.1 - 2 * step) <= recover <= story.recover_s + step
    revert = value(result, "time_to_revert")
    assert revert is not None
    assert story.revert_s <= revert <= story.revert_s + 3 * story.latency_s + step + 0.002


@given(story=stories())
@SETTINGS
def test_losses_and_outage_are_counted_exactly(story: Story) -> None:
    """Lost calls are the ones that the simulated router lost; they are one outage, from the first to the next good."""
    result, lost = result_of(simulate(story)), lost_in(story)
    assert value(result, "lost_calls", "run") == lost
    assert value(result, "silent_losses", "run") == 0
    assert value(result, "callers_hurt", "run") == min(lost, story.callers)
    assert value(result, "availability", "run") == pytest.approx(1 - lost / (story.rate * story.duration_s))
    assert value(result, "outage", "run") == pytest.approx(lost / story.rate)


@given(story=stories())
@SETTINGS
def test_attempts_and_money_add_up(story: Story) -> None:
    """Amplification and cost follow from the rows alone, and every dollar is either useful or wasted."""
    ledger = simulate(story)
    result = result_of(ledger)
    attempts, calls = ledger.tables["attempts"], len(ledger.tables["calls"])
    assert value(result, "retry_amplification", "run") == pytest.approx(len(attempts) / calls)
    usd = sum(row["usd"] for row in ledger.tables["invoices"])
    good = calls - lost_in(story)
    assert value(result, "cost_per_answer", "run") == pytest.approx(usd / good)
    assert value(result, "wasted") == 0
    assert value(result, "bookkeeping_drift") == 1
    assert sum(each.usd for each in result.costs) == pytest.approx(usd)


@given(
    story=stories(),
    limit_ms=st.integers(0, 1500),
    recover_ms=st.integers(0, 1500),
)
@SETTINGS
def test_the_verdict_follows_from_the_findings(story: Story, limit_ms: int, recover_ms: int) -> None:
    """A sound run fails exactly when a found value is over its limit, and passes otherwise."""
    story.expect = {"time_to_fail_over": f"<= {limit_ms}ms", "time_to_recover": f"<= {recover_ms}ms"}
    ledger = simulate(story)
    ledger.change("samples", lambda row: True, value=0.0)
    ledger.change("calls", lambda row: True, sent_ns=None)
    for row, due in zip(ledger.tables["calls"], ledger.tables["schedule"], strict=True):
        row["sent_ns"] = due["scheduled_ns"]
    result = result_of(ledger)
    over, recover = value(result, "time_to_fail_over"), value(result, "time_to_recover")
    assert over is not None
    assert recover is not None
    held = over <= limit_ms / 1000 and recover <= recover_ms / 1000
    assert result.verdict is (Verdict.PASS if held else Verdict.FAIL)
    if not held:
        assert result.first_broken == ("time_to_fail_over" if over > limit_ms / 1000 else "time_to_recover")


@given(story=stories(), wasted=st.integers(1, 40))
@SETTINGS
def test_every_answer_that_is_no_good_is_wasted(story: Story, wasted: int) -> None:
    """Billed answers that came too late are wasted, but not hidden: their usage shows them."""
    ledger = simulate(story)
    ledger.change("calls", lambda row: row["call"] < wasted, outcome="late")
    result = result_of(ledger)
    assert value(result, "wasted") == pytest.approx(wasted * TOKENS * PRICES["anthropic"])
    assert value(result, "hidden_spend") == 0


@st.composite
def spoilt(draw: st.DrawFn) -> dict[int, str]:
    """Some calls due before the fault, each with a reason for which money is wasted on it."""
    numbers = draw(st.lists(st.integers(0, 70), unique=True, max_size=25))
    return {number: draw(st.sampled_from(REASONS)) for number in numbers}


REASONS = ("late", "truncated", "failed", "abandoned", "hedged", "retried", "left")


def spoil(ledger: Ledger, number: int, reason: str) -> None:
    """Let a call's answer, or an attempt beside it, be billed for nothing."""
    due = next(row["scheduled_ns"] for row in ledger.tables["schedule"] if row["call"] == number) / NS - START_NS / NS
    of_call = lambda row: row["call"] == number  # noqa: E731 - which rows
    match reason:
        case "late" | "truncated":
            ledger.change("calls", of_call, outcome=reason)
        case "failed":
            ledger.change("calls", of_call, outcome="error", status=502, provider=None)
        case "abandoned":
            ledger.change("calls", of_call, outcome="hung", status=None, provider=None, terminated=False)
            ledger.change("attempts", of_call, ended_by="router")
        case "left":
            ledger.change("calls", of_call, outcome="left", terminated=False)
            ledger.change("attempts", of_call, ended_by="router")
        case "hedged":
            add_attempt(ledger.tables, number, 7, "openai", due + 0.05, due + 0.1)
        case "retried":
            add_attempt(ledger.tables, number, 7, "openai", due, due + 0.0005)


@given(story=stories(), odd=spoilt())
@SETTINGS
def test_every_wasted_dollar_is_told_by_its_reason(story: Story, odd: dict[int, str]) -> None:
    """Whatever calls are spoilt, and how: each reason's sum is what was spent for it, and nothing is counted twice."""
    ledger = simulate(story)
    for number, reason in odd.items():
        spoil(ledger, number, reason)
    result = result_of(ledger)
    truth: dict[str, float] = {}
    for reason in odd.values():
        price = PRICES["openai" if reason in {"hedged", "retried"} else "anthropic"]
        name = "abandoned" if reason == "left" else reason
        truth[name] = truth.get(name, 0.0) + TOKENS * price
    assert result.money is not None
    assert {each.why: each.usd for each in result.money.wasted} == pytest.approx(truth)
    assert result.money.wasted_usd == pytest.approx(sum(truth.values()))
    assert sum(each.usd for each in result.money.by_phase) == pytest.approx(result.money.billed_usd)
    left = sum(reason == "left" for reason in odd.values())
    bad = sum(reason in {"late", "truncated", "failed", "abandoned"} for reason in odd.values())
    assert value(result, "lost_calls", "run") == lost_in(story) + bad
    assert value(result, "silent_losses", "run") == sum(reason == "truncated" for reason in odd.values())
    assert sum(each.calls for each in result.integrity if each.scope == "run") == len(ledger.tables["calls"]) - left
    by_model = [each for each in result.slices if each.by == "model"]
    assert sum(each.lost for each in by_model) == lost_in(story) + bad


@given(story=stories())
@SETTINGS
def test_probes_and_metastability_follow_the_story(story: Story) -> None:
    """The simulated router recovers, so that nothing is metastable; its probes are those that it made."""
    ledger = simulate(story)
    result = result_of(ledger)
    assert value(result, "metastable") == 0
    detect, rate = value(result, "time_to_detect"), value(result, "probe_rate")
    assert detect is not None
    assert rate is not None
    left_ns = START_NS + round((story.at_s + detect + 2 / story.rate) * NS)
    later = [row for row in ledger.tables["attempts"] if row["fault"] and row["received_ns"] > left_ns]
    length_s = story.until_s - story.at_s - detect
    # One attempt of a call due as the router left may or may not count.
    assert len(later) / length_s - 1e-6 <= rate <= (len(later) + 2) / (length_s - 0.1)
