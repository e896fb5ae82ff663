"""Bans, hangs and probes over seconds that take no time."""

from __future__ import annotations

import asyncio

import pytest
from banstorm.router import (
    Failure,
    LLMRequest,
    Meaning,
)
from banstorm.router.config import Breaker, Retry
from banstorm.router.messages import Native
from banstorm.router.policies.breaker import State

BAN = Failure(Meaning.ACCOUNT, "org_disabled", "This organization has been disabled.", status=400)
OVERLOADED = Failure(Meaning.TRANSIENT, "overloaded", "Overloaded", status=529)

both = pytest.mark.parametrize("stream", [False, True])


@both
def test_ban_probe_and_return(lab, stream):
    """While banned the provider sees at most a probe a second; when the ban ends it is used again; no call is lost."""
    a, b = lab.Scripted("a"), lab.Scripted("b")

    async def scene() -> None:
        router = lab.make(a, b)
        calls: list[asyncio.Task[str]] = []
        started = lab.now()
        for n in range(600):
            elapsed = n / 60
            a.always = BAN if 2 <= elapsed < 7 else None
            calls.append(asyncio.create_task(lab.ask(router, stream=stream)))
            await asyncio.sleep(started + (n + 1) / 60 - lab.now())
        answers = await asyncio.gather(*calls)
        during = [at - started for at in a.asked if 2.1 <= at - started < 7]
        assert {"a", "b"} == set(answers)
        assert len(during) <= 5
        assert a.most_running <= 20
        # Back within a quarter of the outage and a second, and the answers since are all the first one's.
        back = [n for n in range(600) if answers[n] == "b"][-1] / 60
        assert 7 < back < 7 + 2.4
        assert ["a"] * 30 == answers[-30:]

    lab.virtually(scene())


@both
def test_hang_stays_within_the_deadline(lab, stream):
    """A provider that stops answering costs each caller at most the first-token limit, then nobody waits for it."""
    a, b = lab.Scripted("a"), lab.Scripted("b")

    async def scene() -> None:
        heard = lab.Heard()
        router = lab.make(a, b, observers=[heard])
        for _ in range(20):
            await lab.ask(router, stream=stream)
        a.always = 3600.0
        heard.calls.clear()
        await asyncio.gather(*(lab.ask(router, stream=stream) for _ in range(50)))
        assert {"ok"} == {call.outcome for call in heard.calls}
        assert max(call.duration_s for call in heard.calls) < 2.5
        assert State.OPEN == router.lanes[0].breaker.state
        heard.calls.clear()
        for _ in range(60):
            await lab.ask(router, stream=stream)
            await asyncio.sleep(0.1)
        assert {"ok"} == {call.outcome for call in heard.calls}
        # A probe holds its caller no longer than its head start.
        assert max(call.duration_s for call in heard.calls) < 0.5
        await router.aclose()

    lab.virtually(scene())


@both
def test_one_probe_under_concurrency(lab, stream):
    """A hundred callers at the end of a cooldown send one probe between them."""
    a, b = lab.Scripted("a"), lab.Scripted("b")
    a.always = BAN

    async def scene() -> None:
        router = lab.make(a, b)
        await lab.ask(router, stream=stream)
        await asyncio.sleep(1.5)
        a.asked.clear()
        a.always = 30.0
        answers = await asyncio.gather(*(lab.ask(router, stream=stream) for _ in range(100)))
        assert ["b"] * 100 == answers
        assert 1 == len(a.asked)
        await router.aclose()

    lab.virtually(scene())


@both
def test_a_fast_probe_answers_its_caller(lab, stream):
    """A probe that succeeds within its head start is the caller's answer; nobody else is asked."""
    a, b = lab.Scripted("a"), lab.Scripted("b")
    a.script.append(BAN)

    async def scene() -> None:
        router = lab.make(a, b)
        assert "b" == await lab.ask(router, stream=stream)
        await asyncio.sleep(1.0)
        assert "a" == await lab.ask(router, stream=stream)
        assert (1, State.CLOSED) == (len(b.asked), router.lanes[0].breaker.state)

    lab.virtually(scene())


