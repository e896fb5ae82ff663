"""A stream's first token is waited for briefly where somebody else can be asked, and patiently where nobody can."""

from __future__ import annotations

import pytest
from banstorm.router import AllProvidersExhausted, Failure, Meaning
from banstorm.router.config import Breaker, Retry, Timeouts
from banstorm.router.policies.breaker import State

BAN = Failure(Meaning.ACCOUNT, "org_disabled", "This organization has been disabled.", status=400)
OVERLOADED = Failure(Meaning.TRANSIENT, "overloaded", "Overloaded", status=529)


@pytest.mark.parametrize("buffered", [False, True])
def test_a_single_provider_may_be_slow_to_begin(lab, buffered):
    """With one provider whose first token comes after the limit, every stream gets its answer at the first attempt."""
    a = lab.Scripted("a", 3.0)

    async def scene() -> None:
        router = lab.make(a, buffered=buffered)
        for _ in range(12):
            assert "a" == await lab.ask(router, stream=True)
        assert 12 == len(a.asked)
        assert {State.CLOSED} == {router.lanes[0].breaker.state, router.lanes[0].streams.state}

    lab.virtually(scene())


@pytest.mark.parametrize("other", [BAN, OVERLOADED], ids=str)
def test_so_may_the_last_one_left(lab, other):
    """While the preferred provider is out, the other one's late first tokens are waited for: no stream is lost."""
    a, b = lab.Scripted("a"), lab.Scripted("b", 3.0)
    a.always = other

    async def scene() -> None:
        router = lab.make(a, b)
        assert ["b"] * 12 == [await lab.ask(router, stream=True) for _ in range(12)]
        assert 12 == len(b.asked)
        assert State.CLOSED == router.lanes[1].streams.state

    lab.virtually(scene())


def test_with_somebody_else_the_wait_is_short(lab):
    """A late first token costs its caller the limit where another provider is well; three of them open the breaker."""
    a, b = lab.Scripted("a", 3.0), lab.Scripted("b")

    async def scene() -> None:
        router = lab.make(a, b)
        for _ in range(3):
            started = lab.now()
            assert "b" == await lab.ask(router, stream=True)
            assert pytest.approx(2.1) == lab.now() - started
        assert State.OPEN == router.lanes[0].breaker.state

    lab.virtually(scene())


def test_where_nobody_is_left_a_hang_ends_like_a_plain_answers(lab):
    """A stream that never begins is given up when a plain answer would be, and then the provider is asked again."""
    a = lab.Scripted("a")

    async def scene() -> None:
        for stream in (False, True):
            a.script.append(3600.0)
            router = lab.make(a, timeouts=Timeouts(answer=8.0), retry=Retry(backoff=0.1))
            started = lab.now()
            assert "a" == await lab.ask(router, stream=stream)
            assert 8.0 < lab.now() - started < 8.5

    lab.virtually(scene())


def test_a_probe_that_is_slow_to_begin_is_given_more_each_time(lab):
    """A half-open provider that has become slow is found well in the end, and doesn't keep its breaker half open."""
    a = lab.Scripted("a", 3.5)

    async def scene() -> None:
        router = lab.make(
            a, breaker=Breaker(failures_in_a_row=1), retry=Retry(budget=0.0, budget_reserve=0, wait_max=0.1)
        )
        (lane,) = router.lanes
        lane.breaker.failed(lane.breaker.admit(), BAN)
        took = []
        for _ in range(3):
            await lab.sleep(20.0)
            started = lab.now()
            try:
                assert "a" == await lab.ask(router, stream=True)
            except AllProvidersExhausted as error:
                assert "timeout_first_token" in str(error)  # noqa: PT017 - the last one has to go well
            took.append(lab.now() - started)
        assert pytest.approx([2.0, 3.0, 3.5], abs=0.2) == took
        assert State.CLOSED == lane.breaker.state

    lab.virtually(scene())
