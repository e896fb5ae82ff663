"""Two sets of runs are paired by seed; what differs has a direction and, from five pairs on, an interval."""

from __future__ import annotations

from typing import Any

import pytest
from banstorm.reports.compare import compare, verdict_change
from banstorm.reports.comparison import Change, ComparisonOut, DifferenceOut
from banstorm.reports.errors import ReportError
from banstorm.reports.measures import keys
from banstorm.reports.result import Verdict
from hypothesis import given
from hypothesis import strategies as st
from recorded_runs import found, side

P, F, N = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE
BETTER, WORSE, SAME, UNCLEAR, UNKNOWN = Change.BETTER, Change.WORSE, Change.SAME, Change.UNCLEAR, Change.UNKNOWN
MIRRORED = {BETTER: WORSE, WORSE: BETTER, SAME: SAME, UNCLEAR: UNCLEAR, UNKNOWN: UNKNOWN}


@pytest.mark.parametrize(
    ("a", "b", "change"),
    [
        (P, P, SAME),
        (F, F, SAME),
        (N, N, SAME),
        (P, F, WORSE),
        (F, P, BETTER),
        (P, N, UNCLEAR),
        (N, P, UNCLEAR),
        (N, F, UNCLEAR),
        (F, N, UNCLEAR),
    ],
)
def test_what_became_of_a_verdict(a: Verdict, b: Verdict, change: Change) -> None:
    """Only between pass and fail did anything get better or worse for certain."""
    assert change is verdict_change(a, b)


def of(a: list[Any], b: list[Any], key: str = "outage") -> DifferenceOut:
    """The difference of one measure, a pair a value."""
    left = [found(seed, "pass", {key: value}) for seed, value in enumerate(a)]
    right = [found(seed, "pass", {key: value}) for seed, value in enumerate(b)]
    (group,) = compare(side(*left), side(*right)).groups
    (difference,) = group.differences
    return difference


@pytest.mark.parametrize(
    ("key", "a", "b", "change"),
    [
        ("outage", 1.0, 2.0, WORSE),
        ("outage", 2.0, 1.0, BETTER),
        ("outage", 1.0, 1.0, SAME),
        ("outage", 1.0, 1.0005, SAME),  # not to be seen in the digits shown
        ("availability", 0.99, 0.999, BETTER),
        ("availability", 1.0, 0.99, WORSE),
        ("bookkeeping_drift", 0.8, 1.1, BETTER),  # nearer to 1
        ("bookkeeping_drift", 1.0, 0.9, WORSE),
        ("added_latency.p50", 0.02, -0.01, BETTER),
        ("outage", 1.0, (3.0, "≥"), WORSE),  # never seen to end
        ("outage", (3.0, "≥"), 1.0, BETTER),
        ("outage", (3.0, "≥"), (9.0, "≥"), UNKNOWN),
        ("outage", 1.0, None, UNKNOWN),
    ],
)
def test_which_way_a_measure_went(key: str, a: Any, b: Any, change: Change) -> None:
    """Smaller is better, larger is better, or nearer to 1, as the measure is defined."""
    assert change is of([a], [b], key).change


@pytest.mark.parametrize(
    ("a", "b", "means"),
    [
        (0.5, (3.0, "≥"), (0.5, None)),
        ((3.0, "≥"), 0.5, (None, 0.5)),
        (0.5, None, (None, None)),  # nobody knows what this run's would be beside it
    ],
)
def test_a_side_that_was_seen_to_its_end_is_told_even_if_the_other_was_not(a: Any, b: Any, means: Any) -> None:
    """From half a second to never: the half second is worth knowing."""
    difference = of([a], [b])
    assert means == (difference.a, difference.b)


def test_a_measure_that_no_run_knows_is_not_compared() -> None:
    """There is no row of dashes."""
    one = side(found(1, "pass", {"outage": None}))
    assert [] == compare(one, one).groups[0].differences


