from __future__ import annotations

import pytest
from banstorm.fakes.pace import Pace, Slowdown, TokenTimes
from banstorm.fakes.quantiles import Quantiles
from hypothesis import given
from hypothesis import strategies as st


def test_without_jitter() -> None:
    """Without jitter the first token comes at ttft and each further one a gap later."""
    times = Pace(0.12, 80).plan(1, "call1")
    assert [times.due(token) for token in (0, 1, 2, 5)] == pytest.approx([0.12, 0.12, 0.1325, 0.17])


@given(st.integers(), st.text(max_size=20), st.floats(0, 1))
def test_jitter_stays_within_its_share(seed: int, entity: str, jitter: float) -> None:
    """Both figures deviate by at most the stated share, in either direction."""
    times = Pace(0.2, 50, jitter).plan(seed, entity)
    assert 0.2 * (1 - jitter) - 1e-9 <= times.first_s <= 0.2 * (1 + jitter) + 1e-9
    assert 0.02 * (1 - jitter) - 1e-9 <= times.gap_s <= 0.02 * (1 + jitter) + 1e-9


def test_seeded_by_entity() -> None:
    """The same seed and call give the same times, in whatever order they are asked for; another of either, others."""
    pace = Pace(0.2, 50, 0.5)
    assert pace.plan(7, "call1") == pace.plan(7, "call1")
    assert len({pace.plan(7, f"call{number}") for number in range(100)}) == 100
    assert pace.plan(7, "call1") != pace.plan(8, "call1")


def test_jitter_is_centred() -> None:
    """Over many calls the mean is the stated figure."""
    firsts = [Pace(1.0, 50, 0.5).plan(3, f"call{number}").first_s for number in range(2000)]
    assert sum(firsts) / len(firsts) == pytest.approx(1.0, abs=0.03)


@given(st.floats(0, 5), st.floats(0.001, 1), st.integers(1, 200))
def test_produced_is_the_inverse_of_due(first_s: float, gap_s: float, token: int) -> None:
    """At the moment a token is due, that many tokens are produced, and never more than there are."""
    times = TokenTimes(first_s, gap_s)
    assert times.produced(times.due(token) + gap_s / 2, 10_000) == token
    assert times.produced(times.due(token) + gap_s / 2, 5) == min(5, token)
    assert times.produced(first_s - 0.001, 5) == 0


TTFT = Quantiles.of({"p50": 0.3, "p95": 1.2})
SPEED = Quantiles.of({"p5": 20.0, "p50": 80.0, "p90": 120.0})
CALLS = 4000


def test_draws_have_the_distribution_asked_for() -> None:
    """Of many calls, the share below a quantile is the quantile's level, for both figures (fixed seed)."""
    plans = [Pace(TTFT, SPEED).plan(3, f"call{number}") for number in range(CALLS)]
    firsts = [plan.first_s for plan in plans]
    speeds = [1 / plan.gap_s for plan in plans]
    for told, drawn in ((TTFT, firsts), (SPEED, speeds)):
        for level in (0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99):
            below = sum(each <= told.at(level) for each in drawn) / CALLS
            assert below == pytest.approx(level, abs=0.025)  # the 99.9 % band of a share of 4,000


def test_the_two_figures_are_independent() -> None:
    """Late first tokens are not the slow answers: of the slow half, half begin late (fixed seed)."""
    plans = [Pace(TTFT, SPEED).plan(4, f"call{number}") for number in range(CALLS)]
    slow = [plan for plan in plans if 1 / plan.gap_s < SPEED.at(0.5)]
    assert sum(plan.first_s > TTFT.at(0.5) for plan in slow) / len(slow) == pytest.approx(0.5, abs=0.04)


def test_draws_are_seeded_by_entity() -> None:
    """A call's draw is the same in any order and whatever else is drawn; another seed gives another."""
    pace = Pace(TTFT, SPEED)
    forwards = [pace.plan(7, f"call{number}") for number in range(50)]
    assert [pace.plan(7, f"call{number}") for number in reversed(range(50))] == forwards[::-1]
    assert len(set(forwards)) == 50
    assert pace.plan(8, "call1") != forwards[1]


def test_jitter_is_for_plain_figures() -> None:
    """Quantiles have their own deviation; a plain figure beside them still has the jitter."""
    assert Pace(TTFT, 80, 1.0).plan(1, "call1").first_s == Pace(TTFT, 80).plan(1, "call1").first_s
    assert Pace(TTFT, 80, 1.0).plan(1, "call1").gap_s != Pace(TTFT, 80).plan(1, "call1").gap_s
    assert Pace(0.2, SPEED, 1.0).plan(1, "call1").gap_s == Pace(0.2, SPEED).plan(1, "call1").gap_s


@pytest.mark.parametrize(
    ("in_flight", "factor"), [(1, 1.0), (19, 1.0), (20, 1.0), (21, 1.05), (30, 1.5), (60, 3.0), (61, 3.0), (9999, 3.0)]
)
def test_slower_under_load(in_flight: int, factor: float) -> None:
    """Beyond `at` requests everything takes in_flight / at times as long, at most `to` times; the way there doesn't."""
    times = Pace(0.2, 50, distance_s=0.08, slowdown=Slowdown(20, 3)).plan(1, "call1", in_flight=in_flight)
    assert (times.first_s, times.gap_s) == pytest.approx((0.08 + 0.2 * factor, 0.02 * factor))


def test_load_stretches_what_was_drawn() -> None:
    """Slowness multiplies a call's own figures: the same call under load is the same call, slower."""
    pace = Pace(TTFT, SPEED, slowdown=Slowdown(10, 5))
    alone, crowded = pace.plan(1, "call1", in_flight=1), pace.plan(1, "call1", in_flight=20)
    assert (crowded.first_s, crowded.gap_s) == pytest.approx((2 * alone.first_s, 2 * alone.gap_s))


def test_distance() -> None:
    """The way to a distant provider comes before the first token, once; the tokens then follow at their pace."""
    near, far = Pace(0.2, 50, 0.5).plan(1, "call1"), Pace(0.2, 50, 0.5, distance_s=0.08).plan(1, "call1")
    assert (far.first_s, far.gap_s) == pytest.approx((near.first_s + 0.08, near.gap_s))


def test_models_differ() -> None:
    """A model with a pace of its own has that one, whole; any other has the provider's."""
    pace = Pace(0.2, 50, distance_s=0.1, models={"mini": Pace(0.05, 200, slowdown=Slowdown(1, 2))})
    assert pace.plan(1, "c", model="large") == TokenTimes(pytest.approx(0.3), 0.02)
    assert pace.plan(1, "c", model="mini") == TokenTimes(0.05, 0.005)
    assert pace.plan(1, "c", model="mini", in_flight=5) == TokenTimes(0.1, 0.01)


@pytest.mark.parametrize("wrong", [(-1, 1, 0), (0, 0, 0), (0, 1, 1.5), (0, 1, -0.1), (TTFT, 0, 0), (0, 1, 0, -1)])
def test_impossible_paces(wrong: tuple[float, float, float]) -> None:
    """A pace that no clock could keep is refused."""
    with pytest.raises(ValueError, match="a pace needs"):
        Pace(*wrong)


@pytest.mark.parametrize("wrong", [(0, 2), (1, 0.5), (1, float("inf")), (1, float("nan"))])
def test_impossible_slowdowns(wrong: tuple[int, float]) -> None:
    """Load never makes a provider faster, nor endlessly slow."""
    with pytest.raises(ValueError, match="a slowdown needs"):
        Slowdown(*wrong)
