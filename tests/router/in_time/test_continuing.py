"""Going on with a stream that broke off, in virtual time: who is asked, when, and what is remembered of whom."""

from __future__ import annotations

import asyncio

import pytest
from banstorm.router import AttemptFailed, Failure, LLMRequest, Meaning, StreamInterrupted
from banstorm.router.policies.breaker import State
from banstorm.router.profile import Profile

CUT = Failure(Meaning.TRANSIENT, "stream_cut", "cut")


def chunk(text="", finish=None):
    """One chunk."""
    return {"id": "x", "created": 1, "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}]}


@pytest.fixture
def counting(lab):
    """Makes providers that count to eight, or break off or fall silent behind a number; the second goes on."""

    class Counting(lab.Scripted):
        stops_at, how = 0, CUT

        async def stream(self, request, limits):
            self.asked.append(lab.now())
            turns = request.chat()["messages"]
            begun = len(turns[-1]["content"].split()) if turns[-1]["role"] == "assistant" else 0
            for n in range(begun + 1, 9):
                await asyncio.sleep(0.05)
                yield [chunk(f"{self.name}{n} ")]
                if n == self.stops_at:
                    if self.how is None:
                        await asyncio.sleep(3600)
                    raise AttemptFailed(self.how)
            yield [chunk(finish="stop")]

    def make(*names, continues="prefill"):
        made = [Counting(name) for name in names]
        for each in made:
            each.profile = Profile(continues=continues)
        return made

    return make


def test_the_next_goes_on(lab, counting):
    """What breaks off is gone on with at once; its provider's streams are left, and the call was a good one."""
    a, b = counting("a", "b")
    a.stops_at = 3
    heard = lab.Heard()

    async def scene():
        router = lab.make(a, b, continuing=True, observers=[heard])
        assert "a1 a2 a3 b4 b5 b6 b7 b8 " == await lab.ask(router, stream=True)
        assert [State.OPEN, State.CLOSED] == [lane.streams.state for lane in router.lanes]
        assert [0, 0] == [lane.in_flight for lane in router.lanes]
        assert "b1 b2 b3 b4 b5 b6 b7 b8 " == await lab.ask(router, stream=True)

    lab.virtually(scene())
    first = heard.calls[0]
    assert ("ok", "b", "continuation", ["b went on after a: stream_cut"]) == (
        first.outcome,
        first.provider,
        first.why,
        first.notes,
    )
    assert ["stream_cut"] == [attempt.failure.reason for attempt in first.attempts]


def test_an_odd_silence_is_enough_where_somebody_can_go_on(lab, counting):
    """With somebody to go on, a stream that is silent for longer than usual isn't waited for to the limit."""
    a, b = counting("a", "b")

    async def scene():
        router = lab.make(a, b, continuing=True)
        for _ in range(12):
            await lab.ask(router, stream=True)
        a.stops_at, a.how = 3, None
        started = lab.now()
        assert "a1 a2 a3 b4 b5 b6 b7 b8 " == await lab.ask(router, stream=True)
        assert lab.now() - started < 2
        # With nobody to go on, only the limit ends it.
        b.profile = Profile()
        await asyncio.sleep(60)
        router = lab.make(a, b, continuing=True)
        started = lab.now()
        with pytest.raises(StreamInterrupted, match="timeout_between_tokens"):
            await lab.ask(router, stream=True)
        assert lab.now() - started > 5

    lab.virtually(scene())


def test_continuations_are_attempts(lab, counting):
    """A call goes on with at most as many attempts as any call has; then it ends with an error."""
    providers = counting("a", "b", "c", "d")
    for n, each in enumerate(providers):
        each.stops_at = n + 2
    heard = lab.Heard()

    async def scene():
        router = lab.make(*providers, continuing=True, observers=[heard])
        with pytest.raises(StreamInterrupted):
            await lab.ask(router, stream=True)
        assert [1, 1, 1, 0] == [len(each.asked) for each in providers]
        assert [0] * 4 == [lane.in_flight for lane in router.lanes]

    lab.virtually(scene())
    assert ["interrupted"] == [call.outcome for call in heard.calls]
    assert 3 == len(heard.calls[0].attempts)


@pytest.mark.parametrize("words", [2, 5])
def test_a_caller_who_leaves_ends_it(lab, counting, words):
    """A caller who leaves, before or behind the seam, ends the call and whatever attempt is under way."""
    a, b = counting("a", "b")
    a.stops_at = 3
    heard = lab.Heard()

    async def scene():
        router = lab.make(a, b, continuing=True, observers=[heard])
        stream = await router.open_stream(LLMRequest("hello"))
        batches = stream.batches()
        for _ in range(words):
            await anext(batches)
        await batches.aclose()
        await stream.aclose()
        assert [0, 0] == [lane.in_flight for lane in router.lanes]

    lab.virtually(scene())
    assert ["cancelled"] == [call.outcome for call in heard.calls]


def test_a_caller_who_leaves_while_somebody_is_looked_for(lab, counting):
    """Whoever is being asked to go on is let go of, and the call is over."""
    a, b = counting("a", "b")
    a.stops_at, b.stops_at, b.how = 3, 3, None
    heard = lab.Heard()

    async def scene():
        router = lab.make(a, b, continuing=True, observers=[heard])
        asking = asyncio.ensure_future(lab.ask(router, stream=True))
        await asyncio.sleep(0.17)
        assert 1 == router.lanes[1].in_flight
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert [0, 0] == [lane.in_flight for lane in router.lanes]

    lab.virtually(scene())
    assert ["cancelled"] == [call.outcome for call in heard.calls]