@pytest.mark.parametrize(
    ("a", "b", "change", "interval", "note"),
    [
        ([1.0] * 4, [2.0] * 4, WORSE, False, "n = 4"),
        ([1.0] * 5, [2.0] * 5, WORSE, False, "the same in all 5"),
        ([1.0, 2.0, 3.0, 4.0, 5.0], [2.0, 3.1, 4.0, 5.1, 6.0], WORSE, True, None),
        ([1.0, 2.0, 3.0, 4.0, 5.0], [2.0, 1.0, 4.0, 3.0, 5.1], UNCLEAR, True, None),
        ([1.0] * 5, [2.0] * 4 + [(9.0, "≥")], WORSE, False, "in 1 of 5 pairs the end was not seen"),
        ([1.0] * 4 + [(9.0, "≥")], [2.0] * 3 + [(9.0, "≥"), 1.0], UNCLEAR, False, "in 2 of 5 pairs"),
    ],
)
def test_an_interval_from_five_pairs_on(
    a: list[Any],
    b: list[Any],
    change: Change,
    interval: Any,
    note: str | None,
) -> None:
    """With fewer, with pairs all alike, or with ends that were not seen there is none, and it is said why."""
    difference = of(a, b)
    assert (change, interval) == (difference.change, difference.low is not None)
    assert difference.note is None if note is None else note in (difference.note or "")


def test_the_pairs_share_their_seeds_luck() -> None:
    """A difference that is the same in each pair is clear, however far the runs lie apart from one another."""
    luck = [1.0, 50.0, 7.0, 200.0, 90.0, 31.0]
    difference = of(luck, [each - 0.5 + 0.01 * index for index, each in enumerate(luck)])
    assert difference.low is not None
    assert difference.high is not None
    assert BETTER is difference.change
    assert -0.5 < difference.low < difference.high < -0.4


RUNS = st.lists(
    st.tuples(
        st.sampled_from(["sudden_ban", "rate_limit_storm"]),
        st.integers(0, 6),
        st.sampled_from(["pass", "fail", "inconclusive"]),
        st.dictionaries(
            st.sampled_from(keys()),
            st.one_of(st.none(), st.integers(0, 50).map(float), st.tuples(st.floats(0, 9), st.just("≥"))),
            max_size=4,
        ),
    ),
    max_size=12,
)


@given(RUNS, RUNS)
def test_comparing_the_other_way_round_says_the_opposite(a: list[Any], b: list[Any]) -> None:
    """compare(A, B) is compare(B, A) with each difference negated, and better and worse exchanged."""
    left, right = (
        side(*(found(seed, verdict, measures, scenario=name) for name, seed, verdict, measures in each))
        for each in (a, b)
    )
    try:
        there = compare(left, right)
    except ReportError:
        with pytest.raises(ReportError):
            compare(right, left)
        return
    back = compare(right, left)
    assert _mirrored(there) == [(group.scenario, [_row(each) for each in group.differences]) for group in back.groups]
    assert [[MIRRORED[pair.change] for pair in group.pairs] for group in there.groups] == [
        [pair.change for pair in group.pairs] for group in back.groups
    ]
    assert len(there.unpaired) == len(back.unpaired)


def _row(each: DifferenceOut) -> tuple[Any, ...]:
    low, high = each.low, each.high
    return (each.measure, each.change, each.a, each.b, each.difference, low, high, each.a_unseen, each.b_unseen)


def _mirrored(comparison: ComparisonOut) -> list[Any]:
    def negated(value: float | None) -> float | None:
        return None if value is None else -value

    groups = []
    for group in comparison.groups:
        rows = []
        for each in group.differences:
            difference, low, high = negated(each.difference), negated(each.high), negated(each.low)
            row = (each.measure, MIRRORED[each.change], each.b, each.a, difference, low, high)
            rows.append((*row, each.b_unseen, each.a_unseen))
        groups.append((group.scenario, rows))
    return groups


@given(RUNS)
def test_nothing_differs_from_itself(runs: list[Any]) -> None:
    """Each measure is the same, or can't be told; no verdict changed."""
    one = side(*(found(seed, verdict, measures, scenario=name) for name, seed, verdict, measures in runs))
    if not one.runs:
        return
    for group in compare(one, one).groups:
        assert {each.change for each in group.differences} <= {SAME, UNKNOWN}
        assert {pair.change for pair in group.pairs} == {SAME}


