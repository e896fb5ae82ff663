"""Streams that fall silent, and callers that pause, in virtual time."""

from __future__ import annotations

import asyncio

import pytest
from banstorm.router import AllProvidersExhausted, Failure, LLMRequest, Meaning, StreamInterrupted
from banstorm.router.config import Timeouts
from banstorm.router.policies.breaker import State
from banstorm.router.watchdog import Watchdog


def chunk(text):
    """One chunk."""
    return {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}


@pytest.mark.parametrize(
    ("pauses", "error", "ends_at"),
    [
        ([0.1, 4.9, 4.9, 4.9], None, 14.8),
        ([0.1, 4.9, 5.1], "timeout_between_tokens", 10.0),
        ([0.1, 3600.0], "timeout_between_tokens", 5.1),
        ([0.1, KeyError("oops")], "unknown_error", 0.1),
    ],
)
def test_silence_within_a_stream(lab, pauses, error, ends_at):
    """Silence up to the limit is borne, again and again; beyond it the stream ends as interrupted, at that moment."""

    class Halting(lab.Scripted):
        async def stream(self, request, limits):
            for pause in pauses:
                if isinstance(pause, Exception):
                    raise pause
                await asyncio.sleep(pause)
                yield [chunk("word ")]

    async def scene():
        router = lab.make(Halting("a"))
        started = lab.now()
        if error is None:
            assert "word " * len(pauses) == await lab.ask(router, stream=True)
        else:
            with pytest.raises(StreamInterrupted, match=error):
                await lab.ask(router, stream=True)
        assert pytest.approx(ends_at) == lab.now() - started

    lab.virtually(scene())


def test_a_caller_may_pause(lab):
    """Time that the caller takes between two pieces is not the provider's silence."""

    class Steady(lab.Scripted):
        async def stream(self, request, limits):
            for _ in range(3):
                await asyncio.sleep(0.1)
                yield [chunk("word ")]

    async def scene():
        texts = []
        async for piece in lab.make(Steady("a")).stream(LLMRequest("hello")):
            texts.append(piece["choices"][0]["delta"]["content"])
            await asyncio.sleep(10)
        assert ["word "] * 3 == texts

    lab.virtually(scene())


def test_watchdog_leaves_foreign_cancellations_alone(lab):
    """A cancellation from elsewhere stays one, and a shorter wait after a longer one ends on time."""

    async def wait(*limits):
        with Watchdog() as watchdog:
            for limit in limits[:-1]:
                watchdog.wait(limit)
                await asyncio.sleep(0)
                watchdog.rest()
            watchdog.wait(limits[-1])
            await asyncio.sleep(100)

    async def scene():
        task = asyncio.create_task(wait(10.0))
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        started = lab.now()
        with pytest.raises(TimeoutError):
            await wait(50.0, 2.0)
        assert pytest.approx(2.0) == lab.now() - started

    lab.virtually(scene())


class Endless:
    """A stream that never falls silent and all but never ends."""

    async def stream(self, request, limits):
        """A word at a time, for longer than anybody should wait."""
        for _ in range(10**6):
            await asyncio.sleep(self.delay_s)
            yield [chunk(self.word)]


def test_a_probe_ends_by_its_callers_deadline(lab):
    """A probe whose stream never ends holds neither its caller nor the breaker longer than a call may take."""

    class Dribbling(Endless, lab.Scripted):
        word = "word "

    a = Dribbling("a", delay_s=1.0)

    async def scene():
        router = lab.make(a, timeouts=Timeouts(total=20.0))
        (lane,) = router.lanes
        permit = lane.admit(stream=True)
        lane.failed(permit, Failure(Meaning.TRANSIENT, "stream_cut", "cut"), midway=True)
        await asyncio.sleep(2.0)
        started = lab.now()
        with pytest.raises(AllProvidersExhausted, match="deadline"):
            await lab.ask(router, stream=True)
        assert pytest.approx(20.0) == lab.now() - started
        assert State.OPEN == lane.streams.state

    lab.virtually(scene())


def test_what_is_held_back_is_bounded(lab):
    """A stream of chunks without a token is given up long before it fills the memory."""

    class Empty(Endless, lab.Scripted):
        word = ""

    async def scene():
        heard = lab.Heard()
        router = lab.make(Empty("a", delay_s=0.00001), lab.Scripted("b"), observers=[heard])
        assert "b" == await lab.ask(router, stream=True)
        assert ["drift_too_large"] == [attempt.failure.reason for attempt in heard.calls[0].attempts]

    lab.virtually(scene())
