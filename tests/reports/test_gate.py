"""The regression gate: what got worse beyond the tolerance is named, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from banstorm.reports.compare import compare
from banstorm.reports.comparison import GateOut
from banstorm.reports.gate import TOLERANCE
from banstorm.reports.gather import Gathered, LeftOut
from banstorm.reports.recorded import Found, Recorded
from banstorm.reports.result import Verdict
from banstorm.reports.tolerance import parse_tolerance
from hypothesis import given
from hypothesis import strategies as st
from recorded_runs import found, report, side

P, F, N = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE


def gate(a: Any, b: Any, tolerance: str = TOLERANCE) -> GateOut:
    """What the gate says of B after A."""
    judged = compare(side(*a), side(*b), parse_tolerance(tolerance)).gate
    assert judged is not None
    return judged


def test_the_tolerance_that_holds_where_none_is_given_is_one() -> None:
    """It is read like any other."""
    assert TOLERANCE == parse_tolerance(TOLERANCE).text


@pytest.mark.parametrize(
    ("key", "a", "b", "tolerance", "verdict"),
    [
        ("lost_calls", 0.0, 0.0, "", P),
        ("lost_calls", 0.0, 1.0, "", F),
        ("lost_calls", 1.0, 0.0, "", P),
        ("lost_calls", 0.0, 1.0, "10%", F),  # a tenth of none
        ("lost_calls", 0.0, 2.0, "lost_calls=2", P),
        ("lost_calls", 0.0, 3.0, "lost_calls=2", F),
        ("lost_calls", 0.0, 2.0, "lost_calls=0.2%", P),  # of a thousand calls
        ("lost_calls", 0.0, 3.0, "lost_calls=0.2%", F),
        ("lost_calls", 10.0, 11.0, "10%", P),
        ("lost_calls", 10.0, 12.0, "10%", F),
        ("time_to_fail_over", 0.1, 0.149, TOLERANCE, P),
        ("time_to_fail_over", 0.1, 0.151, TOLERANCE, F),
        ("time_to_fail_over", 1.0, 1.1, TOLERANCE, P),
        ("time_to_fail_over", 1.0, 1.11, TOLERANCE, F),
        ("time_to_fail_over", 1.0, 1.01, "time_to_fail_over=0ms", F),
        ("time_to_fail_over", 1.0, (9.0, "≥"), "time_to_fail_over=99s", F),  # it never came back
        ("time_to_fail_over", (9.0, "≥"), (9.0, "≥"), "", P),
        ("outage", 0.0, 5.0, "", P),  # no limit of the scenario's: shown, not held
        ("outage", 0.0, 5.0, "outage=1s", F),  # but whoever names it wants it held
        ("added_latency.p50", 0.0, 5.0, "added_latency=1s", F),
        ("silent_losses", 0.0, 1.0, "10%", F),  # always held
    ],
)
def test_a_measure_at_the_gate(key: str, a: Any, b: Any, tolerance: str, verdict: Verdict) -> None:
    """Worse by more than is tolerated fails; by that or less, or better, passes."""
    judged = gate([found(1, "pass", {key: a})], [found(1, "pass", {key: b})], tolerance)
    assert verdict is judged.verdict
    assert (verdict is F) is any(f"{key} got worse" in each for each in judged.reasons)


@pytest.mark.parametrize(
    ("a", "b", "verdict", "words"),
    [
        ("pass", "pass", P, None),
        ("fail", "fail", P, None),
        ("fail", "pass", P, None),
        ("pass", "fail", F, "seed 1: pass → fail, lost_calls broke first"),
        ("inconclusive", "fail", F, "seed 1: inconclusive → fail"),
        ("pass", "inconclusive", N, "seed 1: pass → inconclusive: run it again"),
        ("inconclusive", "inconclusive", N, "every pair has an inconclusive run"),
    ],
)
def test_a_verdict_at_the_gate(a: str, b: str, verdict: Verdict, words: str | None) -> None:
    """A verdict that became fail fails; one that proves nothing any more leaves the gate undecided."""
    judged = gate([found(1, a)], [found(1, b)])
    assert verdict is judged.verdict
    assert (words is None) is (judged.reasons == [])
    assert words is None or any(words in each for each in judged.reasons)


def test_noise_is_told_from_a_change_by_five_pairs() -> None:
    """What goes up and down by turns passes although its mean is worse; what always goes up does not."""
    a = [found(seed, "pass", {"lost_calls": 10.0}) for seed in range(6)]
    noisy = [found(seed, "pass", {"lost_calls": value}) for seed, value in enumerate([0.0, 30, 5, 25, 2, 28])]
    worse = [found(seed, "pass", {"lost_calls": value}) for seed, value in enumerate([14.0, 16, 15, 15, 14, 16])]
    assert (P, F) == (gate(a, noisy).verdict, gate(a, worse).verdict)


def test_a_measure_of_a_later_version_is_held_as_well() -> None:
    """Its limit is the scenario's; what is tolerated of it is a share, since nobody knows here what else it is in."""

    def later(value: float) -> Found:
        document = report(1, "pass", {"outage": value}, expected=("regret",))
        document["findings"][0]["key"] = "regret"
        return Found(Recorded.model_validate(document), Path("runs", "later"))

    assert P is gate([later(1.0)], [later(1.04)]).verdict
    assert ["sudden_ban: regret got worse: 1s → 2s; tolerated: 10% (n = 1)"] == gate([later(1.0)], [later(2.0)]).reasons


