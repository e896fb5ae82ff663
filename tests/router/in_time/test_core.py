"""`LLMRouter`: exhaustion, the caller's faults, retries, last resorts and deadlines."""

from __future__ import annotations

from typing import Any

import pytest
from banstorm.router import (
    AllProvidersExhausted,
    Failure,
    LLMRequest,
    LLMResponse,
    LLMRouter,
    Meaning,
    RequestRejected,
)
from banstorm.router.config import Breaker, Retry, Timeouts
from banstorm.router.policies.breaker import State

BAN = Failure(Meaning.ACCOUNT, "org_disabled", "This organization has been disabled.", status=400)
BROKEN = Failure(Meaning.TRANSIENT, "server_error", "Internal server error", status=500)
OVERLOADED = Failure(Meaning.TRANSIENT, "overloaded", "Overloaded", status=529)

both = pytest.mark.parametrize("stream", [False, True])


def test_exhausted_says_everything(lab):
    """When nobody can answer there is one RuntimeError, with each attempt's reason."""
    a, b = lab.Scripted("a"), lab.Scripted("b")
    a.always, b.always = BAN, OVERLOADED

    async def scene() -> None:
        router = lab.make(a, b)
        with pytest.raises(RuntimeError, match=r"^All LLM providers exhausted: ") as caught:
            await lab.ask(router)
        assert isinstance(caught.value, AllProvidersExhausted)
        text = str(caught.value)
        assert "a: org_disabled [HTTP 400, account]: This organization has been disabled." in text
        assert "b: overloaded [HTTP 529, transient]: Overloaded" in text
        assert caught.value.retry_after_s is not None

    lab.virtually(scene())


@both
def test_the_callers_fault_moves_nothing(lab, stream):
    """A request that is at fault itself goes back at once: nobody else is asked, no breaker moves."""
    a, b = lab.Scripted("a"), lab.Scripted("b")
    a.always = Failure(Meaning.REQUEST, "context_length", "too long", status=400, body={"param": "messages"})

    async def scene() -> None:
        router = lab.make(a, b)
        for _ in range(20):
            with pytest.raises(RequestRejected, match="too long") as caught:
                await lab.ask(router, stream=stream)
            assert (400, "messages") == (caught.value.status, caught.value.error["param"])
        assert [] == b.asked
        assert State.CLOSED == router.lanes[0].breaker.state

    lab.virtually(scene())


@both
def test_unfit_is_tried_elsewhere_and_moves_nothing(lab, stream):
    """What one provider can't serve another may; the breaker stays closed, and if nobody can, the caller learns why."""
    a, b = lab.Scripted("a"), lab.Scripted("b")
    a.always = Failure(Meaning.UNFIT, "max_tokens_above_cap", "max_tokens: 9 > 8", status=400)

    async def scene() -> None:
        router = lab.make(a, b)
        assert ["b"] * 10 == [await lab.ask(router, stream=stream) for _ in range(10)]
        assert State.CLOSED == router.lanes[0].breaker.state
        b.always = a.always
        with pytest.raises(RequestRejected, match="max_tokens: 9 > 8"):
            await lab.ask(router, stream=stream)

    lab.virtually(scene())


def test_retry_at_the_only_provider(lab):
    """With nobody else to ask, an accident is retried after a backoff, three attempts at most."""
    a = lab.Scripted("a")
    a.script.extend([OVERLOADED])

    async def scene() -> None:
        router = lab.make(a)
        assert "a" == await lab.ask(router)
        assert 2 == len(a.asked)
        a.asked.clear()
        a.always = OVERLOADED
        with pytest.raises(AllProvidersExhausted):
            await lab.ask(router)
        assert len(a.asked) <= 3

    lab.virtually(scene())


def test_retries_have_a_budget(lab):
    """In a storm retries stay a share of the calls; a failover is not a retry and is never refused."""
    a, b = lab.Scripted("a"), lab.Scripted("b")
    a.always = b.always = OVERLOADED

    async def scene() -> None:
        router = lab.make(a, b, breaker=Breaker(enabled=False), retry=Retry(budget=0.1, budget_reserve=5))
        for _ in range(200):
            with pytest.raises(AllProvidersExhausted):
                await lab.ask(router)
        # Every call asks both; 5 retries were saved up, 200 calls earned 20 more.
        assert 400 <= len(a.asked) + len(b.asked) <= 400 + 25

    lab.virtually(scene())


