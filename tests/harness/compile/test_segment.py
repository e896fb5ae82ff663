"""The cutting of a timeline into stretches of one mix, alone."""

from __future__ import annotations

import random

import pytest
from banstorm.harness.compile.segment import segments

CALLS = 2000
SPAN_S = 100.0


def _log(shares: dict[tuple[float, float], tuple[str, float]], seed: int = 3, calls: int = CALLS):
    chooser = random.Random(seed)
    points = []
    for at_s in sorted(chooser.uniform(0, SPAN_S) for _ in range(calls)):
        kind = ""
        for (begin, end), (bad, share) in shares.items():
            if begin <= at_s < end and chooser.random() < share:
                kind = bad
        points.append((at_s, kind))
    return points


@pytest.mark.parametrize("seed", range(5))
def test_a_log_in_which_nothing_changes_is_one_segment(seed):
    """Errors that are spread evenly make no window of their own, however they happen to cluster."""
    points = _log({(0, SPAN_S): ("overloaded", 0.05)}, seed)
    (whole,) = segments(points, 0, SPAN_S, 100)
    assert 0.05 == pytest.approx(whole.share("overloaded"), abs=0.02)


def test_a_few_stray_errors_make_no_segment():
    """Three errors among two thousand calls are no outage."""
    points = [(index / 20, "server_error" if index in {100, 900, 1700} else "") for index in range(CALLS)]
    assert 1 == len(segments(points, 0, SPAN_S, 100))


def test_an_outage_begins_with_its_first_failure_and_ends_with_the_first_answer():
    """Edges are those of the calls, not of the bins."""
    points = [(index / 20, "overloaded" if 31.03 <= index / 20 < 44.4 else "") for index in range(CALLS)]
    before, during, after = segments(points, 0, SPAN_S, 100)
    assert (0, 31.05, 44.4, SPAN_S) == (before.from_s, during.from_s, after.from_s, after.until_s)
    assert 1 == during.share("overloaded")
    assert {"": 888} == after.counts or {""} == set(after.counts)


def test_a_change_of_kind_is_a_new_segment_though_as_much_fails():
    """What fails is part of the mix, not only how much."""
    points = _log({(30, 50): ("rate_limited", 0.5), (50, 70): ("overloaded", 0.5)})
    found = segments(points, 0, SPAN_S, 100)
    assert [{""}, {"", "rate_limited"}, {"", "overloaded"}, {""}] == [
        {kind for kind in each.counts if each.share(kind) > 0.05} for each in found
    ]


def test_segments_cover_the_timeline_and_every_call():
    """Nothing is lost and nothing counted twice."""
    points = _log({(10, 20): ("overloaded", 0.9), (40, 80): ("rate_limited", 0.2)})
    found = segments(points, 0, SPAN_S, 80)
    assert CALLS == sum(each.total for each in found)
    assert [each.until_s for each in found[:-1]] == [each.from_s for each in found[1:]]
    assert (0, SPAN_S) == (found[0].from_s, found[-1].until_s)


def test_the_same_calls_give_the_same_segments():
    """There is no chance in it."""
    points = _log({(10, 20): ("overloaded", 0.4)})
    assert segments(points, 0, SPAN_S, 80) == segments(list(points), 0, SPAN_S, 80)


def test_a_silent_stretch_belongs_to_some_segment():
    """Where nobody called, nothing is known, and nothing breaks."""
    points = [(at_s / 10, "") for at_s in range(100)] + [(80 + at_s / 10, "overloaded") for at_s in range(100)]
    assert 2 == len(segments(points, 0, SPAN_S, 100))
