"""Who was hurt, and how evenly; and the parts of the load, in the run and in each episode."""

from __future__ import annotations

from pathlib import Path

import pytest
from banstorm.reports.result import Result
from synthetic import Ledger, Story, found, judged, value
from told import Told, run_of, steady

STORY = Story(rate=20, duration_s=8.0, at_s=2.0, until_s=4.0)


def two_callers(*lost: int) -> Ledger:
    """160 calls of callers 0 and 1 in turn; the calls of these numbers are lost, to the bitten provider."""
    calls = steady(0, 8, 0.05)
    for number, call in enumerate(calls):
        call.caller = number % 2
        if number in lost:
            call.provider, call.outcome, call.status = None, "error", 502
            call.attempts = [("anthropic", call.due + 0.002, call.due + 0.01, True)]
    return run_of(STORY, calls)


def test_jains_index_of_two_callers(tmp_path: Path) -> None:
    """One keeps all its 80 answers, the other half of its own: (1 + 0.5)^2 / (2 x 1.25) = 0.9."""
    result = judged(two_callers(*range(41, 121, 2)), tmp_path)
    assert value(result, "caller_fairness", "run") == pytest.approx(0.9)
    # 20 calls each; caller 1 got none of its own.
    assert value(result, "caller_fairness", "episode 1 (anthropic)") == pytest.approx(0.5)
    assert result.callers is not None
    assert (result.callers.callers, result.callers.hurt, result.callers.tenth_share) == (2, 1, 1.0)
    assert [(each.caller, each.calls, each.lost) for each in result.callers.most_hurt] == [(1, 80, 40)]
    assert result.callers.fairness.text == "0.9"


def test_callers_with_few_calls_say_nothing_of_fairness(tmp_path: Path) -> None:
    """With four calls each a share of good ones means little: no value, and why."""
    calls = steady(0, 8, 0.05)
    for number, call in enumerate(calls):
        call.caller = number // 4
    each = found(judged(run_of(STORY, calls), tmp_path), "caller_fairness", "run")
    assert (each.value, each.reason) == (None, "0 callers made 5 calls or more, needs 2")


def test_all_lost_is_not_fair(tmp_path: Path) -> None:
    """Where nobody got anything there is nothing to share, and no division by zero."""
    each = found(judged(two_callers(*range(40, 80)), tmp_path), "caller_fairness", "episode 1 (anthropic)")
    assert each.value is None
    assert "nothing to share" in (each.reason or "")


def parts(result: Result, by: str, scope: str) -> dict[str, tuple[int, int, int | None]]:
    """Calls, lost calls and attempts by value."""
    rows = result.slices if scope == "run" else result.window_slices
    return {each.value: (each.calls, each.lost, each.attempts) for each in rows if (each.by, each.scope) == (by, scope)}


def test_parts_of_the_load_add_up_in_every_scope(tmp_path: Path) -> None:
    """By provider, model, shape, stream and client the same calls are told apart, in the run and in the episode."""
    result = judged(two_callers(40, 43), tmp_path)
    for scope, due in (("run", 160), ("episode 1 (anthropic)", 40)):
        for by in ("provider", "model", "shape", "stream", "client"):
            found_parts = parts(result, by, scope).values()
            assert (sum(each[0] for each in found_parts), sum(each[1] for each in found_parts)) == (due, 2), (scope, by)


def test_a_call_belongs_to_who_answered_it_or_failed_it_last(tmp_path: Path) -> None:
    """Rescued by openai it is openai's, failed by anthropic it is anthropic's, and what went nowhere is nobody's."""
    rescued = Told(2.01, 2.2, "openai", attempts=[("anthropic", 2.012, 2.02, True), ("openai", 2.03, 2.2, False)])
    failed = Told(
        2.02, 2.2, None, "error", 502, attempts=[("openai", 2.022, 2.03, False), ("anthropic", 2.04, 2.1, True)]
    )
    nowhere = Told(2.03, 2.04, None, "error", 503)
    result = judged(run_of(STORY, [*steady(0, 8, 0.05), rescued, failed, nowhere]), tmp_path)
    assert parts(result, "provider", "run") == {"anthropic": (161, 1, 162), "none": (1, 1, 0), "openai": (1, 0, 2)}
    assert parts(result, "model", "run")["gpt-5.4-mini"] == (1, 0, 2)
    (lost,) = (each.rows for each in result.slices if (each.by, each.value) == ("provider", "none"))
    assert lost is not None
    assert (lost.table, lost.total) == ("calls", 1)


def test_silent_losses_come_first(tmp_path: Path) -> None:
    """In the headlines, among the measures, and among the outcomes of each scope."""
    calls = steady(0, 8, 0.05)
    calls[45].outcome = "truncated"
    for number in (46, 47):
        calls[number].outcome, calls[number].status = "error", 502
    result = judged(run_of(STORY, calls), tmp_path)
    assert result.headlines[0].label == "Silent losses"
    assert result.findings[0].key == "silent_losses"
    for scope in ("run", "episode 1 (anthropic)"):
        outcomes = [(each.outcome, each.calls, each.silent) for each in result.integrity if each.scope == scope]
        assert outcomes[:2] == [("truncated", 1, 1), ("error", 2, 0)], scope