def test_the_last_one_standing_is_asked_in_spite_of_its_breaker(lab):
    """With every breaker open, one that opened by accident is asked all the same; one told to stay away isn't."""
    a, b = lab.Scripted("a"), lab.Scripted("b")
    a.always = BAN

    async def scene() -> None:
        router = lab.make(a, b, breaker=Breaker(cooldown=15.0))
        b.script.extend([OVERLOADED] * 6)
        for _ in range(3):
            with pytest.raises(AllProvidersExhausted):
                await lab.ask(router)
        assert [State.OPEN] * 2 == [lane.breaker.state for lane in router.lanes]
        b.script.clear()
        asked = len(a.asked)
        assert "b" == await lab.ask(router)
        assert State.CLOSED == router.lanes[1].breaker.state
        assert asked == len(a.asked)

    lab.virtually(scene())


def test_attempts_are_bounded(lab):
    """With more providers than attempts the rest isn't asked, and the error says why."""
    providers = [lab.Scripted(name) for name in "abcd"]
    for provider in providers:
        provider.always = BROKEN

    async def scene() -> None:
        with pytest.raises(AllProvidersExhausted, match=r"d: attempts_max \(3\) is reached \(not asked\)"):
            await lab.ask(lab.make(*providers))
        assert [1, 1, 1, 0] == [len(provider.asked) for provider in providers]

    lab.virtually(scene())


def test_fallback_off_asks_once(lab):
    """`fallback: false` sends one attempt to the first provider and hands its failure on."""
    a, b = lab.Scripted("a"), lab.Scripted("b")
    a.always = OVERLOADED

    async def scene() -> None:
        router = lab.make(a, b, fallback=False, breaker=Breaker(enabled=False))
        for _ in range(10):
            with pytest.raises(AllProvidersExhausted):
                await lab.ask(router)
        assert (10, 0) == (len(a.asked), len(b.asked))

    lab.virtually(scene())


def test_slow_answers_are_cut_only_while_someone_else_can_answer(lab):
    """Patience follows a provider's usual time; with nobody else to ask, a long answer is waited for."""
    a, b = lab.Scripted("a"), lab.Scripted("b")

    async def scene() -> None:
        router = lab.make(a, b)
        for _ in range(15):
            await lab.ask(router)
        a.script.append(20.0)
        started = lab.now()
        assert "b" == await lab.ask(router)
        assert lab.now() - started < 2.5
        alone = lab.make(lab.Scripted("c"))
        for _ in range(15):
            await lab.ask(alone)
        only = alone.lanes[0].provider
        only.script.append(20.0)  # type: ignore[attr-defined]
        only.asked.clear()  # type: ignore[attr-defined]
        assert "c" == await lab.ask(alone)
        assert 1 == len(only.asked)  # type: ignore[attr-defined]

    lab.virtually(scene())


def test_total_deadline_bounds_a_call(lab):
    """However many providers there are, a call ends by its deadline."""
    providers = [lab.Scripted(name, delay_s=3600.0) for name in "abc"]

    async def scene() -> None:
        router = lab.make(*providers, timeouts=Timeouts(total=4.0, answer=3.0))
        started = lab.now()
        with pytest.raises(AllProvidersExhausted):
            await lab.ask(router)
        assert lab.now() - started <= 4.01

    lab.virtually(scene())


def test_a_provider_that_raises_anything_costs_no_answer(lab):
    """A user's own provider may have bugs: its exception is a transient failure."""

    class Buggy(lab.Scripted):
        async def generate(self, request: LLMRequest, limits: Any) -> LLMResponse:
            raise KeyError("oops")

    async def scene() -> None:
        assert "b" == await lab.ask(lab.make(Buggy("a"), lab.Scripted("b")))

    lab.virtually(scene())


def test_unavailable_providers_are_skipped(lab):
    """A provider that says it can't be asked isn't, and the error says so."""

    class Absent(lab.Scripted):
        def is_available(self) -> bool:
            return False

    async def scene() -> None:
        assert "b" == await lab.ask(lab.make(Absent("a"), lab.Scripted("b")))
        with pytest.raises(AllProvidersExhausted, match="a: not configured to be asked"):
            await lab.ask(lab.make(Absent("a")))

    lab.virtually(scene())


def test_route_is_for_synchronous_code(lab):
    """`route` answers from plain code, again and again over the same connections, and carries the metadata along."""

    class Quick(lab.Scripted):
        async def generate(self, request: LLMRequest, limits: Any) -> LLMResponse:
            return LLMResponse(content=request.prompt, provider=self.name, tokens_used=7)

    router = LLMRouter([Quick("a")])
    responses = [router.route(LLMRequest("hello", metadata={"n": n})) for n in range(3)]
    router.close()
    assert [0, 1, 2] == [response.metadata["n"] for response in responses if response.metadata]
    assert ("hello", "a", 7) == (responses[0].content, responses[0].provider, responses[0].tokens_used)
    assert responses[0].latency_ms > 0
