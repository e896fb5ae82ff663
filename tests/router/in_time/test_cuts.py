"""Streams that break off: later ones go elsewhere at once, and what can be hidden is."""

from __future__ import annotations

import asyncio

import pytest
from banstorm.router import AllProvidersExhausted, AttemptFailed, Failure, Meaning, StreamInterrupted
from banstorm.router.config import Breaker
from banstorm.router.policies.breaker import State

BAN = Failure(Meaning.ACCOUNT, "org_disabled", "disabled")
CUT = Failure(Meaning.TRANSIENT, "stream_cut", "cut")
DRIFT = Failure(Meaning.DRIFTED, "malformed_event", "junk")


def chunk(**delta):
    """One chunk."""
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}


class Talking:
    """Streams its name word by word, and breaks off after the second word when `breaks` says why."""

    breaks: Failure | None = None

    async def stream(self, request, limits):
        """Two words, a break or two more."""
        self.asked.append(asyncio.get_running_loop().time())
        for n in range(4):
            await asyncio.sleep(0.1)
            if n == 2 and self.breaks is not None:
                raise AttemptFailed(self.breaks)
            yield [chunk(content=f"{self.name} ")]


@pytest.fixture
def talkers(lab):
    """Two providers that talk."""

    class One(Talking, lab.Scripted):
        pass

    return One("a"), One("b")


@pytest.mark.parametrize("failure", [CUT, DRIFT], ids=str)
def test_the_first_cut_sends_streams_elsewhere_and_plain_calls_stay(lab, talkers, failure):
    """After one stream broke off, streams go to another provider at once; plain calls, which work, are still served."""
    a, b = talkers
    a.breaks = failure

    async def scene() -> None:
        router = lab.make(a, b)
        with pytest.raises(StreamInterrupted):
            await lab.ask(router, stream=True)
        assert ["b b b b "] * 5 == [await lab.ask(router, stream=True) for _ in range(5)]
        assert ["a"] * 5 == [await lab.ask(router) for _ in range(5)]
        assert [State.CLOSED, State.OPEN] == [router.lanes[0].breaker.state, router.lanes[0].streams.state]

    lab.virtually(scene())


def test_a_ban_in_a_stream_is_a_ban(lab, talkers):
    """An error event that bans the account takes plain calls away as well."""
    a, b = talkers
    a.breaks = BAN

    async def scene() -> None:
        router = lab.make(a, b)
        with pytest.raises(StreamInterrupted):
            await lab.ask(router, stream=True)
        assert "b" == await lab.ask(router)
        assert State.OPEN == router.lanes[0].breaker.state

    lab.virtually(scene())


def test_streams_come_back_by_a_whole_one(lab, talkers):
    """While streams break off each probe is a whole stream, held back: it costs no answer; then they return."""
    a, b = talkers
    a.breaks = CUT

    async def scene() -> None:
        router = lab.make(a, b)
        with pytest.raises(StreamInterrupted):
            await lab.ask(router, stream=True)
        started = lab.now()
        for n in range(200):
            if lab.now() - started > 5:
                a.breaks = None
            assert (await lab.ask(router, stream=True)) in {"a a a a ", "b b b b "}, n
            await asyncio.sleep(0.05)
        assert State.CLOSED == router.lanes[0].streams.state
        assert "a a a a " == await lab.ask(router, stream=True)

    lab.virtually(scene())


@pytest.mark.parametrize("failure", [CUT, DRIFT, BAN], ids=str)
def test_buffered_streams_lose_nothing(lab, talkers, failure):
    """With `streams: buffer` a stream that breaks off is replaced by another provider's whole one."""
    a, b = talkers
    a.breaks = failure

    async def scene() -> None:
        router = lab.make(a, b, buffered=True)
        assert ["b b b b "] * 5 == [await lab.ask(router, stream=True) for _ in range(5)]
        b.breaks = CUT
        with pytest.raises(AllProvidersExhausted):
            await lab.ask(router, stream=True)

    lab.virtually(scene())


class Thinking:
    """Thinks for a while, then answers, or falls silent after a thought when `dies`."""

    field, thoughts, dies = "reasoning_content", 8, False

    async def stream(self, request, limits):
        """A thought each second, then a word."""
        for _ in range(self.thoughts):
            await asyncio.sleep(1.0)
            yield [chunk(**{self.field: "hm "})]
        if self.dies:
            await asyncio.sleep(3600)
        yield [chunk(content=f"{self.name} ")]


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_a_model_that_thinks_is_alive(lab, field):
    """Thinking for longer than the limit for the first token isn't silence: nobody is asked a second time."""

    class Deep(Thinking, lab.Scripted):
        pass

    a, b = Deep("a"), lab.Scripted("b")
    a.field = field

    async def scene() -> None:
        assert "a " == await lab.ask(lab.make(a, b), stream=True)
        assert [] == b.asked

    lab.virtually(scene())