def test_a_scenario_that_b_has_not_run_leaves_the_gate_undecided() -> None:
    """Else whoever runs less would pass more."""
    judged = gate([found(1), found(1, scenario="hang")], [found(1)])
    assert N is judged.verdict
    assert ["hang: A has runs of it, B has none to compare them with"] == judged.reasons


def test_runs_of_a_that_b_has_no_partner_for_leave_the_gate_undecided() -> None:
    """A seed or a target that B never ran is named; an older run of a seed that was run again is none of them."""
    seeds = [found(seed) for seed in range(5)]
    judged = gate(seeds, seeds[:1])
    assert (N, ["sudden_ban on reference, seeds 1, 2, 3 and 1 more: B has no run to compare with A's"]) == (
        judged.verdict,
        judged.reasons,
    )
    judged = gate([found(1, target="x"), found(1, target="y")], [found(1, target="x"), found(1, target="x")])
    assert (N, ["sudden_ban on y, seed 1: B has no run to compare with A's"]) == (judged.verdict, judged.reasons)
    assert P is gate([found(1), found(1, name="again")], [found(1)]).verdict
    assert P is gate([found(1)], seeds).verdict


def test_runs_of_b_that_could_not_be_read_leave_the_gate_undecided() -> None:
    """What stands in them nobody knows, even where another run of B has its place."""
    right = Gathered(Path("runs"), [found(1)], [LeftOut("r2", "it has no report")])
    judged = compare(side(found(1)), right, parse_tolerance(TOLERANCE)).gate
    assert judged is not None
    assert (N, ["left out of B: r2: it has no report"]) == (judged.verdict, judged.reasons)
    left = Gathered(Path("runs"), [found(1)], [LeftOut("r2", "it has no report")])
    judged = compare(left, side(found(1)), parse_tolerance(TOLERANCE)).gate
    assert judged is not None
    assert P is judged.verdict


@pytest.mark.parametrize(
    ("key", "a", "b", "words"),
    [
        ("time_to_fail_over", [0.1] * 5, [None] * 5, "A has values of time_to_fail_over, B has none in their place"),
        ("time_to_fail_over", [0.1, None], [None, 0.1], "A has values of time_to_fail_over, B has none"),
        ("time_to_fail_over", [None] * 5, [0.1] * 5, None),
        ("time_to_fail_over", [None] * 5, [None] * 5, None),
        ("time_to_fail_over", [(9.0, "≥")] * 5, [(9.0, "≥")] * 5, None),  # neither of them ever came back
        ("outage", [0.1] * 5, [None] * 5, None),  # shown, not held
        (
            "time_to_fail_over",
            [(3.0, "≥"), 0.1, 0.1, 0.1, 0.1],
            [0.1, *[(4.0, "≥")] * 4],
            "the end of time_to_fail_over was not seen in 4 of B's runs and 1 of A's",
        ),
        ("time_to_fail_over", [(3.0, "≥"), 0.1], [0.1, (3.0, "≥")], None),  # as often in one as in the other
        ("time_to_fail_over", [(3.0, "≥"), (3.0, "≥"), 0.1], [0.1, 0.1, (3.0, "≥")], None),
    ],
)
def test_a_held_measure_that_b_tells_less_of_leaves_the_gate_undecided(
    key: str, a: list[Any], b: list[Any], words: str | None
) -> None:
    """No value where A has one, or more ends that nobody saw, is no proof that nothing got worse."""
    runs = [[found(seed, "fail", {key: value}) for seed, value in enumerate(values)] for values in (a, b)]
    judged = gate(*runs)
    assert (P if words is None else N) is judged.verdict, judged.reasons
    assert (words is None) is (judged.reasons == [])
    assert words is None or words in judged.reasons[0]


@given(st.floats(0, 100), st.floats(0, 100), st.floats(0, 1), st.floats(0, 100))
def test_a_larger_tolerance_never_fails_what_a_smaller_one_passed(
    a: float, b: float, share: float, more: float
) -> None:
    """And what is no worse passes every gate."""
    left, right = ([found(1, "pass", {"outage": value})] for value in (a, b))
    small = gate(left, right, f"outage={share:f}s")
    large = gate(left, right, f"outage={share + more:f}s")
    assert not (small.verdict is P and large.verdict is F)
    assert P is small.verdict or b > a
