"""Intervals over runs: as the published tables have them, and they cover as often as they say."""

from __future__ import annotations

import math
import random

import pytest
from banstorm.reports.spread import CONFIDENCE, Estimate, estimate, t_quantile, within
from hypothesis import given
from hypothesis import strategies as st

VALUES = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50)


@pytest.mark.parametrize(
    ("degrees", "quantile"),
    # Two-sided 95 %, as every table of Student's t prints them.
    [(1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (5, 2.571), (9, 2.262), (10, 2.228), (30, 2.042), (49, 2.010)],
)
def test_the_quantiles_are_those_of_the_tables(degrees: int, quantile: float) -> None:
    """To the three digits that tables give."""
    assert quantile == pytest.approx(t_quantile(degrees), abs=0.0005)


def test_one_degree_of_freedom_is_cauchys() -> None:
    """Whose distribution has a closed form."""
    for t in (0.1, 1.0, 3.0, 12.0):
        assert 2 / math.pi * math.atan(t) == pytest.approx(within(t, 1))


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ([], None),
        ([3.0], Estimate(1, 3.0, note="n = 1")),
        ([1.0, 2.0, 3.0, 4.0], Estimate(4, 2.5, note="n = 4")),
        ([0.0] * 5, Estimate(5, 0.0, note="the same in all 5")),
    ],
)
def test_too_few_or_all_alike_have_no_interval(values: list[float], wanted: Estimate | None) -> None:
    """And it is said why."""
    assert wanted == estimate(values)


def test_an_interval_by_hand() -> None:
    """1 to 5: mean 3, standard deviation the root of 2.5, so 3 ± 2.776 × 0.7071."""
    found = estimate([1.0, 2.0, 3.0, 4.0, 5.0])
    assert found is not None
    assert (3.0, None) == (found.mean, found.note)
    assert (1.0368, 4.9632) == (pytest.approx(found.low, abs=1e-3), pytest.approx(found.high, abs=1e-3))


def test_an_interval_ends_where_the_measure_does() -> None:
    """No run loses fewer than no calls."""
    found = estimate([0.0, 0.0, 0.0, 0.0, 9.0], least=0.0)
    assert found is not None
    assert 0.0 == found.low


@given(VALUES)
def test_an_interval_holds_its_mean_and_turns_with_its_sign(values: list[float]) -> None:
    """What is found of the negated values is what was found, negated."""
    there, back = estimate(values), estimate([-each for each in values])
    assert there is not None
    assert back is not None
    assert -there.mean == back.mean
    if there.low is not None:
        assert there.high is not None
        assert there.low <= there.mean <= there.high
        assert (-there.high, -there.low) == (back.low, back.high)
        assert there.unclear is back.unclear


@pytest.mark.parametrize("runs", [5, 8, 20])
def test_an_interval_covers_as_often_as_it_says(runs: int) -> None:
    """Of 4,000 repetitions with known truth, 95 % hold it, give or take four standard errors (1.4 %)."""
    chance = random.Random(20260104)
    held = 0
    for _ in range(4000):
        found = estimate([chance.gauss(0.25, 0.03) for _ in range(runs)])
        assert found is not None
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 0.25 <= found.high
    assert CONFIDENCE == pytest.approx(held / 4000, abs=0.014)
