"""`LLMRouter` over providers made of a few lines, on a loop whose time only passes when nothing else is left to do."""

from __future__ import annotations

import asyncio
import selectors
from collections import deque
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest
from banstorm.router import (
    AllProvidersExhausted,
    AttemptFailed,
    Failure,
    LLMProvider,
    LLMRequest,
    LLMResponse,
    LLMRouter,
    Meaning,
    RequestRejected,
)
from banstorm.router.config import Breaker, Retry, Timeouts
from banstorm.router.observer import CallRecord, Observer
from banstorm.router.policies.breaker import State

T = TypeVar("T")
BAN = Failure(Meaning.ACCOUNT, "org_disabled", "This organization has been disabled.", status=400)
OVERLOADED = Failure(Meaning.TRANSIENT, "overloaded", "Overloaded", status=529)


class _Selector(selectors.DefaultSelector):
    """Doesn't wait: it moves the loop's clock."""

    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> list[Any]:
        ready = super().select(0)
        if not ready:
            assert timeout is not None, "everybody waits for everybody"
            self.loop.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose seconds take no time."""

    def __init__(self) -> None:
        selector = _Selector()
        selector.loop = self
        self.now = 1000.0
        super().__init__(selector)

    def time(self) -> float:
        """Virtual seconds."""
        return self.now


def virtually(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end on virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)


def now() -> float:
    """The loop's virtual time."""
    return asyncio.get_running_loop().time()


class Scripted(LLMProvider):
    """Answers with its name after `delay_s`; `next` holds failures and delays for single attempts."""

    def __init__(self, name: str, delay_s: float = 0.1) -> None:
        self.name, self.model, self.delay_s = name, f"{name}-model", delay_s
        self.script: deque[Failure | float] = deque()
        self.always: Failure | float | None = None
        self.asked: list[float] = []
        self.running = self.most_running = 0

    async def generate(self, request: LLMRequest, limits: Any) -> LLMResponse:
        """Do what the script says."""
        self.asked.append(now())
        what = self.script.popleft() if self.script else self.always
        self.running += 1
        self.most_running = max(self.running, self.most_running)
        try:
            await asyncio.sleep(what if isinstance(what, float) else 0.01 if what else self.delay_s)
        finally:
            self.running -= 1
        if isinstance(what, Failure):
            raise AttemptFailed(what)
        return LLMResponse(content=self.name, provider=self.name, model=self.model, input_tokens=1, output_tokens=1)


class Heard(Observer):
    """Remembers every call."""

    def __init__(self) -> None:
        self.calls: list[CallRecord] = []

    def call_ended(self, record: CallRecord) -> None:
        """Remember it."""
        self.calls.append(record)


def make(*providers: LLMProvider, **more: Any) -> LLMRouter:
    """A router without jitter on virtual time."""
    return LLMRouter(providers, clock=now, chance=lambda _entity, _n: 0.0, **more)


async def ask(router: LLMRouter, *, stream: bool = False) -> str:
    """One call; the name of who answered."""
    request = LLMRequest("hello")
    if not stream:
        return (await router.aroute(request)).provider
    texts = [chunk["choices"][0]["delta"].get("content") or "" async for chunk in router.stream(request)]
    return "".join(texts)


both = pytest.mark.parametrize("stream", [False, True])


def test_exhausted_says_everything():
    """When nobody can answer there is one RuntimeError, with each attempt's reason."""
    a, b = Scripted("a"), Scripted("b")
    a.always, b.always = BAN, OVERLOADED

    async def scene() -> None:
        router = make(a, b)
        with pytest.raises(RuntimeError, match=r"^All LLM providers exhausted: ") as caught:
            await ask(router)
        assert isinstance(caught.value, AllProvidersExhausted)
        text = str(caught.value)
        assert "a: org_disabled [HTTP 400, account]: This organization has been disabled." in text
        assert "b: overloaded [HTTP 529, transient]: Overloaded" in text
        assert caught.value.retry_after_s is not None

    virtually(scene())


