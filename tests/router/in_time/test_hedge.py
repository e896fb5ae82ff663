"""Hedging: a late answer is asked for a second time, within a share of the calls."""

from __future__ import annotations

import asyncio

import pytest
from banstorm.router import AllProvidersExhausted, AttemptFailed, Failure, Meaning
from banstorm.router.config import Hedge

OVERLOADED = Failure(Meaning.TRANSIENT, "overloaded", "Overloaded", status=529)
ON = Hedge(enabled=True, share=1.0, reserve=100)

both = pytest.mark.parametrize("stream", [False, True])


async def warmed(lab, *providers, **more):
    """A router that knows the usual times."""
    router = lab.make(*providers, **more)
    for _ in range(32):
        await lab.ask(router)
    for provider in providers:
        provider.asked.clear()
    return router


@both
def test_a_late_answer_is_overtaken(lab, stream):
    """When the first is later than usual the second is asked; its answer is taken and the first is cancelled."""
    a, b = lab.Scripted("a"), lab.Scripted("b")

    async def scene() -> None:
        heard = lab.Heard()
        router = await warmed(lab, a, b, hedge=ON, observers=[heard])
        a.script.append(1.5)
        started = lab.now()
        assert "b" == await lab.ask(router, stream=stream)
        assert lab.now() - started < 0.3
        assert ("hedge", 2) == (heard.calls[-1].why, heard.calls[-1].attempts_made)
        await asyncio.sleep(0)
        assert [0, 0] == [a.running, b.running]
        assert [0, 0] == [lane.in_flight for lane in router.lanes]

    lab.virtually(scene())


@both
def test_in_time_nobody_else_is_asked(lab, stream):
    """A usual answer costs no second attempt, and hedging is off unless it is switched on."""
    a, b = lab.Scripted("a"), lab.Scripted("b")

    async def scene() -> None:
        router = await warmed(lab, a, b, hedge=ON)
        assert "a" == await lab.ask(router, stream=stream)
        off = await warmed(lab, a, b)
        a.script.append(1.0)
        assert "a" == await lab.ask(off, stream=stream)
        assert [] == b.asked

    lab.virtually(scene())


@both
def test_a_hedge_that_fails_costs_nothing_but_itself(lab, stream):
    """The late first answer still counts when the hedge fails; if both fail the call goes on as it would have."""
    a, b, c = lab.Scripted("a"), lab.Scripted("b"), lab.Scripted("c")

    async def scene() -> None:
        router = await warmed(lab, a, b, c, hedge=ON)
        a.script.append(1.0)
        b.script.append(OVERLOADED)
        assert "a" == await lab.ask(router, stream=stream)
        a.always = b.always = 3600.0
        assert "c" == await lab.ask(router, stream=stream)
        assert [0, 0, 0] == [lane.in_flight for lane in router.lanes]

    lab.virtually(scene())


def test_hedges_are_a_share_of_calls(lab):
    """When everything becomes slow hedges don't double the load: they stay a share."""
    a, b = lab.Scripted("a"), lab.Scripted("b")

    async def scene() -> None:
        router = await warmed(lab, a, b, hedge=Hedge(enabled=True, share=0.1, reserve=2))
        for n in range(100):
            a.script.append(0.11 if n % 2 else 0.5)
            await lab.ask(router)
        assert 1 <= len(b.asked) <= 2 + 14

    lab.virtually(scene())


def test_a_caller_who_leaves_ends_both(lab):
    """Neither attempt goes on without its caller."""
    a, b = lab.Scripted("a"), lab.Scripted("b")

    async def scene() -> None:
        router = await warmed(lab, a, b, hedge=ON)
        a.always = b.always = 1.9
        caller = asyncio.create_task(lab.ask(router))
        await asyncio.sleep(1.0)
        assert [1, 1] == [a.running, b.running]
        caller.cancel()
        await asyncio.wait({caller})
        assert [0, 0] == [a.running, b.running]
        assert [0, 0] == [lane.in_flight for lane in router.lanes]

    lab.virtually(scene())


def test_an_attempt_is_an_attempt(lab):
    """A hedge counts against the call's attempts like any other."""
    providers = [lab.Scripted(name) for name in "abcd"]

    async def scene() -> None:
        router = await warmed(lab, *providers, hedge=ON)
        for provider in providers:
            provider.always = 3600.0
        with pytest.raises(AllProvidersExhausted):
            await lab.ask(router, stream=True)
        assert 3 >= sum(len(provider.asked) for provider in providers)

    lab.virtually(scene())


def test_a_caller_who_leaves_while_the_loser_closes_holds_nothing(lab):
    """The hedge has won with an open stream, the loser takes its time to close, and the caller goes: all is given back.

    Kept, the winner would count as being on its way for ever, and its provider would go on writing.
    """

    class Slow(lab.Scripted):
        open = 0
        close_s = 0.0

        async def stream(self, request, limits):
            piece = {"choices": [{"index": 0, "delta": {"content": "x"}, "finish_reason": None}]}
            self.open += 1
            if self.name == "b":
                began.set()
            try:
                await asyncio.sleep(self.delay_s)
                yield [piece]
                await asyncio.sleep(1)
                yield [piece]
            finally:
                await asyncio.sleep(self.close_s)
                self.open -= 1

    a, b, began = Slow("a"), Slow("b"), asyncio.Event()

    async def scene() -> None:
        router = await warmed(lab, a, b, hedge=ON)
        began.clear()
        a.delay_s, a.close_s = 1.9, 0.2
        call = asyncio.create_task(router.open_stream(lab.request("x")))
        await asyncio.wait_for(began.wait(), 5)
        await asyncio.sleep(0.15)
        assert not call.done()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await asyncio.sleep(30)
        assert [(0, 0)] * 2 == [(lane.in_flight, lane.gate.inside) for lane in router.lanes]
        assert 0 == b.open

    lab.virtually(scene())


@both
def test_the_first_ones_failure_is_told_when_the_hedge_wins(lab, stream):
    """The first attempt fails while the second is on its way: the record has it beside the answer."""
    a, b = lab.Scripted("a"), lab.Scripted("b")

    async def scene() -> None:
        heard = lab.Heard()
        router = await warmed(lab, a, b, hedge=ON, observers=[heard])

        async def fail(_request, _limits):
            await asyncio.sleep(0.15)
            raise AttemptFailed(OVERLOADED)

        a.generate = fail
        assert "b" == await lab.ask(router, stream=stream)
        assert [("a", "overloaded")] == [(each.provider, each.failure.reason) for each in heard.calls[-1].attempts]
        assert ("hedge", 2) == (heard.calls[-1].why, heard.calls[-1].attempts_made)

    lab.virtually(scene())
