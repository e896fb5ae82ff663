from __future__ import annotations

import pytest
from banstorm.fakes.pace import Pace, TokenTimes
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


@pytest.mark.parametrize("wrong", [(-1, 1, 0), (0, 0, 0), (0, 1, 1.5), (0, 1, -0.1)])
def test_impossible_paces(wrong: tuple[float, float, float]) -> None:
    """A pace that no clock could keep is refused."""
    with pytest.raises(ValueError, match="a pace needs"):
        Pace(*wrong)