@both
def test_the_callers_fault_moves_nothing(stream):
    """A request that is at fault itself goes back at once: nobody else is asked, no breaker moves."""
    a, b = Scripted("a"), Scripted("b")
    a.always = Failure(Meaning.REQUEST, "context_length", "too long", status=400, body={"param": "messages"})

    async def scene() -> None:
        router = make(a, b)
        for _ in range(20):
            with pytest.raises(RequestRejected, match="too long") as caught:
                await ask(router, stream=stream)
            assert (400, "messages") == (caught.value.status, caught.value.error["param"])
        assert [] == b.asked
        assert State.CLOSED == router.lanes[0].breaker.state

    virtually(scene())


@both
def test_unfit_is_tried_elsewhere_and_moves_nothing(stream):
    """What one provider can't serve another may; the breaker stays closed, and if nobody can, the caller learns why."""
    a, b = Scripted("a"), Scripted("b")
    a.always = Failure(Meaning.UNFIT, "max_tokens_above_cap", "max_tokens: 9 > 8", status=400)

    async def scene() -> None:
        router = make(a, b)
        assert ["b"] * 10 == [await ask(router, stream=stream) for _ in range(10)]
        assert State.CLOSED == router.lanes[0].breaker.state
        b.always = a.always
        with pytest.raises(RequestRejected, match="max_tokens: 9 > 8"):
            await ask(router, stream=stream)

    virtually(scene())


@both
def test_ban_probe_and_return(stream):
    """While banned the provider sees at most a probe a second; when the ban ends it is used again; no call is lost."""
    a, b = Scripted("a"), Scripted("b")

    async def scene() -> None:
        router = make(a, b)
        calls: list[asyncio.Task[str]] = []
        started = now()
        for n in range(600):
            elapsed = n / 60
            a.always = BAN if 2 <= elapsed < 7 else None
            calls.append(asyncio.create_task(ask(router, stream=stream)))
            await asyncio.sleep(started + (n + 1) / 60 - now())
        answers = await asyncio.gather(*calls)
        during = [at - started for at in a.asked if 2.1 <= at - started < 7]
        assert {"a", "b"} == set(answers)
        assert len(during) <= 5
        assert a.most_running <= 20
        # Back within a quarter of the outage and a second, and the answers since are all the first one's.
        back = [n for n in range(600) if answers[n] == "b"][-1] / 60
        assert 7 < back < 7 + 2.4
        assert ["a"] * 30 == answers[-30:]

    virtually(scene())


@both
def test_hang_stays_within_the_deadline(stream):
    """A provider that stops answering costs each caller at most the first-token limit, then nobody waits for it."""
    a, b = Scripted("a"), Scripted("b")

    async def scene() -> None:
        heard = Heard()
        router = make(a, b, observers=[heard])
        for _ in range(20):
            await ask(router, stream=stream)
        a.always = 3600.0
        heard.calls.clear()
        await asyncio.gather(*(ask(router, stream=stream) for _ in range(50)))
        assert {"ok"} == {call.outcome for call in heard.calls}
        assert max(call.duration_s for call in heard.calls) < 2.5
        assert State.OPEN == router.lanes[0].breaker.state
        heard.calls.clear()
        for _ in range(60):
            await ask(router, stream=stream)
            await asyncio.sleep(0.1)
        assert {"ok"} == {call.outcome for call in heard.calls}
        # A probe holds its caller no longer than its head start.
        assert max(call.duration_s for call in heard.calls) < 0.5
        await router.aclose()

    virtually(scene())


@both
def test_one_probe_under_concurrency(stream):
    """A hundred callers at the end of a cooldown send one probe between them."""
    a, b = Scripted("a"), Scripted("b")
    a.always = BAN

    async def scene() -> None:
        router = make(a, b)
        await ask(router, stream=stream)
        await asyncio.sleep(1.5)
        a.asked.clear()
        a.always = 30.0
        answers = await asyncio.gather(*(ask(router, stream=stream) for _ in range(100)))
        assert ["b"] * 100 == answers
        assert 1 == len(a.asked)
        await router.aclose()

    virtually(scene())


