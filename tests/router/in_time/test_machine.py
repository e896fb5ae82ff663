"""Breaker, retry, budget, pools and waiting together: any weather, any calls, and what must hold whatever happens."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from banstorm.router import AllProvidersExhausted, AttemptFailed, Failure, Meaning, RequestRejected, StreamInterrupted
from banstorm.router.config import Breaker, Hedge, Retry, Timeouts
from banstorm.router.lane import Lane
from banstorm.router.policies.breaker import State
from banstorm.router.profile import Profile
from banstorm.router.terms import Terms
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

WEATHER: dict[str, Failure | float | None] = {
    "well": None,
    "banned": Failure(Meaning.ACCOUNT, "org_disabled", status=400),
    "revoked": Failure(Meaning.CREDENTIAL, "bad_key", status=401),
    "limited": Failure(Meaning.LIMITED, "rate_limited", status=429, retry_after_s=2.0),
    "overloaded": Failure(Meaning.TRANSIENT, "overloaded", status=529),
    "drifted": Failure(Meaning.DRIFTED, "drift_fields"),
    "unfit": Failure(Meaning.UNFIT, "larger_than_limit", status=413),
    "picky": Failure(Meaning.REQUEST, "invalid_request", status=400),
    "slow": 0.9,
    "hanging": 3600.0,
}
CUT = Failure(Meaning.TRANSIENT, "stream_cut", "cut")
TOTAL_S, ATTEMPTS_MAX, REFUSALS_MAX, BUDGET, RESERVE, PROVIDERS = 20.0, 3, 16, 0.1, 4, ("a", "b", "c")


class Storm(RuleBasedStateMachine):
    """Three providers, the first with two keys; calls begin at any time, weather changes at any time."""

    def lanes(self) -> list[Lane]:
        """The router's lanes; none before it is made."""
        return self.router.lanes if hasattr(self, "router") else []

    @initialize(
        hedged=st.booleans(),
        buffered=st.booleans(),
        wait_max=st.sampled_from([0.1, 3.0]),
        room=st.integers(0, 4),
    )
    def begin(self, *, hedged: bool, buffered: bool, wait_max: float, room: int) -> None:
        """A router of any settings."""
        lab = self.lab
        self.loop = lab.VirtualLoop()
        self.cuts: set[Any] = set()
        self.ill: set[Any] = set()
        cuts = self.cuts

        class One(lab.Scripted):
            async def stream(self, request, limits):
                asked = self.generate(request, limits)
                answer = await asked
                piece = {"choices": [{"index": 0, "delta": {"content": f"{answer.provider} "}, "finish_reason": None}]}
                yield [piece]
                if self in cuts:
                    raise AttemptFailed(CUT)
                await asyncio.sleep(0.05)
                yield [piece]

        self.providers = [One("a"), One("a"), One("b"), One("c")]
        self.providers[0].credential, self.providers[1].credential = "KEY_1", "KEY_2"
        self.providers[2].profile = Profile(concurrency_max=2)
        self.heard = lab.Heard()
        self.asked_before = 0
        self.calls: list[asyncio.Task[str]] = []
        self.buffered, self.hedged = buffered, hedged
        self.router = lab.make(
            *self.providers,
            breaker=Breaker(),
            retry=Retry(attempts_max=ATTEMPTS_MAX, budget=BUDGET, budget_reserve=RESERVE, wait_max=wait_max),
            timeouts=Timeouts(total=TOTAL_S),
            hedge=Hedge(enabled=hedged, share=0.2, reserve=3),
            buffered=buffered,
            waiting_max=room,
            observers=[self.heard],
        )

    @rule(which=st.integers(0, 3), weather=st.sampled_from(sorted(WEATHER)), cut=st.booleans())
    def change(self, which: int, weather: str, cut: bool) -> None:  # noqa: FBT001 - drawn
        """The weather at one provider changes."""
        provider = self.providers[which]
        provider.always = WEATHER[weather]
        if cut or WEATHER[weather] is not None:
            self.ill.add(provider)
        (self.cuts.add if cut else self.cuts.discard)(provider)

    @rule(count=st.integers(1, 6), stream=st.booleans())
    def call(self, count: int, stream: bool) -> None:  # noqa: FBT001 - drawn
        """Calls begin, all at once."""

        async def begin() -> None:
            for _ in range(count):
                task = asyncio.create_task(self.lab.ask(self.router, stream=stream))
                task.add_done_callback(lambda done: done.cancelled() or done.exception())
                self.calls.append(task)
            await asyncio.sleep(0)

        self.loop.run_until_complete(begin())

    @rule(
        count=st.integers(1, 6),
        stream=st.booleans(),
        deadline_s=st.sampled_from([0.0, 0.005, 0.05, 0.12, 0.5, 2.5, 6.0]),
        whole=st.booleans(),
    )
    def call_in_a_hurry(self, count: int, stream: bool, deadline_s: float, whole: bool) -> None:  # noqa: FBT001 - drawn
        """Calls begin whose callers wait for so long and no longer: for the whole answer, or for anything."""
        terms = Terms(timeout_s=deadline_s) if whole else Terms(silence_s=deadline_s)

        async def begin() -> None:
            for _ in range(count):
                task = asyncio.create_task(self.in_time(terms, stream=stream))
                task.add_done_callback(lambda done: done.cancelled() or done.exception())
                self.calls.append(task)
            await asyncio.sleep(0)

        self.loop.run_until_complete(begin())

    async def in_time(self, terms: Terms, *, stream: bool) -> str:
        """One such call; it ends by its deadline."""
        request, started = self.lab.request("hello"), self.lab.now()
        request.terms = terms
        limit = terms.timeout_s if terms.timeout_s is not None else TOTAL_S if stream else terms.silence_s
        assert limit is not None
        try:
            if not stream:
                return (await self.router.aroute(request)).provider
            return "".join([piece["choices"][0]["delta"]["content"] async for piece in self.router.stream(request)])
        finally:
            assert self.lab.now() - started <= limit + 0.05

    @rule(seconds=st.floats(0.01, 8))
    def wait(self, seconds: float) -> None:
        """Time goes by."""
        self.loop.run_until_complete(asyncio.sleep(seconds))

    @rule()
    def leave(self) -> None:
        """Every other caller leaves."""
        for task in self.calls[::2]:
            task.cancel()
        self.loop.run_until_complete(asyncio.sleep(0))

    @rule(which=st.sampled_from(PROVIDERS), draining=st.booleans())
    def drain(self, which: str, draining: bool) -> None:  # noqa: FBT001 - drawn
        """Somebody drains a provider, or ends that."""
        self.router.fleet.drain(which, draining=draining)

    @invariant()
    def at_most_one_probe_a_lane(self) -> None:
        """A breaker is half open only while something is on its way that will decide."""
        for lane in self.lanes():
            if State.HALF_OPEN in (lane.breaker.state, lane.streams.state):
                assert lane.in_flight >= 1

    @invariant()
    def gates_hold(self) -> None:
        """No provider has more attempts at once than it may, and every count is what is really on its way."""
        for lane in self.lanes():
            assert 0 <= lane.in_flight <= lane.gate.inside
            assert not lane.gate.most or lane.gate.inside <= lane.gate.most

    @invariant()
    def calls_are_bounded(self) -> None:
        """No call makes more attempts that count than it may, plus one after a wait; none outlives its deadline."""
        for record in self.heard.calls if self.lanes() else ():
            accidents = [
                each for each in record.attempts if each.failure.meaning in {Meaning.TRANSIENT, Meaning.DRIFTED}
            ]
            probes = len(PROVIDERS) + 1
            waited = 100 if record.waited_s else 0
            assert len(accidents) <= ATTEMPTS_MAX + probes + waited
            assert record.duration_s <= TOTAL_S + 0.1

    @invariant()
    def who_was_always_well_is_asked(self) -> None:
        """Callers in a hurry take nobody away: a breaker is open only where the weather has been bad."""
        for lane in self.lanes():
            if lane.provider not in self.ill:
                assert lane.breaker.state is State.CLOSED
                assert lane.streams.state is State.CLOSED

    @invariant()
    def answers_are_whole(self) -> None:
        """An answer is one provider's, whole; whatever failed says so by its own error."""
        for task in [task for task in getattr(self, "calls", ()) if task.done()]:
            self.calls.remove(task)
            if task.cancelled():
                continue
            error = task.exception()
            if error is None:
                assert task.result() in {*PROVIDERS, *(f"{name} {name} " for name in PROVIDERS)}
            else:
                assert isinstance(error, AllProvidersExhausted | RequestRejected | StreamInterrupted)
                assert not (self.buffered and isinstance(error, StreamInterrupted))

    def teardown(self) -> None:
        """However bad it was: when all is well again, so is the router, and nothing is left behind."""
        if not hasattr(self, "router"):
            return
        self.cuts.clear()
        for provider in self.providers:
            provider.always = None
        for name in PROVIDERS:
            self.router.fleet.drain(name, draining=False)

        async def recover() -> None:
            await asyncio.sleep(TOTAL_S + 1.0)
            for task in self.calls:
                assert task.done(), "a call outlived its deadline"
            # The longest cooldown is 15 s and its jitter; a probe needs a call that brings it.
            for _ in range(40):
                await asyncio.gather(*(self.lab.ask(self.router, stream=n % 2 == 0) for n in range(4)))
                await asyncio.sleep(1.0)
            # Nobody needed the others, so nobody has looked: but whoever asks next may.
            assert [State.CLOSED] * 2 == [lane.breaker.state for lane in self.router.lanes if lane.name == "a"]
            assert all(lane.available(stream=True) or lane.due(stream=True) for lane in self.router.lanes)
            assert "a" == await self.lab.ask(self.router)
            await asyncio.sleep(1.0)
            assert [0] * 4 == [lane.in_flight for lane in self.router.lanes]
            assert [0] * 4 == [lane.gate.inside for lane in self.router.lanes]
            await self.router.aclose()

        try:
            self.loop.run_until_complete(recover())
        finally:
            self.loop.close()


def test_any_weather(lab: Any) -> None:
    """Whatever the weather does, a call is bounded, its answer is whole, and the router recovers."""
    Storm.lab = lab
    case = Storm.TestCase
    case.settings = settings(
        max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
    )
    case("runTest").debug()


@pytest.mark.parametrize("calls", [100, 300])
def test_retries_stay_a_share_of_calls(lab: Any, calls: int) -> None:
    """With every breaker out of the way, attempts beyond one a provider and call are a tenth of the calls at most."""
    a, b = lab.Scripted("a"), lab.Scripted("b")
    a.always = b.always = WEATHER["overloaded"]

    async def scene() -> None:
        router = lab.make(a, b, breaker=Breaker(enabled=False), retry=Retry(budget=BUDGET, budget_reserve=RESERVE))
        done = await asyncio.gather(*(lab.ask(router) for _ in range(calls)), return_exceptions=True)
        assert all(isinstance(each, AllProvidersExhausted) for each in done)
        assert len(a.asked) + len(b.asked) <= 2 * calls + BUDGET * calls + RESERVE

    lab.virtually(scene())
