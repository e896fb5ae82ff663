"""`LLMRouter`: every policy, composed in one visible place.

A call goes through four rounds, and ends with the first answer:

1. **Order.** Each provider in the order of preference, if its breaker lets it. A half-open one gets a probe, which
   never costs the caller its answer (see `attempt`).
2. **Probe.** If nobody else answered, a probe that is still on its way is waited for.
3. **Last resort.** Providers that this call hasn't asked because their breaker opened by accident are asked anyway: an
   answer that would have come is worth more than a breaker's opinion. Bans and limits are respected.
4. **Retry.** Providers that failed by accident are asked again: after a backoff, within the budget, at most
   `attempts_max` attempts in all.

A request that is the caller's own fault ends the call at once and moves nothing.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from .attempt import Answer, Opened
from .call import Call
from .config import Breaker as BreakerSettings
from .config import Retry, Timeouts
from .errors import AllProvidersExhausted, Attempt, AttemptFailed, Failure, RequestRejected
from .lane import Lane, make_lane
from .loop_thread import LoopThread
from .messages import Chunk, LLMRequest, LLMResponse
from .observer import CallRecord, Observer
from .open_stream import End, OpenStream
from .policies.breaker import State, Ticket
from .policies.budget import RetryBudget
from .policies.order import FirstOnly, Order, Priority
from .policies.retry import Backoff
from .provider import AttemptLimits, LLMProvider
from .runner import Runner, Tokens

Served = tuple[Lane, Ticket | None, Answer]


class LLMRouter:
    """Asks the providers in order of preference and hides their failures from the caller.

    Args:
        providers: In order of preference.
        fallback: False asks the first provider once, and nobody else.
        breaker: When a provider is left, and when it is asked again.
        retry: How often a call may ask again.
        timeouts: Time limits.
        order: Another order than the given one.
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
        observers: Sequence[Observer] = (),
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[str, int], float] = lambda _entity, _n: random.random(),
    ) -> None:
        settings, retry, self._timeouts = breaker or BreakerSettings(), retry or Retry(), timeouts or Timeouts()
        self._head_start_s = settings.probe_head_start
        self._clock, self._sleep, self._chance = clock, sleep, chance
        self._observers = tuple(observers)
        limits = AttemptLimits(
            self._timeouts.connect, self._timeouts.first_token, self._timeouts.between_tokens, self._timeouts.answer
        )
        self.lanes = [
            make_lane(
                provider, settings=settings, limits=limits, clock=clock, chance=chance, changed=self._breaker_moved
            )
            for provider in providers
        ]
        self._order: Order = order or (Priority() if fallback else FirstOnly())
        self._attempts_max = retry.attempts_max if fallback else 1
        self._budget = RetryBudget(retry.budget, retry.budget_reserve)
        self._backoff = Backoff(retry.backoff, retry.backoff_max)
        self._runner = Runner(self._observers, clock)
        self._thread: LoopThread | None = None
        self._starting = threading.Lock()

    def route(self, request: LLMRequest) -> LLMResponse:
        """Answer, from code that isn't asynchronous. See `aroute`.

        The work is done in a loop of the router's own, in a thread of its own. A router serves either `route` or the
        asynchronous methods, since its connections belong to one loop.
        """
        with self._starting:
            # Two threads that call first at once must share one loop: the connections belong to it.
            if self._thread is None:
                self._thread = LoopThread("banstorm-router")
        return self._thread.run(self.aroute(request))

    async def aroute(self, request: LLMRequest) -> LLMResponse:
        """Answer at once.

        Raises:
            RequestRejected: The request itself is at fault.
            AllProvidersExhausted: Nobody could answer.
        """
        call = self._begin(request, stream=False)
        lane, _ticket, answer = await self._serve(call)
        assert isinstance(answer, LLMResponse)  # noqa: S101 - narrows the type; a plain attempt has no other end
        self._end(call, "ok", lane.name)
        answer.attempts = call.attempts_made
        answer.metadata = request.metadata
        answer.latency_ms = call.record.duration_s * 1000
        return answer

    async def open_stream(self, request: LLMRequest) -> OpenStream:
        """Start a streamed answer: comes back with the first token, so failures until then have been hidden.

        Raises:
            RequestRejected: The request itself is at fault.
            AllProvidersExhausted: Nobody could begin an answer.
        """
        call = self._begin(request, stream=True)
        lane, ticket, answer = await self._serve(call)
        assert isinstance(answer, Opened)  # noqa: S101 - as above
        call.record.first_token_s = self._clock() - call.record.started_s

        def ended(end: End, failure: Failure | None, tokens: Tokens) -> None:
            if ticket is not None:
                self._runner.stream_ended(lane, ticket, end, failure, tokens)
            outcome = {End.COMPLETE: "ok", End.BROKEN: "interrupted", End.LEFT: "cancelled"}[end]
            if failure is not None:
                call.record.attempts.append(Attempt(lane.name, failure))
            self._end(call, outcome, lane.name)

        return OpenStream(
            answer,
            provider=lane.name,
            attempts=call.attempts_made,
            wait_s=lambda: max(0.0, min(self._timeouts.between_tokens, self._left(call))),
            ended=ended,
        )

    async def stream(self, request: LLMRequest) -> AsyncIterator[Chunk]:
        """Answer piece by piece.

        Raises:
            RequestRejected: The request itself is at fault.
            AllProvidersExhausted: Nobody could begin an answer.
            StreamInterrupted: The answer broke off: what was delivered is incomplete.
        """
        opened = await self.open_stream(request)
        try:
            async for chunks in opened.batches():
                for chunk in chunks:
                    yield chunk
        finally:
            await opened.aclose()

    async def _serve(self, call: Call) -> Served:
        try:
            served = await self._rounds(call)
        except BaseException as error:
            call.cancel_probes()
            self._end(call, _outcome(error))
            raise
        if served is None:
            failure = call.exhausted(self.lanes)
            self._end(call, _outcome(failure))
            raise failure
        call.detach_probes()
        return served

    async def _rounds(self, call: Call) -> Served | None:
        for lane in self._order.arrange(self.lanes):
            if served := await self._first_try(call, lane):
                return served
        if served := await call.await_probes():
            return served
        for lane in self._order.arrange(self.lanes):
            if lane in call.failures or not lane.breaker.last_resort or not lane.provider.is_available():
                continue
            if call.counted >= self._attempts_max:
                break
            if served := await self._try(call, lane, lane.breaker.forced()):
                return served
        return await self._retries(call)

    async def _first_try(self, call: Call, lane: Lane) -> Served | None:
        if call.counted >= self._attempts_max:
            call.record.skipped.append(f"{lane.name}: attempts_max ({self._attempts_max}) is reached")
            return None
        ticket = lane.breaker.admit() if lane.provider.is_available() else None
        if ticket is None:
            call.record.skipped.append(lane.why_not())
            return None
        if not ticket.probe:
            return await self._try(call, lane, ticket)
        limit = lane.limits.first_token_s if call.stream else lane.patience.limit_s(alternative=True)
        left = self._left(call)
        task, probe = self._runner.start_probe(lane, ticket, call.request, min(limit, left), left, stream=call.stream)
        call.add_probe(lane, task, probe)
        if self._alternative(call, lane):
            return await call.await_probes(task, self._head_start_s)
        return await call.await_probes()

    async def _try(self, call: Call, lane: Lane, ticket: Ticket) -> Served | None:
        left = self._left(call)
        if left <= 0:
            lane.breaker.abandoned(ticket)
            return None
        limit = lane.limits.first_token_s
        if not call.stream:
            limit = lane.patience.limit_s(alternative=self._alternative(call, lane))
        call.counted += 1
        if call.last_failed is not None and call.last_failed is not lane:
            for observer in self._observers:
                observer.failed_over(call.last_failed.name, lane.name, call.failures[call.last_failed].reason)
        try:
            answer = await self._runner.attempt(lane, ticket, call.request, min(limit, left), stream=call.stream)
        except AttemptFailed as error:
            call.note(lane, error.failure)
            return None
        settled = isinstance(answer, Opened) and answer.rest is None
        return lane, None if settled else ticket, answer

    async def _retries(self, call: Call) -> Served | None:
        for lane in list(call.failures):
            if call.counted >= self._attempts_max:
                break
            retry = call.retries.get(lane, 0)
            wait = self._backoff.wait_s(call.failures[lane], retry, self._chance(f"retry {lane.name}", retry))
            if wait is None or wait >= self._left(call):
                continue
            ticket = lane.breaker.admit() or (lane.breaker.forced() if lane.breaker.last_resort else None)
            if ticket is None:
                continue
            if not self._budget.spend():
                lane.breaker.abandoned(ticket)
                break
            call.retries[lane] = retry + 1
            try:
                await self._sleep(wait)
            except BaseException:
                # It may be a probe's: kept by a caller who left, it would keep the provider out for ever.
                lane.breaker.abandoned(ticket)
                raise
            if served := await self._try(call, lane, ticket):
                return served
        return None

    def _alternative(self, call: Call, lane: Lane) -> bool:
        """Whether somebody else could be asked after this lane."""
        if call.counted + 1 >= self._attempts_max:
            return False
        return any(
            other is not lane and other not in call.failures and (other.available or other.due)
            for other in self._order.arrange(self.lanes)
        )

    def _left(self, call: Call) -> float:
        return call.deadline_s - self._clock()

    def _begin(self, request: LLMRequest, *, stream: bool) -> Call:
        self._budget.earn()
        now = self._clock()
        return Call(request, CallRecord(stream=stream, started_s=now), deadline_s=now + self._timeouts.total)

    def _end(self, call: Call, outcome: str, provider: str = "") -> None:
        record = call.record
        record.outcome, record.provider = outcome, provider
        record.duration_s = self._clock() - record.started_s
        record.attempts_made = call.attempts_made
        for observer in self._observers:
            observer.call_ended(record)

    def _breaker_moved(self, provider: str, state: State, failure: Failure | None) -> None:
        for observer in self._observers:
            observer.breaker_moved(provider, state, failure)

    async def aclose(self) -> None:
        """Close every connection and end what runs in the background."""
        await self._runner.aclose()
        for lane in self.lanes:
            await lane.provider.aclose()

    def close(self) -> None:
        """The same for a router that was used through `route`."""
        if self._thread is not None:
            self._thread.run(self.aclose())
            self._thread.stop()
            self._thread = None


def _outcome(error: BaseException) -> str:
    if isinstance(error, RequestRejected):
        return "rejected"
    return "exhausted" if isinstance(error, AllProvidersExhausted) else "cancelled"