@both
def test_a_fast_probe_answers_its_caller(stream):
    """A probe that succeeds within its head start is the caller's answer; nobody else is asked."""
    a, b = Scripted("a"), Scripted("b")
    a.script.append(BAN)

    async def scene() -> None:
        router = make(a, b)
        assert "b" == await ask(router, stream=stream)
        await asyncio.sleep(1.0)
        assert "a" == await ask(router, stream=stream)
        assert (1, State.CLOSED) == (len(b.asked), router.lanes[0].breaker.state)

    virtually(scene())


@both
def test_a_slow_probe_closes_the_breaker_by_itself(stream):
    """A probe that outlives its head start serves nobody, but its success brings the provider back."""
    a, b = Scripted("a", delay_s=0.8), Scripted("b")
    a.script.append(BAN)

    async def scene() -> None:
        router = make(a, b)
        await ask(router, stream=stream)
        await asyncio.sleep(1.0)
        started = now()
        assert "b" == await ask(router, stream=stream)
        assert pytest.approx(0.4) == now() - started
        assert State.HALF_OPEN == router.lanes[0].breaker.state
        await asyncio.sleep(0.6)
        assert State.CLOSED == router.lanes[0].breaker.state
        assert "a" == await ask(router, stream=stream)

    virtually(scene())


@both
def test_a_caller_who_leaves_frees_the_probe(stream):
    """A probe whose caller leaves is cancelled, and the next caller sends the next one."""
    a, b = Scripted("a", delay_s=5.0), Scripted("b")
    a.script.append(BAN)

    async def scene() -> None:
        router = make(a, b)
        await ask(router, stream=stream)
        await asyncio.sleep(1.0)
        caller = asyncio.create_task(ask(router, stream=stream))
        await asyncio.sleep(0.1)
        assert (State.HALF_OPEN, 1) == (router.lanes[0].breaker.state, a.running)
        caller.cancel()
        await asyncio.wait({caller})
        await asyncio.sleep(0)
        assert 0 == a.running
        a.delay_s = 0.1
        assert "a" == await ask(router, stream=stream)

    virtually(scene())


def test_a_probe_is_waited_for_when_nobody_else_answers():
    """If the others fail, the slow probe's answer is the caller's."""
    a, b = Scripted("a", delay_s=0.8), Scripted("b")
    a.script.append(BAN)

    async def scene() -> None:
        router = make(a, b)
        await ask(router)
        await asyncio.sleep(1.0)
        b.always = OVERLOADED
        assert "a" == await ask(router)

    virtually(scene())


def test_retry_at_the_only_provider():
    """With nobody else to ask, an accident is retried after a backoff, three attempts at most."""
    a = Scripted("a")
    a.script.extend([OVERLOADED])

    async def scene() -> None:
        router = make(a)
        assert "a" == await ask(router)
        assert 2 == len(a.asked)
        a.asked.clear()
        a.always = OVERLOADED
        with pytest.raises(AllProvidersExhausted):
            await ask(router)
        assert len(a.asked) <= 3

    virtually(scene())


def test_retries_have_a_budget():
    """In a storm retries stay a share of the calls; a failover is not a retry and is never refused."""
    a, b = Scripted("a"), Scripted("b")
    a.always = b.always = OVERLOADED

    async def scene() -> None:
        router = make(a, b, breaker=Breaker(enabled=False), retry=Retry(budget=0.1, budget_reserve=5))
        for _ in range(200):
            with pytest.raises(AllProvidersExhausted):
                await ask(router)
        # Every call asks both; 5 retries were saved up, 200 calls earned 20 more.
        assert 400 <= len(a.asked) + len(b.asked) <= 400 + 25

    virtually(scene())