def test_runs_without_a_partner_are_named() -> None:
    """Another seed, another scenario, and an earlier run of a seed that was played again."""
    a = side(found(1, name="old"), found(1, name="new"), found(2), found(3, scenario="hang"))
    b = side(found(1), found(4))
    comparison = compare(a, b)
    assert [("new", "sudden_ban-reference-1")] == [
        (pair.a.folder, pair.b.folder) for group in comparison.groups for pair in group.pairs
    ]
    assert [
        ("A", "sudden_ban", 2, "B has no run of the same scenario and seed"),
        ("A", "hang", 3, "B has no run of the same scenario and seed"),
        ("B", "sudden_ban", 4, "A has no run of the same scenario and seed"),
        ("A", "sudden_ban", 1, "a later run of the same seed is compared"),
    ] == [(each.side, each.scenario, each.seed, each.why) for each in comparison.unpaired]


def test_two_targets_are_compared_with_each_other_and_several_each_with_itself() -> None:
    """One target a side: before and after. Several on a side: each has its own pairs."""
    one = compare(side(found(1, target="litellm")), side(found(1, target="portkey")))
    assert [(None, 1)] == [(each.target, len(each.pairs)) for each in one.groups]
    assert ["target: litellm → portkey"] == one.groups[0].notes
    both = side(found(1, target="litellm"), found(1, target="portkey"))
    assert ["litellm", "portkey"] == [each.target for each in compare(both, both).groups]


def test_nothing_in_common_is_a_mistake() -> None:
    """Different scenarios, or different seeds: what each side has is named, and what to do."""
    with pytest.raises(ReportError, match="A has sudden_ban with seed 1; B has hang with seed 1") as caught:
        compare(side(found(1)), side(found(1, scenario="hang")))
    assert 3 == len(str(caught.value).splitlines())


def test_an_inconclusive_run_proves_nothing() -> None:
    """Its pair is listed, but its measures count for no difference, unless there is nothing else."""
    a = side(found(1, "pass", {"outage": 1.0}), found(2, "pass", {"outage": 1.0}))
    b = side(found(1, "pass", {"outage": 2.0}), found(2, "inconclusive", {"outage": 99.0}))
    (group,) = compare(a, b).groups
    assert [True, False] == [pair.counted for pair in group.pairs]
    assert (1, 1.0) == (group.differences[0].n, group.differences[0].difference)
    assert ["1 of 2 pairs have an inconclusive run and count for no difference"] == group.notes
    (group,) = compare(side(a.runs[1]), side(b.runs[1])).groups
    assert ["every pair has an inconclusive run: the differences prove nothing"] == group.notes


@pytest.mark.parametrize(
    ("a", "b", "note"),
    [
        ({"banstorm": "0.1.0"}, {"banstorm": "0.2.0"}, "banstorm: 0.1.0 → 0.2.0"),
        ({"host": "mitmproxy"}, {"host": "inline"}, "faults are played by: mitmproxy → inline"),
        ({"rate": 60.0}, {"rate": 15.0}, "rate: 60/s → 15/s"),
        ({}, {"tolerance": "10%"}, "tolerance: none → 10%"),
        ({"target_detail": "retries 0"}, {}, "target: reference (retries 0) → reference"),
        ({"machine": {"processor": "a"}}, {"machine": {"processor": "b"}}, "machine: a → b"),
        (
            {"scenario_text": {"load": 1, "seed": 1, "title": "x"}},
            {"scenario_text": {"load": 2, "seed": 2, "title": "y"}},
            "the scenario itself is not the same: load",
        ),
        ({"scenario_text": {"load": 1}}, {"scenario_text": {}}, None),  # a report.json alone has none
    ],
)
def test_what_else_differs_is_noted(a: dict[str, Any], b: dict[str, Any], note: str | None) -> None:
    """The router's settings are not all that may have changed between two runs."""
    (group,) = compare(side(found(1, **a)), side(found(1, **b))).groups
    assert ([] if note is None else [note]) == group.notes
