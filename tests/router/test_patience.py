"""How long a plain answer is waited for: what is usual is known from before the trouble."""

from __future__ import annotations

import pytest
from banstorm.router.policies.patience import RIPE_S, SAMPLES_KNOWN, SAMPLES_MIN, Patience


class Hand:
    """A clock that is set."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """What it shows."""
        return self.now


@pytest.fixture
def clock() -> Hand:
    """A clock."""
    return Hand()


def known(clock: Hand, usual_s: float = 0.6) -> Patience:
    """Patience that knows what is usual."""
    patience = Patience(2.0, 60.0, clock)
    for _ in range(SAMPLES_KNOWN):
        patience.answered(usual_s)
    return patience


def test_few_answers_tell_nothing(clock):
    """Until enough answers were seen, the whole limit is waited for; then the slowest of them counts at once."""
    patience = Patience(2.0, 60.0, clock)
    for n in range(SAMPLES_MIN):
        assert 60.0 == patience.limit_s(alternative=True)
        patience.answered(3.0 if n == 4 else 1.0)
    assert patience.limit_s(alternative=True) == pytest.approx(12.0, rel=0.05)
    assert 60.0 == patience.limit_s(alternative=False)


def test_answers_that_become_slower_do_not_raise_the_limit(clock):
    """What a provider needs while it becomes slower isn't its usual time: those who wait for it leave in time."""
    patience = known(clock)
    before = patience.limit_s(alternative=True)
    for _ in range(50):
        clock.now += 0.1
        patience.answered(2.0)
    assert patience.limit_s(alternative=True) <= before


def test_what_lasts_is_usual(clock):
    """A slower pace that has stood for a while is waited for, at the latest after twice the time to ripen."""
    patience = known(clock)
    while clock.now < 100.0 + 2 * RIPE_S + 1:
        clock.now += 0.5
        patience.answered(2.0)
    assert patience.limit_s(alternative=True) == pytest.approx(8.0, rel=0.1)


def test_a_probe_brings_back_whoever_became_slow(clock):
    """Each probe that was cut waits longer; once one is answered, as slow an answer fits into the limit."""
    patience = known(clock)
    for _ in range(4):
        patience.probe_timed_out()
    assert patience.limit_s(alternative=True) > 2.4 * 1.5**3
    patience.answered(6.0)
    assert 6.0 < patience.limit_s(alternative=True) < 10.0
    patience.answered(0.6)  # and quick ones end that
    assert patience.limit_s(alternative=True) == pytest.approx(2.4, rel=0.05)