def test_a_first_thought_that_nothing_follows_is_hidden(lab):
    """A model that dies after its first thought is silent: the other one answers, and no thought has gone out."""

    class Deep(Thinking, lab.Scripted):
        dies, thoughts = True, 1

    a, b = Deep("a"), lab.Scripted("b")

    async def scene() -> None:
        router = lab.make(a, b, breaker=Breaker())
        started = lab.now()
        assert "b" == await lab.ask(router, stream=True)
        assert lab.now() - started < 6.5

    lab.virtually(scene())


def test_with_nobody_else_streams_are_held_back_while_they_break_off(lab, talkers):
    """A single provider whose streams break off now and then: after the first, failures are hidden and retried."""
    (a, _) = talkers

    async def scene() -> None:
        router = lab.make(a)
        a.breaks = CUT
        with pytest.raises(StreamInterrupted):
            await lab.ask(router, stream=True)
        started = lab.now()
        caller = asyncio.create_task(lab.ask(router, stream=True))
        await asyncio.sleep(0.25)
        a.breaks = None
        assert "a a a a " == await caller
        # It didn't wait for the breaker's next probe: asked at once, cut, and asked again.
        assert lab.now() - started < 1.0
        assert State.CLOSED == router.lanes[0].streams.state

    lab.virtually(scene())


class Pausing:
    """Streams four words; `pauses_s` is how long it is silent after the second."""

    pauses_s = 0.0

    async def stream(self, request, limits):
        """Two words, a pause, two more."""
        self.asked.append(asyncio.get_running_loop().time())
        for n in range(4):
            await asyncio.sleep(0.05 + (self.pauses_s if n == 2 else 0.0))
            yield [chunk(content=f"{self.name} ")]


@pytest.mark.parametrize(
    ("pause_s", "alone", "warm", "elsewhere"),
    [(2.0, False, True, True), (0.3, False, True, False), (2.0, True, True, False), (2.0, False, False, False)],
    ids=["an odd silence", "a short one", "nobody else to ask", "nothing known yet"],
)
def test_an_odd_silence_sends_later_streams_elsewhere(lab, pause_s, alone, warm, elsewhere):
    """A stream silent for far longer than usual moves those that begin after it, and still ends as it will itself."""

    class One(Pausing, lab.Scripted):
        pass

    a, b = One("a"), One("b")

    async def scene() -> None:
        router = lab.make(a) if alone else lab.make(a, b)
        for _ in range(12 if warm else 0):
            await lab.ask(router, stream=True)
        a.pauses_s = pause_s
        first = asyncio.create_task(lab.ask(router, stream=True))
        await asyncio.sleep(1.0)
        a.pauses_s = 0.0
        later = await lab.ask(router, stream=True)
        assert ("b b b b " if elsewhere else "a a a a ") == later
        assert "a a a a " == await first

    lab.virtually(scene())


class Crawling:
    """Says twenty words, one each `every_s`."""

    every_s = 0.02

    async def stream(self, request, limits):
        """Word by word."""
        self.asked.append(asyncio.get_running_loop().time())
        for _ in range(20):
            await asyncio.sleep(self.every_s)
            yield [chunk(content=f"{self.name} ")]


@pytest.mark.parametrize(
    ("every_s", "alone", "elsewhere"),
    [(0.4, False, True), (0.1, False, False), (0.4, True, False)],
    ids=["a twentieth of the usual speed", "a fifth", "nobody else to ask"],
)
def test_a_stream_that_crawls_sends_later_ones_elsewhere(lab, every_s, alone, elsewhere):
    """Tokens that come far more slowly than usual, though without a long silence, move the streams that begin later."""

    class One(Crawling, lab.Scripted):
        pass

    a, b = One("a"), One("b")

    async def scene() -> None:
        router = lab.make(a) if alone else lab.make(a, b)
        for _ in range(12):
            await lab.ask(router, stream=True)
        a.every_s = every_s
        first = asyncio.create_task(lab.ask(router, stream=True))
        await asyncio.sleep(1.9)
        a.every_s = 0.02
        assert ("b " if elsewhere else "a ") * 20 == await lab.ask(router, stream=True)
        assert "a " * 20 == await first

    lab.virtually(scene())


def test_a_caller_that_reads_slowly_is_no_crawling_stream(lab):
    """The caller's own pauses between pieces say nothing about the provider."""

    class One(Crawling, lab.Scripted):
        pass

    a, b = One("a"), One("b")

    async def scene() -> None:
        router = lab.make(a, b)
        for _ in range(12):
            await lab.ask(router, stream=True)
        async for _ in router.stream(lab.request("hello")):
            await asyncio.sleep(0.4)
        assert "a " * 20 == await lab.ask(router, stream=True)

    lab.virtually(scene())