@both
def test_a_slow_probe_closes_the_breaker_by_itself(lab, stream):
    """A probe that outlives its head start serves nobody, but its success brings the provider back."""
    a, b = lab.Scripted("a", delay_s=0.8), lab.Scripted("b")
    a.script.append(BAN)

    async def scene() -> None:
        router = lab.make(a, b)
        await lab.ask(router, stream=stream)
        await asyncio.sleep(1.0)
        started = lab.now()
        assert "b" == await lab.ask(router, stream=stream)
        assert pytest.approx(0.4) == lab.now() - started
        assert State.HALF_OPEN == router.lanes[0].breaker.state
        await asyncio.sleep(0.6)
        assert State.CLOSED == router.lanes[0].breaker.state
        assert "a" == await lab.ask(router, stream=stream)

    lab.virtually(scene())


@both
def test_a_caller_who_leaves_frees_the_probe(lab, stream):
    """A probe whose caller leaves is cancelled, and the next caller sends the next one."""
    a, b = lab.Scripted("a", delay_s=5.0), lab.Scripted("b")
    a.script.append(BAN)

    async def scene() -> None:
        router = lab.make(a, b)
        await lab.ask(router, stream=stream)
        await asyncio.sleep(1.0)
        caller = asyncio.create_task(lab.ask(router, stream=stream))
        await asyncio.sleep(0.1)
        assert (State.HALF_OPEN, 1) == (router.lanes[0].breaker.state, a.running)
        caller.cancel()
        await asyncio.wait({caller})
        await asyncio.sleep(0)
        assert 0 == a.running
        a.delay_s = 0.1
        assert "a" == await lab.ask(router, stream=stream)

    lab.virtually(scene())


def test_a_probe_is_waited_for_when_nobody_else_answers(lab):
    """If the others fail, the slow probe's answer is the caller's."""
    a, b = lab.Scripted("a", delay_s=0.8), lab.Scripted("b")
    a.script.append(BAN)

    async def scene() -> None:
        router = lab.make(a, b)
        await lab.ask(router)
        await asyncio.sleep(1.0)
        b.always = OVERLOADED
        assert "a" == await lab.ask(router)

    lab.virtually(scene())


@both
@pytest.mark.parametrize("accidents", [0, 2])
def test_a_probe_takes_no_attempt_from_its_caller(lab, stream, accidents):
    """With one attempt left, a probe that hangs holds its caller for its head start, and then who is well is asked."""
    failing = [lab.Scripted(name) for name in "xy"[:accidents]]
    a, b = lab.Scripted("a"), lab.Scripted("b")

    async def scene() -> None:
        retry = Retry(attempts_max=accidents + 1)
        router = lab.make(*failing, a, b, retry=retry, breaker=Breaker(failures_in_a_row=3))
        breaker = router.lanes[accidents].breaker
        for ticket in [breaker.admit() for _ in range(3)]:
            breaker.failed(ticket, OVERLOADED)
        await asyncio.sleep(2.0)
        a.always = 3600.0
        for each in failing:
            each.always = Failure(Meaning.DRIFTED, "drift_fields")
        started = lab.now()
        assert "b" == await lab.ask(router, stream=stream)
        assert lab.now() - started < 0.6
        assert 1 == len(a.asked)
        await router.aclose()

    lab.virtually(scene())


@pytest.mark.parametrize("well", [True, False])
def test_what_cannot_be_repeated_is_no_probe(lab, well):
    """A request that may be sent once only isn't risked on a provider that is half open while another is well."""

    class Service(lab.Scripted):
        def serves(self, operation):
            return True

    a, b = Service("a"), Service("b")

    async def scene() -> None:
        router = lab.make(a, b, breaker=Breaker(failures_in_a_row=1))
        for lane in router.lanes[: 1 if well else 2]:
            lane.breaker.failed(lane.breaker.admit(), OVERLOADED)
        await asyncio.sleep(2.0)
        request = LLMRequest(operation="service", native=Native("http", {}))
        assert not request.repeatable
        assert ("b" if well else "a") == (await router.aroute(request)).provider
        assert (State.OPEN if well else State.CLOSED) == router.lanes[0].breaker.state
        # Somebody else's request finds it well.
        assert "a" == await lab.ask(router)

    lab.virtually(scene())
