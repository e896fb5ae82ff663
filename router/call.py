"""What one call knows while it looks for an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from .attempt import Answer, Probe
from .errors import (
    ACCIDENTS,
    REFUSALS,
    AllProvidersExhausted,
    Attempt,
    AttemptFailed,
    Failure,
    Meaning,
    RequestRejected,
)
from .fleet import Era
from .lane import Lane
from .messages import LLMRequest, LLMResponse
from .money import estimate_input
from .observer import CallRecord
from .runner import Running

REFUSALS_MAX = 16
"""Refused attempts that a call may make. Each lane refuses it once, and a pool may hold many keys of a dead account."""


_UNSENT = frozenset({"connect", "timeout_connect", "overloaded", "not_offered"})
"""Accidents after which a request was surely not carried out."""


@dataclass(slots=True)
class Served:
    """A call's answer.

    Attributes:
        lane: Who gave it.
        answer: What it is.
        running: The attempt, if it isn't over: a stream that the caller is going to read.
    """

    lane: Lane
    answer: Answer
    running: Running | None = None


@dataclass(slots=True)
class Call:
    """One call.

    Attributes:
        request: What is asked.
        record: What is told about it at the end.
        deadline_s: When it is over, on the router's clock.
        lanes: Who may be asked, best first; nobody else ever is. Who came since the call began may join.
        failures: The last failure of each lane that was asked.
        last_failed: The lane that failed last.
        retries: Retries made at each lane.
        probes: Probes that this call started and that haven't been read.
        counted: Attempts that count against the call's limit. Probes don't, they are the router's own interest; nor do
            refusals, which took no time and did no work.
        refused: Attempts that were refused.
        era: When it began, for those who leave the fleet while it lasts.
        prompt: Tokens of the prompt, as far as anybody has asked for them.
        known: An answer of before, which the caller gets though nobody could answer.
    """

    request: LLMRequest
    record: CallRecord
    deadline_s: float
    lanes: Sequence[Lane]
    failures: dict[Lane, Failure] = field(default_factory=dict)
    last_failed: Lane | None = None
    retries: dict[Lane, int] = field(default_factory=dict)
    probes: list[tuple[Lane, asyncio.Task[Answer], Probe]] = field(default_factory=list)
    counted: int = 0
    refused: int = 0
    probes_started: int = 0
    era: Era = field(default_factory=Era)
    prompt: int | None = None
    known: LLMResponse | None = None

    @property
    def stream(self) -> bool:
        """Whether the caller wants a stream."""
        return self.record.stream

    @property
    def attempts_made(self) -> int:
        """Requests sent to providers for this call."""
        return self.counted + self.refused + self.probes_started

    def only_turned_away(self, lane: Lane) -> bool:
        """Whether nobody who was asked did any work, and this lane's provider is another than all of them.

        Like a refusal, being turned away takes no time and repeats nothing. A provider's other credentials lead to the
        same doors, though.
        """
        return (
            len(self.record.attempts) < REFUSALS_MAX
            and all(map(_turned_away, self.failures.values()))
            and all(asked.name != lane.name for asked in self.failures)
        )

    def prompt_tokens(self) -> int:
        """The prompt's length, roughly; measured once, since a long one takes a while."""
        if self.prompt is None:
            self.prompt = estimate_input(self.request)
        return self.prompt

    def add_probe(self, lane: Lane, task: asyncio.Task[Answer], probe: Probe) -> None:
        """A probe was started with this call."""
        self.probes.append((lane, task, probe))
        self.probes_started += 1

    def note(self, lane: Lane, failure: Failure) -> None:
        """An attempt failed.

        Raises:
            RequestRejected: The request itself is at fault: nobody else needs to be asked.
        """
        self.failures[lane] = failure
        self.last_failed = lane
        self.record.attempts.append(Attempt(lane.label, failure))
        if failure.meaning is Meaning.REQUEST:
            raise _rejected(lane, failure)
        if not self.request.repeatable and failure.meaning in ACCIDENTS and failure.reason not in _UNSENT:
            # A service that has no idempotency key for it may have charged the card before it fell silent.
            message = f"it may have been carried out, so nobody else is asked: {failure}"
            error = {"message": message, "type": "server_error", "param": None, "code": "outcome_unknown"}
            raise RequestRejected(502, error, provider=lane.name)

    async def await_probes(
        self, until: asyncio.Task[Answer] | None = None, limit_s: float | None = None
    ) -> Served | None:
        """The first answer that a probe on its way brings.

        Args:
            until: A probe whose end ends the wait, too.
            limit_s: Longest wait, in seconds; None waits for them all.
        """
        loop = asyncio.get_running_loop()
        end_s = None if limit_s is None else loop.time() + limit_s
        while self.probes and (until is None or not until.done()):
            left_s = None if end_s is None else max(0.0, end_s - loop.time())
            tasks = {task for _lane, task, _probe in self.probes}
            done, _ = await asyncio.wait(tasks, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                break
            for entry in [entry for entry in self.probes if entry[1] in done]:
                self.probes.remove(entry)
                try:
                    served = Served(entry[0], entry[1].result())
                except AttemptFailed as error:
                    self.note(entry[0], error.failure)
                else:
                    self.record.why = "probe"
                    return served
        return None

    def detach_probes(self) -> None:
        """The caller was served elsewhere, or waits no longer; probes go on for the breaker's sake."""
        for _lane, _task, probe in self.probes:
            probe.detached = True
        self.probes.clear()

    def cancel_probes(self) -> None:
        """The call ended with an error of its own, or its caller left."""
        for _lane, task, _probe in self.probes:
            task.cancel()
        self.probes.clear()

    def exhausted(self) -> AllProvidersExhausted | RequestRejected:
        """The error for a call that nobody could answer."""
        attempts = self.record.attempts
        if attempts and not self.record.skipped and all(a.failure.meaning is Meaning.UNFIT for a in attempts):
            # Everyone was asked and could have answered another request: the caller can do something about this one.
            lane = next(iter(self.failures))
            return _rejected(lane, self.failures[lane])
        waits = [lane.wait_s(stream=self.stream) for lane in self.lanes]
        return AllProvidersExhausted(attempts, self.record.skipped, retry_after_s=min(waits, default=None))


def _turned_away(failure: Failure) -> bool:
    # In a stream that has begun, an overload has no status of its own: work was done by then.
    overloaded = failure.reason == "overloaded" and failure.status > 0
    return failure.meaning in REFUSALS or failure.reason == "connect" or overloaded


def _rejected(lane: Lane, failure: Failure) -> RequestRejected:
    body = failure.body if isinstance(failure.body, dict) else {}
    error = {
        "message": failure.message or "the provider refused the request",
        "type": body.get("type") if isinstance(body.get("type"), str) else "invalid_request_error",
        "param": body.get("param"),
        "code": body.get("code") or failure.reason,
    }
    status = failure.status if 400 <= failure.status < 500 else 400
    return RequestRejected(status, error, provider=lane.name)
