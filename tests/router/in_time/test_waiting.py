"""When everybody is out for a moment, calls wait for the moment to pass, within bounds."""

from __future__ import annotations

import asyncio

import pytest
from banstorm.router import AllProvidersExhausted, Failure, Meaning
from banstorm.router.config import Breaker, Retry, Timeouts
from banstorm.router.policies.waiting import WaitingRoom
from banstorm.router.terms import Terms

BAN = Failure(Meaning.ACCOUNT, "org_disabled", "disabled", status=400)
OVERLOADED = Failure(Meaning.TRANSIENT, "overloaded", "Overloaded", status=529)
LIMITED = Failure(Meaning.LIMITED, "rate_limited", "too many", status=429, retry_after_s=1.0)

both = pytest.mark.parametrize("stream", [False, True])


@both
@pytest.mark.parametrize("failure", [OVERLOADED, LIMITED], ids=str)
def test_a_second_without_anybody_costs_hardly_a_call(lab, stream, failure):
    """Both providers fail for a second at 40 calls a second: all but those of the first moment get their answers."""
    a, b = lab.Scripted("a"), lab.Scripted("b")

    async def scene() -> None:
        heard = lab.Heard()
        router = lab.make(a, b, observers=[heard])
        calls = []
        started = lab.now()
        for n in range(160):
            a.always = b.always = failure if 1 <= n / 40 < 2 else None
            calls.append(asyncio.create_task(lab.ask(router, stream=stream)))
            await asyncio.sleep(started + (n + 1) / 40 - lab.now())
        done = await asyncio.gather(*calls, return_exceptions=True)
        assert sum(isinstance(each, BaseException) for each in done) <= 2
        # Nobody's deadline is spent on it, and nobody is stormed.
        assert max(call.duration_s for call in heard.calls) < 2.5
        during = [at for provider in (a, b) for at in provider.asked if 1 <= at - started < 2]
        assert len(during) <= 40 + 10 + 10

    lab.virtually(scene())


@pytest.mark.parametrize(
    ("breaker", "failure"),
    [(Breaker(cooldown=10.0), OVERLOADED), (Breaker(), BAN)],
    ids=["longer than anybody waits", "a ban, which time doesn't mend"],
)
def test_who_wont_be_back_soon_isnt_waited_for(lab, breaker, failure):
    """If nobody is due within the wait, or time alone won't help, the call fails at once and says when to come back."""
    a = lab.Scripted("a")
    a.always = failure

    async def scene() -> None:
        router = lab.make(a, breaker=breaker)
        for _ in range(4):
            started = lab.now()
            with pytest.raises(AllProvidersExhausted) as caught:
                await lab.ask(router)
        assert lab.now() - started < 0.5
        assert caught.value.retry_after_s > 0.5

    lab.virtually(scene())


def test_waiting_ends_with_the_callers_patience(lab):
    """A caller that waits for less than the cooldown gets its error before its own deadline."""
    a = lab.Scripted("a")
    a.always = OVERLOADED

    async def scene() -> None:
        router = lab.make(a, breaker=Breaker(cooldown=1.5, failures_in_a_row=1))
        with pytest.raises(AllProvidersExhausted):
            await lab.ask(router)
        request = lab.request("hello")
        request.terms = Terms(timeout_s=0.4)
        started = lab.now()
        with pytest.raises(AllProvidersExhausted):
            await router.aroute(request)
        assert lab.now() - started <= 0.4

    lab.virtually(scene())


def test_no_more_wait_than_there_are_seats(lab):
    """Beyond `waiting_max` calls are turned away at once: load is shed, and the error says so."""
    a = lab.Scripted("a")

    async def scene() -> None:
        router = lab.make(
            a, breaker=Breaker(failures_in_a_row=1), retry=Retry(budget=0, budget_reserve=0), waiting_max=5
        )
        a.always = OVERLOADED
        with pytest.raises(AllProvidersExhausted):
            await lab.ask(router)
        a.always = None
        calls = [asyncio.create_task(lab.ask(router)) for _ in range(12)]
        done = await asyncio.gather(*calls, return_exceptions=True)
        shed = [str(each) for each in done if isinstance(each, BaseException)]
        assert 5 == done.count("a")
        assert 7 == sum("limits.waiting_max" in each for each in shed)

    lab.virtually(scene())


def test_a_deadline_of_the_callers_own_bounds_a_call(lab):
    """What the caller says it waits for is the call's limit, if it is shorter than the router's."""
    a = lab.Scripted("a", delay_s=3600.0)

    async def scene() -> None:
        for own, limit in ((3.0, 3.0), (50.0, 20.0)):
            request = lab.request("hello")
            request.terms = Terms(timeout_s=own)
            started = lab.now()
            with pytest.raises(AllProvidersExhausted):
                await lab.make(a, timeouts=Timeouts(total=20.0)).aroute(request)
            assert pytest.approx(limit, abs=0.2) == lab.now() - started

    lab.virtually(scene())


def test_the_room_is_left_in_turn(lab):
    """A free place goes to who has waited longest; a breaker that moves wakes everybody."""

    async def scene() -> None:
        room = WaitingRoom(seats=3)
        left = []

        async def wait(name):
            await room.wait(10.0)
            left.append(name)

        tasks = [asyncio.create_task(wait(name)) for name in "abc"]
        await asyncio.sleep(0)
        assert room.full
        room.call_one()
        await asyncio.sleep(0.1)
        assert ["a"] == left
        assert not room.full
        room.call_all()
        await asyncio.gather(*tasks)
        assert ["a", "b", "c"] == left

    lab.virtually(scene())
