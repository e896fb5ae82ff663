"""A caller's own deadline is the caller's: what it cuts says nothing about the provider, unless it was late."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from banstorm.router import AllProvidersExhausted, Failure, LLMRequest, Meaning, StreamInterrupted
from banstorm.router.config import Breaker, Timeouts
from banstorm.router.errors import RouterError
from banstorm.router.policies.breaker import State

OVERLOADED = Failure(Meaning.TRANSIENT, "overloaded", "Overloaded", status=529)
PIECE = {"choices": [{"index": 0, "delta": {"content": "word "}, "finish_reason": None}]}

both = pytest.mark.parametrize("stream", [False, True])


async def in_a_hurry(router, *, stream, **terms):
    """One call on its own terms."""
    request = LLMRequest("hello")
    request.terms = replace(request.terms, **terms)
    if not stream:
        return (await router.aroute(request)).provider
    return [chunk async for chunk in router.stream(request)]


def states(router):
    """Every breaker's state."""
    return {state for lane in router.lanes for state in (lane.breaker.state, lane.streams.state)}


@both
@pytest.mark.parametrize("known", [0, 15])
@pytest.mark.parametrize("terms", [{"timeout_s": 0.05}, {"silence_s": 0.05}], ids=str)
def test_callers_in_a_hurry_take_nobody_away(lab, stream, known, terms):
    """Calls that allow less time than healthy providers need fail by their deadline, and every breaker stays closed."""
    a, b = lab.Scripted("a", 0.2), lab.Scripted("b", 0.2)

    async def scene() -> None:
        router = lab.make(a, b)
        for _ in range(known):
            await lab.ask(router, stream=stream)
        for _ in range(12):
            started = lab.now()
            with pytest.raises(AllProvidersExhausted, match="deadline"):
                await in_a_hurry(router, stream=stream, **terms)
            assert pytest.approx(0.05) == lab.now() - started
        assert {State.CLOSED} == states(router)
        assert [0, 0] == [lane.in_flight for lane in router.lanes]
        assert "a" == await lab.ask(router, stream=stream)

    lab.virtually(scene())


@pytest.mark.parametrize("buffered", [False, True])
def test_a_stream_longer_than_its_caller_waits_is_no_cut(lab, buffered):
    """A stream that flows as usual until its caller's time is up ends by the deadline, and later ones stay."""

    class Long(lab.Scripted):
        async def stream(self, request, limits):
            for _ in range(30):
                await asyncio.sleep(0.1)
                yield [PIECE]

    async def scene() -> None:
        router = lab.make(Long("a"), Long("b"), buffered=buffered)
        for _ in range(3):
            with pytest.raises(RouterError, match="deadline") as raised:
                await in_a_hurry(router, stream=True, timeout_s=1.0)
            assert buffered is not isinstance(raised.value, StreamInterrupted)
        assert {State.CLOSED} == states(router)

    lab.virtually(scene())


def test_the_routers_own_total_is_a_deadline_too(lab):
    """A healthy stream that runs past `timeouts.total` ends as such, and its provider stays."""

    class Endless(lab.Scripted):
        async def stream(self, request, limits):
            while True:
                await asyncio.sleep(1.0)
                yield [PIECE]

    async def scene() -> None:
        router = lab.make(Endless("a"), Endless("b"), timeouts=Timeouts(total=20.0))
        with pytest.raises(StreamInterrupted, match="deadline"):
            await lab.ask(router, stream=True)
        assert {State.CLOSED} == states(router)

    lab.virtually(scene())


def test_what_a_hang_left_over_is_not_held_against_the_next(lab):
    """A provider that is asked with the rest of a deadline isn't blamed for not making it."""
    a, b = lab.Scripted("a", 0.1), lab.Scripted("b", 0.8)

    async def scene() -> None:
        router = lab.make(a, b)
        for _ in range(15):
            await lab.ask(router)
        a.always = 3600.0
        for _ in range(3):
            with pytest.raises(AllProvidersExhausted, match="deadline"):
                await in_a_hurry(router, stream=False, timeout_s=2.5)
        assert [State.OPEN, State.CLOSED] == [lane.breaker.state for lane in router.lanes]
        assert "b" == await in_a_hurry(router, stream=False, timeout_s=2.5)

    lab.virtually(scene())


@both
@pytest.mark.parametrize("known", [0, 15])
def test_a_hang_shows_under_short_deadlines_too(lab, stream, known):
    """With callers in a hurry only, a provider that hangs is left all the same: it was late by what is usual there."""
    a, b = lab.Scripted("a", 0.2), lab.Scripted("b", 0.2)
    deadline = 1.0 if known else 2.0

    async def scene() -> None:
        router = lab.make(a, b)
        for _ in range(known):
            await lab.ask(router, stream=stream)
        a.always = 3600.0
        for _ in range(3):
            with pytest.raises(AllProvidersExhausted, match="deadline"):
                await in_a_hurry(router, stream=stream, timeout_s=deadline)
        assert State.CLOSED != router.lanes[0].breaker.state
        assert await in_a_hurry(router, stream=stream, timeout_s=deadline)
        await router.aclose()

    lab.virtually(scene())


@both
def test_a_probe_outlives_its_callers_deadline(lab, stream):
    """A probe whose caller has no time left goes on by itself: the provider is found well and the cooldown stays."""
    a = lab.Scripted("a", 0.5)

    async def scene() -> None:
        router = lab.make(a, breaker=Breaker(failures_in_a_row=1))
        (lane,) = router.lanes
        lane.breaker.failed(lane.breaker.admit(), OVERLOADED)
        await asyncio.sleep(2.0)
        with pytest.raises(AllProvidersExhausted, match="deadline"):
            await in_a_hurry(router, stream=stream, timeout_s=0.1)
        assert State.HALF_OPEN == lane.breaker.state
        await asyncio.sleep(0.6)
        assert State.CLOSED == lane.breaker.state
        assert 0 == lane.in_flight

    lab.virtually(scene())


@both
def test_no_probe_leaves_without_time(lab, stream):
    """A call whose deadline has passed starts no probe, and says so."""
    a, b = lab.Scripted("a"), lab.Scripted("b")

    async def scene() -> None:
        router = lab.make(a, b, breaker=Breaker(failures_in_a_row=1))
        first, last = router.lanes
        last.breaker.failed(last.breaker.admit(), OVERLOADED)
        await asyncio.sleep(2.0)
        a.always = 3600.0
        with pytest.raises(AllProvidersExhausted, match="deadline has passed"):
            await in_a_hurry(router, stream=stream, timeout_s=0.1)
        assert (0, State.OPEN, State.CLOSED) == (len(b.asked), last.breaker.state, first.breaker.state)

    lab.virtually(scene())
