"""Two providers in trouble at once: whoever could still answer is asked, and nobody is shut out for good."""

from __future__ import annotations

import asyncio

import pytest
from banstorm.router import AllProvidersExhausted, Failure, LLMRequest, Meaning
from banstorm.router.config import Breaker, Retry
from banstorm.router.observer import CallRecord
from banstorm.router.policies.breaker import State
from banstorm.router.runner import Runner

BAN = Failure(Meaning.ACCOUNT, "org_disabled", "This organization has been disabled.", status=400)
LIMITED = Failure(Meaning.LIMITED, "rate_limited", "too many", status=429, retry_after_s=9.0)
OVERLOADED = Failure(Meaning.TRANSIENT, "overloaded", "Overloaded", status=529)

both = pytest.mark.parametrize("stream", [False, True])


@both
@pytest.mark.parametrize("second", [BAN, LIMITED, OVERLOADED], ids=str)
def test_a_provider_that_was_skipped_is_asked_when_the_others_fail(lab, stream, second):
    """While one waits for its next probe another fails: the first may be well by now, so it is asked."""
    a, b = lab.Scripted("a"), lab.Scripted("b")

    async def scene() -> None:
        router = lab.make(a, b, breaker=Breaker(cooldown=15.0))
        a.script.extend([OVERLOADED] * 3)
        for _ in range(3):
            assert "b" == await lab.ask(router, stream=stream)
        assert State.OPEN == router.lanes[0].breaker.state
        b.always = second
        assert ["a"] * 20 == await asyncio.gather(*(lab.ask(router, stream=stream) for _ in range(20)))

    lab.virtually(scene())


def test_last_resorts_count_as_attempts(lab):
    """However many breakers are open, a call makes no more attempts than it may."""
    providers = [lab.Scripted(name) for name in "abcd"]
    for provider in providers:
        provider.always = OVERLOADED

    async def scene() -> None:
        router = lab.make(*providers, breaker=Breaker(cooldown=15.0, failures_in_a_row=1))
        for _ in range(2):
            with pytest.raises(AllProvidersExhausted):
                await lab.ask(router)
        for provider in providers:
            provider.asked.clear()
        with pytest.raises(AllProvidersExhausted):
            await lab.ask(router)
        assert 3 >= sum(len(provider.asked) for provider in providers)

    lab.virtually(scene())


def test_a_caller_who_leaves_before_a_retry_shuts_nobody_out(lab):
    """A retry that was to be a probe is handed back when its caller leaves during the backoff."""

    class LateToFail(lab.Scripted):
        async def generate(self, request, limits):
            await asyncio.sleep(1.5)
            return await super().generate(request, limits)

    a, b = lab.Scripted("a"), LateToFail("b")
    a.script.append(OVERLOADED)
    b.script.append(OVERLOADED)

    async def scene() -> None:
        router = lab.make(a, b, breaker=Breaker(cooldown=1.0, failures_in_a_row=1), retry=Retry(backoff=1.0))
        caller = asyncio.create_task(lab.ask(router))
        await asyncio.sleep(1.6)
        # The first's cooldown ended while the second failed, so that the retry now waited for is its probe.
        assert State.HALF_OPEN == router.lanes[0].breaker.state
        caller.cancel()
        await asyncio.wait({caller})
        assert State.OPEN == router.lanes[0].breaker.state
        assert "a" == await lab.ask(router)
        assert State.CLOSED == router.lanes[0].breaker.state

    lab.virtually(scene())


def test_a_probe_that_never_begins_shuts_nobody_out(lab):
    """A probe that is cancelled before its first step hands its ticket back all the same."""
    a = lab.Scripted("a")

    async def scene() -> None:
        router = lab.make(a, breaker=Breaker(cooldown=1.0))
        (lane,) = router.lanes
        a.script.append(BAN)
        with pytest.raises(AllProvidersExhausted):
            await lab.ask(router)
        await asyncio.sleep(1.5)
        permit = lane.admit()
        assert permit is not None
        runner = Runner([], lab.now)
        task, _ = runner.start_probe(
            runner.begin(lane, permit, LLMRequest("hello"), CallRecord(stream=False)), 1.0, 1.0
        )
        task.cancel()
        await asyncio.wait({task})
        assert 1 == len(a.asked)
        assert "a" == await lab.ask(router)

    lab.virtually(scene())


@both
def test_two_probes_are_a_race(lab, stream):
    """With every breaker half open, a probe that hangs holds its caller no longer than its head start."""
    a, b = lab.Scripted("a"), lab.Scripted("b")

    async def scene() -> None:
        router = lab.make(a, b)
        a.script.append(BAN)
        b.script.append(BAN)
        with pytest.raises(AllProvidersExhausted):
            await lab.ask(router, stream=stream)
        await asyncio.sleep(1.5)
        a.always = 3600.0
        started = lab.now()
        assert "b" == await lab.ask(router, stream=stream)
        assert lab.now() - started < 0.5
        await router.aclose()

    lab.virtually(scene())


@both
def test_the_first_probe_to_answer_is_taken(lab, stream):
    """While the last provider's probe hangs, an earlier one's answer isn't kept waiting."""
    a, b = lab.Scripted("a", delay_s=0.8), lab.Scripted("b")

    async def scene() -> None:
        router = lab.make(a, b)
        a.script.append(BAN)
        b.script.append(BAN)
        with pytest.raises(AllProvidersExhausted):
            await lab.ask(router, stream=stream)
        await asyncio.sleep(1.5)
        b.always = 3600.0
        started = lab.now()
        assert "a" == await lab.ask(router, stream=stream)
        assert lab.now() - started < 1.0
        await router.aclose()

    lab.virtually(scene())


def test_a_hang_is_left_for_a_provider_that_may_be_back(lab):
    """A plain call whose provider hangs moves on if the other's cooldown is over, though nobody has probed it."""
    a, b = lab.Scripted("a"), lab.Scripted("b")

    async def scene() -> None:
        router = lab.make(a, b)
        for _ in range(15):
            await lab.ask(router)
        breaker = router.lanes[1].breaker
        for ticket in [breaker.admit() for _ in range(3)]:
            breaker.failed(ticket, OVERLOADED)
        assert State.OPEN == router.lanes[1].breaker.state
        await asyncio.sleep(2.0)
        a.always = 3600.0
        started = lab.now()
        assert ["b"] * 5 == await asyncio.gather(*(lab.ask(router) for _ in range(5)))
        assert lab.now() - started < 3.0
        await router.aclose()

    lab.virtually(scene())
