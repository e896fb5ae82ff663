"""`LLMRouter`: the providers, the policies, and a call's way from its request to its record.

How the policies work together stands in one place, `rounds`.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence

from .attempt import Opened
from .both_ways import BothWays
from .call import Call, Served
from .config import Breaker as BreakerSettings
from .config import Hedge as HedgeSettings
from .config import Retry, Timeouts
from .continuation import Said
from .continued_stream import ContinuedStream
from .errors import AllProvidersExhausted, Attempt, Failure, Meaning, RequestRejected
from .fleet import Fleet
from .lane import DRAINED, Lane, make_lane
from .messages import Chunk, LLMRequest, LLMResponse, Tokens
from .observer import BreakerMove, CallRecord, Observer
from .open_stream import End, OpenStream, Streaming
from .policies.breaker import Breaker, State
from .policies.budget import RetryBudget
from .policies.bundle import Policies
from .policies.gate import Gate
from .policies.hedge import Hedge
from .policies.last_good import LastGood
from .policies.order import FirstOnly, Order, Priority
from .policies.retry import Backoff
from .policies.spending import Ceiling, Purse, empty, pay
from .policies.waiting import WaitingRoom
from .prices import find
from .provider import AttemptLimits, LLMProvider
from .rounds import Rounds
from .runner import Runner
from .terms import permitted, without_fallbacks

_STREAM_OUTCOMES = {End.COMPLETE: "ok", End.BROKEN: "interrupted", End.LEFT: "cancelled"}
_LOOP_CLOSED = "Event loop is closed"


class LLMRouter(BothWays):
    """Asks the providers in order of preference and hides their failures from the caller.

    Args:
        providers: In order of preference; those of one name are a pool of credentials.
        fallback: False asks the first provider once, and nobody else.
        breaker: When a provider is left, and when it is asked again.
        retry: How often a call may ask again.
        timeouts: Time limits.
        order: Another order than the given one.
        buffered: Whether streams are held back to their end, so that any failure can be hidden.
        continuing: Whether a stream that breaks off is gone on with by a provider whose profile says that it can.
        last_good: Answers of before, for when there is no new one.
        waiting_max: Calls that may wait at once for somebody to come back.
        purses: Budgets of providers by their names; the one named `` (nothing) is everybody's.
        ceiling: How much dearer than the preferred provider another may be.
        hedge: When a second provider is asked as well.
        observers: Who hears what happens.
        clock: Seconds that only go forward.
        sleep: Waits for a number of seconds.
        chance: A number in [0, 1) for an entity and a count; sets the jitter.
    """

    def __init__(
        self,
        providers: Sequence[LLMProvider],
        *,
        fallback: bool = True,
        breaker: BreakerSettings | None = None,
        retry: Retry | None = None,
        timeouts: Timeouts | None = None,
        order: Order | None = None,
        buffered: bool = False,
        continuing: bool = False,
        last_good: LastGood | None = None,
        waiting_max: int = 200,
        purses: Mapping[str, Purse] | None = None,
        ceiling: Ceiling | None = None,
        hedge: HedgeSettings | None = None,
        observers: Sequence[Observer] = (),
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[str, int], float] = lambda _entity, _n: random.random(),
    ) -> None:
        super().__init__()
        self._settings, retry, self._timeouts = breaker or BreakerSettings(), retry or Retry(), timeouts or Timeouts()
        self._quantile = hedge.quantile if hedge else 0.95
        self._clock, self._chance = clock, chance
        self._observers = tuple(observers)
        self._continuing, self._last_good = continuing, last_good
        self.purses = dict(purses or {})
        self._limits = AttemptLimits(
            self._timeouts.connect, self._timeouts.first_token, self._timeouts.between_tokens, self._timeouts.answer
        )
        self._room = WaitingRoom(waiting_max)
        self.fleet = Fleet(providers, self._make_lane, self._room.call_one, self._room.call_all)
        self._fallback = fallback
        self._order: Order = order or (Priority() if fallback else FirstOnly())
        self._budget = RetryBudget(retry.budget, retry.budget_reserve)
        self._runner = Runner(self._observers, clock, lambda provider, usd: pay(self.purses, provider, usd))
        policies = Policies(
            attempts_max=retry.attempts_max if fallback else 1,
            budget=self._budget,
            backoff=Backoff(retry.backoff, retry.backoff_max),
            head_start_s=self._settings.probe_head_start,
            room=self._room,
            wait_max_s=retry.wait_max if fallback else 0.0,
            ceiling=ceiling,
            hedge=Hedge(hedge.share, hedge.reserve) if fallback and hedge and hedge.enabled else None,
            buffered=buffered,
            continuing=continuing,
            probe_max_s=self._timeouts.total,
        )
        self._rounds = Rounds(
            policies, self._runner, self._observers, clock=clock, sleep=sleep, chance=chance, newcomers=self._newcomers
        )
        self._leaving: set[asyncio.Task[None]] = set()

    @property
    def observers(self) -> Sequence[Observer]:
        """Who hears what happens."""
        return self._observers

    @property
    def lanes(self) -> list[Lane]:
        """Every provider with each of its credentials and models."""
        return self.fleet.lanes

    async def aroute(self, request: LLMRequest) -> LLMResponse:
        """Answer at once.

        Raises:
            RequestRejected: The request itself is at fault, or the caller's terms permit nobody to answer it.
            AllProvidersExhausted: Nobody could answer.
        """
        call = self._begin(request, stream=False)
        try:
            served = await self._serve(call)
        except AllProvidersExhausted:
            if call.known is None:
                raise
            call.known.attempts = call.attempts_made
            return call.known
        answer = served.answer
        assert isinstance(answer, LLMResponse)  # noqa: S101 - narrows the type; a plain attempt has no other end
        self._end(call, "ok", served.lane)
        answer.attempts = call.attempts_made
        answer.metadata = request.metadata
        answer.latency_ms = call.record.duration_s * 1000
        if call.record.notes:
            answer.notes = (*answer.notes, *call.record.notes)
        if self._last_good is not None:
            self._last_good.keep(request, answer, served.lane)
        return answer

    async def open_stream(self, request: LLMRequest) -> Streaming:
        """Start a streamed answer: comes back with the first token, so failures until then have been hidden.

        Raises:
            RequestRejected: The request itself is at fault, or the caller's terms permit nobody to answer it.
            AllProvidersExhausted: Nobody could begin an answer.
        """
        call = self._begin(request, stream=True)
        served = await self._serve(call)
        call.record.first_token_s = self._clock() - call.record.started_s
        # Until here the caller's patience with silence counted, from here only the whole answer's limit.
        call.deadline_s = call.record.started_s + self._total_s(request)
        if not self._continuing:
            return self._reader(call, served, lambda end: self._end(call, _STREAM_OUTCOMES[end], served.lane))
        return self._continued(call, served)

    def _continued(self, call: Call, served: Served) -> ContinuedStream:
        """A stream that somebody else goes on with; the call is over when the last of them is."""
        lane = served.lane

        async def go_on(said: Said, failed: Attempt) -> OpenStream | None:
            nonlocal lane
            call.failures[lane], call.last_failed = failed.failure, lane
            if all(each.failure is not failed.failure for each in call.record.attempts):
                call.record.attempts.append(failed)  # found at the seam, behind the reader's back
            following = await self._rounds.go_on(call, said)
            if following is None:
                return None
            call.record.notes.append(f"{following.lane.label} went on after {lane.label}: {failed.failure.reason}")
            lane = following.lane
            return self._reader(call, following, lambda _end: None)

        first = self._reader(call, served, lambda _end: None)
        return ContinuedStream(first, call.request, go_on, lambda end: self._end(call, _STREAM_OUTCOMES[end], lane))

    def _reader(self, call: Call, served: Served, over: Callable[[End], None]) -> OpenStream:
        lane, running, answer = served.lane, served.running, served.answer
        assert isinstance(answer, Opened)  # noqa: S101 - as above

        def ended(end: End, failure: Failure | None, tokens: Tokens, pieces: int) -> None:
            if running is not None:
                self._runner.stream_ended(running, end, failure, tokens, pieces)
                if end is End.COMPLETE:
                    lane.pace.flowed(*stream.flow)
            if failure is not None:
                call.record.attempts.append(Attempt(lane.label, failure))
            over(end)

        def odd() -> None:
            # A suspicion is enough only where there is somebody else; a false one costs a failover, never an answer.
            if running is not None and any(each is not lane and each.available(stream=True) for each in call.lanes):
                silence = Failure(Meaning.TRANSIENT, "timeout_between_tokens", "silent or slow beyond what is usual")
                lane.suspect(running.permit, silence)

        def wait_s() -> float:
            silence = self._timeouts.between_tokens
            if self._continuing and lane.pace.odd_s is not None and self._rounds.can_go_on(call, lane):
                # Somebody else may go on: then a silence that isn't usual is enough.
                silence = min(silence, lane.pace.odd_s)
            return max(0.0, min(silence, self._rounds.left_s(call)))

        stream = OpenStream(
            answer,
            provider=lane.name,
            attempts=call.attempts_made,
            wait_s=wait_s,
            silent=lambda: self._rounds.silence(call),
            ended=ended,
            odd_s=lane.pace.odd_s,
            odd=odd,
            slow_per_s=lane.pace.slow_per_s,
        )
        return stream

    async def pieces(self, request: LLMRequest) -> AsyncGenerator[Chunk, None]:
        """Answer piece by piece. See `stream`."""
        opened = await self.open_stream(request)
        try:
            async for chunks in opened.batches():
                for chunk in chunks:
                    yield chunk
        finally:
            await opened.aclose()

    async def _serve(self, call: Call) -> Served:
        try:
            served = await self._rounds.serve(call)
        except BaseException as error:
            call.cancel_probes()
            self._end(call, _outcome(error))
            raise
        if served is None:
            if any(_LOOP_CLOSED in attempt.failure.message for attempt in call.record.attempts):
                call.record.skipped.append(
                    "this router was used in an event loop that is over; keep to one, or use route"
                )
            failure = call.exhausted()
            if self._last_good is not None and not call.stream and isinstance(failure, AllProvidersExhausted):
                call.known = self._last_good.find(call.request, call.lanes)
                call.record.old_answer_of = "" if call.known is None else call.known.provider
            self._end(call, _outcome(failure))
            raise failure
        call.detach_probes()
        return served

    def _begin(self, request: LLMRequest, *, stream: bool) -> Call:
        if not isinstance(request, LLMRequest):
            raise TypeError(f'expected an LLMRequest, got {type(request).__name__}: write LLMRequest("…")')
        self._budget.earn()
        now, terms = self._clock(), request.terms
        record = CallRecord(stream=stream, started_s=now, caller=terms.caller, request=request)
        limit = self._total_s(request)
        if terms.silence_s is not None:
            limit = min(limit, terms.silence_s)
        era = self.fleet.era
        era.calls += 1
        call = Call(request, record, now + limit, (), era=era)
        try:
            # Here, and in `_newcomers`, lanes are chosen: what isn't permitted is out of every round's reach.
            lanes = permitted(self.fleet.candidates(request), terms)
        except RequestRejected:
            self._end(call, "rejected")
            raise
        call.lanes = without_fallbacks(self._order.arrange(lanes, request), terms)
        if self.fleet.draining:
            record.skipped += [f"{lane.label}: {DRAINED}" for lane in call.lanes if lane.draining]
            call.lanes = [lane for lane in call.lanes if not lane.draining]
        return call

    def _newcomers(self, call: Call) -> Sequence[Lane]:
        """Who came, or came back, since the call began; they join those whom it may ask."""
        if call.era is self.fleet.era:
            return ()
        request, first = call.request, call.lanes[0].name if call.lanes else None
        alone = request.terms.disable_fallbacks or not self._fallback
        try:
            lanes = permitted(self.fleet.candidates(request), request.terms)
        except RequestRejected:
            return ()
        found = [
            lane
            for lane in (lanes if alone else self._order.arrange(lanes, request))
            if lane not in call.lanes and not lane.draining and (not alone or lane.name == first)
        ]
        call.lanes = [*call.lanes, *found]
        return found

    def _total_s(self, request: LLMRequest) -> float:
        own = request.terms.timeout_s
        return self._timeouts.total if own is None else min(self._timeouts.total, own)

    def _end(self, call: Call, outcome: str, lane: Lane | None = None) -> None:
        record = call.record
        record.outcome = outcome
        call.era.calls -= 1
        if lane is not None:
            record.provider, record.model, record.credential = lane.name, lane.model, lane.provider.credential
        record.duration_s = self._clock() - record.started_s
        record.attempts_made = call.attempts_made
        for observer in self._observers:
            observer.call_ended(record)

    def _make_lane(self, provider: LLMProvider, model: str, gate: Gate) -> Lane:
        return make_lane(
            provider,
            model=model,
            settings=self._settings,
            cuts_in_a_row=self._settings.stream_cuts,
            limits=self._limits,
            clock=self._clock,
            chance=self._chance,
            changed=self._breaker_moved,
            gate=gate,
            hedge_quantile=self._quantile,
            price=provider.profile.price or find(model),
            closed_by=lambda: empty(self.purses, provider.name),
        )

    def _breaker_moved(self, lane: Lane, breaker: Breaker, state: State) -> None:
        self._room.call_all()
        if all(member.provider is not lane.provider for member in self.fleet.members):
            return  # it has left: nobody counts its breakers any more
        move = BreakerMove(
            lane.name,
            lane.provider.credential,
            lane.model,
            "all" if breaker is lane.breaker else "streams",
            state,
            breaker.last_failure,
            any(each.breaker.available for each in self.fleet.lanes if each.name == lane.name),
        )
        for observer in self._observers:
            observer.breaker_moved(move)

    def replace(self, name: str, providers: Sequence[LLMProvider]) -> None:
        """Exchange a provider's credentials, or remove it if there are none.

        Calls that began before may still ask who leaves; it is closed when they are over.

        Raises:
            UnknownProvider: There is no such provider.
        """
        leaving = self.fleet.replace(name, providers)
        task = asyncio.get_running_loop().create_task(self.fleet.see_off(leaving, self._clock, self._timeouts.total))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def aclose(self) -> None:
        """Close every connection and end what runs in the background."""
        for task in self._leaving:
            task.cancel()
        await self._runner.aclose()
        for member in (*self.fleet.members, *self.fleet.leaving):
            await member.provider.aclose()


def _outcome(error: BaseException) -> str:
    if isinstance(error, RequestRejected):
        return "rejected"
    return "exhausted" if isinstance(error, AllProvidersExhausted) else "cancelled"
