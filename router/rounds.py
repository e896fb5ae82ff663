"""The rounds of a call: every policy, composed in this one place.

A call goes through them in turn and ends with the first answer:

1. **Order.** Each lane in the order of preference, if its breakers let it. A half-open one gets a probe, which never
   costs the caller its answer (see `attempt`). After an accident a provider's other credentials come last: they lead to
   the same machines. After a refusal they come next.
2. **Probe.** If nobody else answered, a probe that is still on its way is waited for.
3. **Last resort.** Lanes that this call hasn't asked because their breaker opened by accident are asked anyway: an
   answer that would have come is worth more than a breaker's opinion. Bans and limits are respected. When everybody is
   down for all, such attempts are a storm: they draw on the retry budget as long as waiting is an alternative.
4. **Retry.** Lanes that failed by accident are asked again: after a backoff, within the budget, at most
   `attempts_max` attempts in all.
5. **Wait.** If it is known that somebody will be asked again soon, the call waits for that (see `policies.waiting`).

Every attempt of every round goes through `_admit` first: what may never be asked is refused there. A refused attempt
(a ban, a limit) doesn't use up an attempt that an accident may: each lane can refuse a call once, at once, and then
its breaker is open for the next calls. A call that was only turned away so far (overloaded, no connection) goes on to
whoever is well, however many turned it away. A request that is the caller's own fault ends the call and moves nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from functools import partial
from typing import Any

from .attempt import DEADLINE, Opened
from .call import REFUSALS_MAX, Call, Served
from .continuation import Said
from .errors import ACCIDENTS, REFUSALS, Attempt, AttemptFailed, Failure, Meaning, RequestRejected
from .lane import Lane, Pass
from .messages import NOTHING
from .observer import Observer
from .open_stream import End
from .policies.bundle import Policies
from .policies.hedge import race
from .runner import Runner

# The same machines, or the same catalogue, stand behind a provider's other credentials.
_SHARED = ACCIDENTS | {Meaning.MODEL}
WAKES_MAX = 100
"""Times that one call may be woken while it waits; the breakers of a large fleet move often."""
DEADLINE_SLACK_S = 0.01
"""What ends so close to a call's deadline ends by it."""
TOO_LATE = "the call's deadline has passed"


