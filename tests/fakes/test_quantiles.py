from __future__ import annotations

import math
from itertools import pairwise

import pytest
from banstorm.fakes.quantiles import Quantiles
from hypothesis import given
from hypothesis import strategies as st

NORMAL_P95 = 1.6448536269514722  # the normal distribution's table
NORMAL_P99 = 2.3263478740408408

LEVELS = ["p1", "p5", "p25", "p50", "p90", "p95", "p99", "p99.9"]


@st.composite
def quantiles(draw: st.DrawFn) -> dict[str, float]:
    """Quantiles that make a distribution, two or more of them."""
    names = draw(st.lists(st.sampled_from(LEVELS), min_size=2, unique=True))
    values = sorted(draw(st.floats(1e-6, 1e6)) for _ in names)
    return dict(zip(sorted(names, key=LEVELS.index), values, strict=True))


@given(quantiles())
def test_every_given_quantile_is_met(named: dict[str, float]) -> None:
    """The distribution goes through each point that it was told by."""
    told = Quantiles.of(named)
    assert {name: told.at(float(name[1:]) / 100) for name in named} == pytest.approx(named)


@given(quantiles(), st.lists(st.floats(0, 1), min_size=2))
def test_it_never_falls(named: dict[str, float], levels: list[float]) -> None:
    """A higher level never has a lower value, within the points and in the tails."""
    values = [Quantiles.of(named).at(level) for level in sorted(levels)]
    assert all(lower <= upper * (1 + 1e-9) for lower, upper in pairwise(values))


@given(quantiles(), st.floats(0, 1))
def test_it_is_bounded(named: dict[str, float], level: float) -> None:
    """No draw is over 100 times the highest value or under a hundredth of the lowest."""
    value = Quantiles.of(named).at(level)
    assert min(named.values()) / 100 * (1 - 1e-9) <= value <= max(named.values()) * 100 * (1 + 1e-9)


@pytest.mark.parametrize(
    ("level", "score"),
    [(0.5, 0.0), (0.95, NORMAL_P95), (0.99, NORMAL_P99), (0.05, -NORMAL_P95), (0.01, -NORMAL_P99)],
)
def test_two_quantiles_are_a_lognormal(level: float, score: float) -> None:
    """Through p50 and p95 goes exp(mu + sigma z): its other quantiles are the textbook's."""
    sigma = math.log(2.0 / 0.4) / NORMAL_P95
    assert Quantiles.of({"p50": 0.4, "p95": 2.0}).at(level) == pytest.approx(0.4 * math.exp(sigma * score))


def test_two_quantiles_need_not_be_the_median() -> None:
    """Any two quantiles of a lognormal tell the same one."""
    by_median = Quantiles.of({"p50": 1.0, "p95": math.exp(NORMAL_P95)})
    by_others = Quantiles.of({"p5": math.exp(-NORMAL_P95), "p99": math.exp(NORMAL_P99)})
    for level in (0.001, 0.2, 0.5, 0.7, 0.999):
        assert by_median.at(level) == pytest.approx(by_others.at(level))


def test_more_quantiles_are_pieces() -> None:
    """Halfway between two scores lies the geometric mean of their values, whatever the other pieces are."""
    told = Quantiles.of({"p50": 1.0, "p95": 4.0, "p99": 400.0})
    assert told.at(0.7945900) == pytest.approx(2.0, rel=1e-4)  # z = 0.8224, half of p95's
    assert told.at(0.9764585) == pytest.approx(40.0, rel=1e-3)  # z = 1.9856, between p95's and p99's


@pytest.mark.parametrize(
    ("named", "level", "value"),
    [
        ({"p50": 1.0, "p99.9": 7.0}, 1.0, 7.0),
        ({"p50": 1.0, "p99.9": 7.0}, 0.99999, 7.0),
        ({"p0.1": 0.2, "p50": 1.0}, 0.0, 0.2),
        ({"p50": 1.0, "p51": 3.0}, 1.0, 300.0),
        ({"p49": 1.0, "p50": 3.0}, 0.0, 0.01),
        ({"p5": 2.0, "p95": 2.0}, 1.0, 2.0),
    ],
)
def test_tails_end(named: dict[str, float], level: float, value: float) -> None:
    """A tail ends at p0.1 or p99.9, or at 100 times the outermost value, whichever is nearer."""
    assert Quantiles.of(named).at(level) == pytest.approx(value)


@given(quantiles())
def test_names_come_back(named: dict[str, float]) -> None:
    """What it was told by can be shown again, and the order of telling doesn't matter."""
    assert Quantiles.of(named).named() == pytest.approx(named)
    assert list(Quantiles.of(named).named()) == list(named)
    assert Quantiles.of(dict(reversed(named.items()))) == Quantiles.of(named)


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ({}, "two or more"),
        ({"p50": 1.0}, "two or more"),
        ({"p50": 1.0, "p100": 2.0}, "'p100'"),
        ({"p0": 1.0, "p50": 2.0}, "from p0.1 to p99.9"),
        ({"p50": 1.0, "p99.99": 2.0}, "from p0.1 to p99.9"),
        ({"p50": 1.0, "median": 2.0}, "'median'"),
        ({"p50": 1.0, "p50.0": 2.0}, "each quantile once"),
        ({"p50": 0.0, "p95": 2.0}, "above 0"),
        ({"p50": 1.0, "p95": math.inf}, "above 0"),
        ({"p50": 1.0, "p95": math.nan}, "above 0"),
        ({"p50": 2.0, "p95": 1.0}, "rise"),
    ],
)
def test_what_is_no_distribution(named: dict[str, float], words: str) -> None:
    """Quantiles that no distribution has are refused, by what is wrong."""
    with pytest.raises(ValueError, match=words):
        Quantiles.of(named)


def test_a_steep_piece_does_not_overflow() -> None:
    """Tails that would leave every number end at their bound instead."""
    told = Quantiles.of({"p50": 1e-6, "p50.01": 1e6})
    assert (told.at(1.0), told.at(0.0)) == pytest.approx((1e8, 1e-8))