def test_the_last_one_standing_is_asked_in_spite_of_its_breaker():
    """With every breaker open, one that opened by accident is asked all the same; one told to stay away isn't."""
    a, b = Scripted("a"), Scripted("b")
    a.always = BAN

    async def scene() -> None:
        router = make(a, b, breaker=Breaker(cooldown=15.0))
        b.script.extend([OVERLOADED] * 6)
        for _ in range(3):
            with pytest.raises(AllProvidersExhausted):
                await ask(router)
        assert [State.OPEN] * 2 == [lane.breaker.state for lane in router.lanes]
        b.script.clear()
        asked = len(a.asked)
        assert "b" == await ask(router)
        assert State.CLOSED == router.lanes[1].breaker.state
        assert asked == len(a.asked)

    virtually(scene())


def test_fallback_off_asks_once():
    """`fallback: false` sends one attempt to the first provider and hands its failure on."""
    a, b = Scripted("a"), Scripted("b")
    a.always = OVERLOADED

    async def scene() -> None:
        router = make(a, b, fallback=False, breaker=Breaker(enabled=False))
        for _ in range(10):
            with pytest.raises(AllProvidersExhausted):
                await ask(router)
        assert (10, 0) == (len(a.asked), len(b.asked))

    virtually(scene())


def test_slow_answers_are_cut_only_while_someone_else_can_answer():
    """Patience follows a provider's usual time; with nobody else to ask, a long answer is waited for."""
    a, b = Scripted("a"), Scripted("b")

    async def scene() -> None:
        router = make(a, b)
        for _ in range(15):
            await ask(router)
        a.script.append(20.0)
        started = now()
        assert "b" == await ask(router)
        assert now() - started < 2.5
        alone = make(Scripted("c"))
        for _ in range(15):
            await ask(alone)
        only = alone.lanes[0].provider
        only.script.append(20.0)  # type: ignore[attr-defined]
        only.asked.clear()  # type: ignore[attr-defined]
        assert "c" == await ask(alone)
        assert 1 == len(only.asked)  # type: ignore[attr-defined]

    virtually(scene())


def test_total_deadline_bounds_a_call():
    """However many providers there are, a call ends by its deadline."""
    providers = [Scripted(name, delay_s=3600.0) for name in "abc"]

    async def scene() -> None:
        router = make(*providers, timeouts=Timeouts(total=4.0, answer=3.0))
        started = now()
        with pytest.raises(AllProvidersExhausted):
            await ask(router)
        assert now() - started <= 4.01

    virtually(scene())


def test_a_provider_that_raises_anything_costs_no_answer():
    """A user's own provider may have bugs: its exception is a transient failure."""

    class Buggy(Scripted):
        async def generate(self, request: LLMRequest, limits: Any) -> LLMResponse:
            raise KeyError("oops")

    async def scene() -> None:
        assert "b" == await ask(make(Buggy("a"), Scripted("b")))

    virtually(scene())


def test_unavailable_providers_are_skipped():
    """A provider that says it can't be asked isn't, and the error says so."""

    class Absent(Scripted):
        def is_available(self) -> bool:
            return False

    async def scene() -> None:
        assert "b" == await ask(make(Absent("a"), Scripted("b")))
        with pytest.raises(AllProvidersExhausted, match="a: not configured to be asked"):
            await ask(make(Absent("a")))

    virtually(scene())


def test_route_is_for_synchronous_code():
    """`route` answers from plain code, again and again over the same connections, and carries the metadata along."""

    class Quick(Scripted):
        async def generate(self, request: LLMRequest, limits: Any) -> LLMResponse:
            return LLMResponse(content=request.prompt, provider=self.name, tokens_used=7)

    router = LLMRouter([Quick("a")])
    responses = [router.route(LLMRequest("hello", metadata={"n": n})) for n in range(3)]
    router.close()
    assert [0, 1, 2] == [response.metadata["n"] for response in responses if response.metadata]
    assert ("hello", "a", 7) == (responses[0].content, responses[0].provider, responses[0].tokens_used)
    assert responses[0].latency_ms > 0
