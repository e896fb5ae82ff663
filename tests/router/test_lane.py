"""Streams that fail before they begin, between plain calls that succeed: the streams leave, the plain calls stay."""

from __future__ import annotations

import pytest
from banstorm.router import LLMProvider
from banstorm.router.config import Breaker as Settings
from banstorm.router.errors import Failure, Meaning
from banstorm.router.lane import Lane, make_lane
from banstorm.router.policies.breaker import State
from banstorm.router.provider import AttemptLimits

CUT = Failure(Meaning.TRANSIENT, "disconnected", status=200)
OVERLOADED = Failure(Meaning.TRANSIENT, "overloaded", status=529)
MINE = Failure(Meaning.REQUEST, "invalid_request", status=400)
ODD = Failure(Meaning.DRIFTED, "drift_schema", status=200)


class Named(LLMProvider):
    """Is never asked."""

    name, model = "one", "m"

    async def generate(self, request, limits):
        """Never asked."""
        raise NotImplementedError


class Clock:
    """Seconds that only a test moves."""

    now = 0.0

    def __call__(self) -> float:
        """Now."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock at zero."""
    return Clock()


@pytest.fixture
def lane(clock) -> Lane:
    """One that is up; three failures in a row open a breaker for a second."""
    return make_lane(
        Named(),
        settings=Settings(failures_in_a_row=3, cooldown=1.0),
        limits=AttemptLimits(),
        clock=clock,
        chance=lambda _entity, _n: 0.0,
        changed=lambda *_: None,
    )


def stream(lane: Lane, failure: Failure | None) -> bool:
    """A stream that fails before its first token, or ends well; False if it was refused."""
    permit = lane.admit(stream=True)
    if permit is None:
        return False
    lane.succeeded(permit) if failure is None else lane.failed(permit, failure)
    return True


def plain(lane: Lane) -> None:
    """A plain call that is answered."""
    permit = lane.admit()
    assert permit is not None
    lane.succeeded(permit)


def states(lane: Lane) -> tuple[State, State]:
    """Of everything, and of streams."""
    return lane.breaker.state, lane.streams.state


def test_plain_calls_that_succeed_in_between_hide_nothing(lane):
    """After three streams that never began later ones go elsewhere, and plain calls stay."""
    for _ in range(3):
        assert stream(lane, CUT)
        plain(lane)
    assert states(lane) == (State.CLOSED, State.OPEN)
    assert not stream(lane, CUT)
    assert lane.available()


def test_a_stream_that_ends_well_starts_the_count_anew(lane):
    """Two failures, a good one and two more are no row of three."""
    for failure in (CUT, CUT, None, CUT, CUT):
        stream(lane, failure)
        plain(lane)
    assert states(lane) == (State.CLOSED, State.CLOSED)


@pytest.mark.parametrize("failure", [MINE, ODD])
def test_what_isn_t_the_streams_own_doesn_t_count(lane, failure):
    """A caller's own mistake, and an answer that misses its schema, say nothing about streams."""
    for _ in range(4):
        stream(lane, failure)
        plain(lane)
    assert states(lane) == (State.CLOSED, State.CLOSED)


def test_a_provider_that_fails_everybody_is_left_by_one_breaker(lane):
    """Without good calls in between the whole lane opens; its streams have no probe of their own to wait for."""
    for _ in range(3):
        stream(lane, OVERLOADED)
    assert states(lane) == (State.OPEN, State.CLOSED)


def test_a_probe_that_doesn_t_begin_lengthens_the_wait(lane, clock):
    """The next stream isn't sent at once after it, but after a longer cooldown; a good one brings streams back."""
    for _ in range(3):
        stream(lane, CUT)
        plain(lane)
    clock.now = 1.01
    assert stream(lane, CUT)
    assert states(lane) == (State.CLOSED, State.OPEN)
    clock.now = 2.02
    assert not stream(lane, CUT)
    clock.now = 2.3
    assert stream(lane, None)
    assert states(lane) == (State.CLOSED, State.CLOSED)