class Rounds:
    """Looks for an answer.

    Args:
        policies: What it goes by.
        runner: Makes the attempts.
        observers: Who hears what happens.
        clock: Seconds that only go forward.
        sleep: Waits for a number of seconds.
        chance: A number in [0, 1) for an entity and a count; sets the jitter.
        newcomers: Lanes that a call may ask and that weren't there, or took no calls, when it began.
    """

    def __init__(
        self,
        policies: Policies,
        runner: Runner,
        observers: Sequence[Observer],
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        chance: Callable[[str, int], float],
        newcomers: Callable[[Call], Sequence[Lane]] = lambda _call: (),
    ) -> None:
        self._newcomers = newcomers
        self.policies, self._runner, self._observers = policies, runner, observers
        self._clock, self._sleep, self._chance = clock, sleep, chance

    async def serve(self, call: Call) -> Served | None:
        """The first answer, or None if there is none to be had."""
        return (
            await self._in_order(call)
            or await self._await_probes(call)
            or await self._last_resorts(call)
            or await self._retries(call)
            or await self._wait(call)
        )

    async def go_on(self, call: Call, said: Said) -> Served | None:
        """Somebody who goes on with a stream that broke off; whoever failed this call isn't asked."""
        for lane in call.lanes:
            how = lane.provider.profile.continues
            if not how or lane in call.failures or not lane.available(stream=True):
                continue
            if self._spent(call):
                break
            call.request = said.request(how)
            permit = self._admit(call, lane)
            if permit is None:
                continue
            try:
                if served := await self._try(call, lane, permit, "continuation"):
                    return served
            except RequestRejected:
                # It takes no prefill, or no longer prompt: the request that it refuses is ours.
                continue
        return None

    def can_go_on(self, call: Call, lane: Lane) -> bool:
        """Whether somebody else than this lane could go on with a stream."""
        return not self._spent(call) and any(
            each is not lane
            and each not in call.failures
            and bool(each.provider.profile.continues)
            and each.available(stream=True)
            for each in call.lanes
        )

    async def _in_order(self, call: Call) -> Served | None:
        queue = deque(call.lanes)
        while queue:
            lane = queue.popleft()
            if lane in call.failures:
                # As a hedge.
                continue
            if self._no_probe(call, lane, queue):
                queue.append(lane)
                continue
            if served := await self._first_try(call, lane):
                return served
            failure = call.failures.get(lane)
            if failure is not None and failure.meaning in _SHARED and any(each.name == lane.name for each in queue):
                queue = deque(sorted(queue, key=lambda each: each.name == lane.name))
        return None

    async def _first_try(self, call: Call, lane: Lane, why: str = "") -> Served | None:
        if self._spent(call) and not call.only_turned_away(lane):
            call.record.skipped.append(f"{lane.label}: attempts_max ({self.policies.attempts_max}) is reached")
            return None
        left = self.left_s(call)
        if left <= 0:
            call.record.skipped.append(f"{lane.label}: {TOO_LATE}")
            return None
        permit = self._admit(call, lane)
        if permit is None:
            return None
        if not permit.probe:
            passed_by = call.failures or call.record.skipped
            return await self._try(call, lane, permit, why or ("failover" if passed_by else "preferred"))
        limit = lane.patience.probe_limit_s(stream=call.stream)
        running = self._runner.begin(lane, permit, call.request, call.record)
        # Its limits are the lane's own: its caller may have little time left, and that says nothing about the lane.
        task, probe = self._runner.start_probe(running, limit, self.policies.probe_max_s)
        call.add_probe(lane, task, probe)
        if self._alternative(call, lane, counting=0):
            return await call.await_probes(task, min(left, self.policies.head_start_s))
        return await self._await_probes(call)

    async def _await_probes(self, call: Call) -> Served | None:
        """The first answer that a probe on its way brings while the caller waits; it may go on by itself."""
        if not call.probes:
            return None
        served = await call.await_probes(limit_s=self.left_s(call) + DEADLINE_SLACK_S)
        if served is None:
            late = [lane for lane, _task, _probe in call.probes]
            call.detach_probes()
            for lane in late:
                call.note(lane, Failure(Meaning.TRANSIENT, DEADLINE, TOO_LATE))
        return served

    def _admit(self, call: Call, lane: Lane, *, forced: bool = False) -> Pass | None:
        dear = self._too_dear(call, lane)
        if dear:
            call.record.skipped.append(dear)
            return None
        permit = lane.forced(stream=call.stream) if forced else lane.admit(stream=call.stream)
        if permit is None:
            call.record.skipped.append(lane.why_not(stream=call.stream))
        return permit

    async def _try(self, call: Call, lane: Lane, permit: Pass, why: str) -> Served | None:
        if self.left_s(call) <= 0:
            lane.abandoned(permit)
            call.record.skipped.append(f"{lane.label}: {TOO_LATE}")
            return None
        limit = lane.patience.limit_s(alternative=self._alternative(call, lane), stream=call.stream)
        call.counted += 1
        call.record.why = why
        if call.last_failed is not None and call.last_failed is not lane:
            for observer in self._observers:
                observer.failed_over(call.last_failed.name, lane.name, call.failures[call.last_failed].reason)
        hedge = self.policies.hedge
        delay = None if hedge is None or not call.request.repeatable else hedge.delay_s(lane)
        try:
            if delay is None or delay >= limit:
                return await self._ask(call, lane, permit, limit)
            first = self._ask(call, lane, permit, limit)
            overtaken = partial(self._overtaken, call, lane)
            return await race(first, delay, lambda: self._second(call, lane), self._drop, overtaken)
        except AttemptFailed as error:
            self._failed(call, lane, error.failure)
            return None

    async def _ask(self, call: Call, lane: Lane, permit: Pass, limit_s: float) -> Served:
        running = self._runner.begin(lane, permit, call.request, call.record)
        # A stream that is asked for in spite of the breaker of streams is held back: the last ones broke off.
        held_back = self.policies.buffered or (call.stream and not lane.streams.available)
        # Half a call can't be gone on with, and is of no use to anybody.
        held_back = held_back or (self.policies.continuing and call.request.demanded_call is not None)
        answer = await self._runner.attempt(running, limit_s, self.left_s(call), held_back=held_back)
        is_open = isinstance(answer, Opened) and answer.rest is not None
        return Served(lane, answer, running if is_open else None)

    def _second(self, call: Call, lane: Lane) -> Coroutine[Any, Any, Served] | None:
        """A hedge at the next lane that is well; never a probe, and never above the call's attempts."""
        if self._spent(call) or self.policies.hedge is None:
            return None
        for other in call.lanes:
            if other is lane or other in call.failures or not other.available(stream=call.stream):
                continue
            if not self.policies.hedge.spend():
                return None
            permit = self._admit(call, other)
            if permit is not None:
                call.counted += 1
                return self._hedge(call, other, permit)
        return None

    async def _hedge(self, call: Call, lane: Lane, permit: Pass) -> Served:
        try:
            # The first attempt is still on its way.
            limit = lane.patience.limit_s(alternative=True, stream=call.stream)
            served = await self._ask(call, lane, permit, limit)
        except AttemptFailed as error:
            self._overtaken(call, lane, error)
            raise
        call.record.why = "hedge"
        return served

    @staticmethod
    def _overtaken(call: Call, lane: Lane, error: BaseException) -> None:
        if isinstance(error, AttemptFailed):  # this lane has been asked; the call goes on with the other attempt
            call.failures[lane] = error.failure
            call.record.attempts.append(Attempt(lane.label, error.failure))

    async def _drop(self, served: Served) -> None:
        """An answer that came at the same moment as another."""
        if served.running is not None and isinstance(served.answer, Opened):
            self._runner.stream_ended(served.running, End.LEFT, None, NOTHING, len(served.answer.held))
            await served.answer.aclose()

    @staticmethod
    def _failed(call: Call, lane: Lane, failure: Failure) -> None:
        if failure.meaning in REFUSALS and lane not in call.failures and call.refused < REFUSALS_MAX:
            call.counted -= 1
            call.refused += 1
        call.note(lane, failure)

    async def _last_resorts(self, call: Call) -> Served | None:
        for lane in call.lanes:
            if lane in call.failures or not lane.last_resort(stream=call.stream):
                continue
            if self._spent(call):
                break
            if not self._breaks_off(call, lane) and self._worth_waiting(call) and not self.policies.budget.spend():
                continue
            permit = self._admit(call, lane, forced=True)
            if permit is not None and (served := await self._try(call, lane, permit, "last_resort")):
                return served
        return None

    async def _retries(self, call: Call) -> Served | None:
        policies = self.policies
        for lane in list(call.failures):
            if self._spent(call):
                break
            retry = call.retries.get(lane, 0)
            wait = policies.backoff.wait_s(call.failures[lane], retry, self._chance(f"retry {lane.name}", retry))
            if wait is None or wait >= self.left_s(call):
                continue
            permit = self._retry_permit(call, lane)
            if permit is None:
                continue
            if not policies.budget.spend():
                lane.abandoned(permit)
                break
            call.retries[lane] = retry + 1
            try:
                await self._sleep(wait)
            except BaseException:
                # It may be a probe's: kept by a caller who left, it would keep the provider out for ever.
                lane.abandoned(permit)
                raise
            if served := await self._try(call, lane, permit, "retry"):
                return served
        return None

    def _retry_permit(self, call: Call, lane: Lane) -> Pass | None:
        permit = lane.admit(stream=call.stream)
        # Where waiting for the breaker's own probe is an alternative, an open breaker isn't forced again.
        at_once = self._breaks_off(call, lane) or not self._worth_waiting(call)
        if permit is None and at_once and lane.last_resort(stream=call.stream):
            permit = lane.forced(stream=call.stream)
        return permit

    @staticmethod
    def _breaks_off(call: Call, lane: Lane) -> bool:
        """Whether it is well but for streams that break off: asking it is no storm, and holding back hides the rest."""
        return call.stream and lane.breaker.available and not lane.streams.available

    async def _wait(self, call: Call) -> Served | None:
        room, began = self.policies.room, self._clock()
        until = min(began + self.policies.wait_max_s, call.deadline_s)
        # Who is in but failed this call (it was unfit, or it was an accident of this call alone) isn't waited for.
        out = [lane for lane in call.lanes if not lane.available(stream=call.stream)]
        for _ in range(WAKES_MAX):
            if came := self._newcomers(call):
                out += came
                if served := await self._ask_who_is_back(call, came):
                    return served
            wait = self._shortest_wait(call, out)
            left = until - self._clock()
            if wait is None or wait > left or left <= 0:
                break
            if room.full:
                call.record.skipped.append("too many calls wait already (limits.waiting_max)")
                break
            # Half open or full: whoever holds the place will tell; the limit is for those who tell nobody.
            await room.wait(wait if wait > 0 else left)
            call.record.waited_s = self._clock() - began
            if served := await self._ask_who_is_back(call, out):
                return served
        return None

    async def _ask_who_is_back(self, call: Call, out: Sequence[Lane]) -> Served | None:
        for lane in out:
            if not self._in(call, lane) or self._no_probe(call, lane, call.lanes):
                continue
            # Its breaker has closed, or is due for a probe, since this call's attempts were used up on those who were
            # out: this isn't one more of them.
            call.counted = min(call.counted, self.policies.attempts_max - 1)
            if served := await self._first_try(call, lane, "waited" if call.record.waited_s else ""):
                return served
        return await self._await_probes(call)

    @staticmethod
    def _shortest_wait(call: Call, lanes: Sequence[Lane]) -> float | None:
        """Seconds until somebody may be asked again; 0 if that isn't known but will be told; None if never."""
        waits = [lane.wait_s(stream=call.stream) for lane in lanes if lane.hope(stream=call.stream)]
        return min(waits, default=None)

    def _worth_waiting(self, call: Call) -> bool:
        wait = self._shortest_wait(call, call.lanes)
        limit = min(self.policies.wait_max_s, self.left_s(call))
        return wait is not None and wait < limit

    @staticmethod
    def _no_probe(call: Call, lane: Lane, others: Iterable[Lane]) -> bool:
        """Whether this would be a probe, of a request that can't be repeated, though one of the others is well."""
        if call.request.repeatable or lane.available(stream=call.stream):
            return False
        return any(other not in call.failures and other.available(stream=call.stream) for other in others)

    def _alternative(self, call: Call, lane: Lane, *, counting: int = 1) -> bool:
        """Whether somebody else could be asked after this lane; a probe there doesn't count as an attempt."""
        if not call.request.repeatable or call.counted + counting >= self.policies.attempts_max:
            return False
        return any(other is not lane and other not in call.failures and self._in(call, other) for other in call.lanes)

    @staticmethod
    def _in(call: Call, lane: Lane) -> bool:
        return lane.available(stream=call.stream) or lane.due(stream=call.stream)

    def _too_dear(self, call: Call, lane: Lane) -> str:
        ceiling, first = self.policies.ceiling, call.lanes[0]
        if ceiling is None or lane is first or lane.price is None or first.price is None:
            return ""
        long = first.price.long is not None or lane.price.long is not None
        tokens = call.prompt_tokens() if long else 0
        times = ceiling.exceeded(first.price.blended_for(tokens), lane.price.blended_for(tokens))
        if times is None:
            return ""
        for observer in self._observers:
            observer.costly_failover(lane.name, times, refused=ceiling.refuse)
        text = f"{lane.label}: costs {times:.1f} times what {first.label} does (failover_cost)"
        if not ceiling.refuse:
            call.record.notes.append(text)
        return text if ceiling.refuse else ""

    def _spent(self, call: Call) -> bool:
        return call.counted >= self.policies.attempts_max

    def silence(self, call: Call) -> Failure:
        """Why a stream's next token is waited for no longer."""
        if self.left_s(call) <= DEADLINE_SLACK_S:
            return Failure(Meaning.TRANSIENT, DEADLINE, "the answer wasn't whole when its time was up")
        return Failure(Meaning.TRANSIENT, "timeout_between_tokens", "the next token took too long")

    def left_s(self, call: Call) -> float:
        """Seconds until the call's deadline."""
        return call.deadline_s - self._clock()
