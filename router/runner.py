"""Runs attempts and tells everyone concerned: the lane's breakers, its pace and patience, the purses, the observers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from .attempt import DEADLINE, Answer, Opened, Probe, StreamFailed, answer_plain, open_stream, whole_stream
from .errors import AttemptFailed, Failure, Meaning
from .lane import Lane, Pass
from .messages import NOTHING, LLMRequest, LLMResponse, Tokens, read_usage
from .money import LETTERS_PER_TOKEN, Bill, counted, guessed, tokens_of, uncounted
from .observer import AttemptEnd, CallRecord, Observer
from .open_stream import End
from .validate import CONTENT_DRIFTS


@dataclass(slots=True, eq=False)
class Running:
    """One attempt on its way.

    Attributes:
        lane: Who is asked.
        permit: The lane's pass; its verdict is this attempt's.
        request: What is asked.
        record: The call's, whose cost this adds to.
        stream: Whether a stream is asked for.
        started_s: When it began, on the router's clock.
        first_token_s: How long a stream's first token took, in seconds.
        response_model: The model as the provider reported it.
    """

    lane: Lane
    permit: Pass
    request: LLMRequest
    record: CallRecord
    stream: bool
    started_s: float
    first_token_s: float | None = None
    response_model: str = ""


class Runner:
    """Attempts at lanes, each with exactly one verdict.

    Args:
        observers: Who hears what happens.
        clock: Seconds that only go forward.
        pay: Told what each attempt at a provider cost, in US dollars.
    """

    def __init__(
        self,
        observers: Sequence[Observer],
        clock: Callable[[], float],
        pay: Callable[[str, float], None] = lambda _provider, _usd: None,
    ) -> None:
        self._observers, self._clock, self._pay = observers, clock, pay
        self._background: set[asyncio.Task[Answer]] = set()

    def begin(self, lane: Lane, permit: Pass, request: LLMRequest, record: CallRecord) -> Running:
        """An attempt that `attempt` or `start_probe` carries out."""
        return Running(lane, permit, request, record, record.stream, self._clock())

    async def attempt(self, running: Running, limit_s: float, left_s: float, *, held_back: bool = False) -> Answer:
        """One attempt for a caller. A stream's verdict is open until `stream_ended`, unless it has already ended.

        Args:
            running: The attempt.
            limit_s: The lane's limit for the answer or the first token, in seconds.
            left_s: How long the caller waits. What that cuts is no failure of the lane, unless it was overdue.
            held_back: Whether a stream is held back to its end.

        Raises:
            AttemptFailed: With what it means.
        """
        lane, request = running.lane, running.request
        answer: Answer
        try:
            if not running.stream:
                answer = await answer_plain(lane, request, limit_s, left_s)
            elif not held_back:
                answer = await open_stream(lane, request, limit_s, left_s)
                running.first_token_s = self._clock() - running.started_s
                running.response_model = _model(answer)
                if answer.rest is not None:
                    return answer
            else:
                answer = await whole_stream(lane, request, limit_s, left_s, Probe(to_the_end=True))
        except AttemptFailed as error:
            if error.failure.reason == DEADLINE and not self._overdue(running, error):
                self._cancelled(running, error.pieces if isinstance(error, StreamFailed) else 0, why=error.failure)
            else:
                self._failed(running, error)
            raise
        except BaseException:
            self._cancelled(running, 0)
            raise
        self._answered(running, answer)
        return answer

    def start_probe(self, running: Running, limit_s: float, whole_s: float) -> tuple[asyncio.Task[Answer], Probe]:
        """A probe in a task of its own. Its verdict falls whether or not anyone waits for it."""
        probe = Probe(to_the_end=running.permit.to_the_end)
        task = asyncio.create_task(self._probe(running, limit_s, whole_s, probe))
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        # Cancelled before its first step, the probe never gets to hand its pass back (handing it back twice is fine).
        task.add_done_callback(lambda done: running.lane.abandoned(running.permit) if done.cancelled() else None)
        # A detached probe's failure has been told to the breaker; nobody else needs to hear of it.
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return task, probe

    async def _probe(self, running: Running, limit_s: float, whole_s: float, probe: Probe) -> Answer:
        answer: Answer
        try:
            if running.stream:
                answer = await whole_stream(running.lane, running.request, limit_s, whole_s, probe)
            else:
                answer = await answer_plain(running.lane, running.request, limit_s)
        except AttemptFailed as error:
            if error.failure.reason in {"timeout_answer", "timeout_first_token"}:
                running.lane.patience.probe_timed_out(stream=running.stream)
            self._failed(running, error)
            raise
        except BaseException:
            self._cancelled(running, 0)
            raise
        self._answered(running, answer)
        return answer

    def stream_ended(self, running: Running, end: End, failure: Failure | None, tokens: Tokens, pieces: int) -> None:
        """A stream that a caller was reading is over."""
        if end is End.COMPLETE:
            self._succeeded(running, tokens, pieces=pieces)
        elif failure is not None and failure.reason != DEADLINE:
            self._failed(running, StreamFailed(failure, pieces, midway=True), tokens)
        else:
            # Nobody waits for it any more. A stall has been told by then, see `Lane.suspect`.
            self._cancelled(running, pieces, tokens, failure)

    def _overdue(self, running: Running, error: AttemptFailed) -> bool:
        midway = isinstance(error, StreamFailed) and error.midway
        return running.lane.overdue(self._clock() - running.started_s, stream=running.stream, midway=midway)

    def _answered(self, running: Running, answer: Answer) -> None:
        if isinstance(answer, LLMResponse):
            running.lane.patience.answered(self._clock() - running.started_s)
            running.response_model = answer.model
            self._succeeded(running, tokens_of(answer), characters=len(answer.content or ""))
        else:
            running.response_model = _model(answer)
            self._succeeded(running, _last_usage(answer), pieces=len(answer.held))

    def _succeeded(self, running: Running, tokens: Tokens, *, pieces: int = 0, characters: int = 0) -> None:
        lane = running.lane
        lane.succeeded(running.permit)
        took = running.first_token_s
        if took is not None:
            lane.patience.began(took)
        lane.pace.took(self._clock() - running.started_s if took is None else took, tokens[1])
        if tokens is NOTHING or not (tokens[0] or tokens[1]):
            bill = uncounted(lane, running.request, pieces + characters // LETTERS_PER_TOKEN)
        else:
            bill = counted(lane, tokens)
        self._tell(running, "ok", bill)

    def _failed(self, running: Running, error: AttemptFailed, tokens: Tokens = NOTHING) -> None:
        midway = isinstance(error, StreamFailed) and error.midway
        pieces = error.pieces if isinstance(error, StreamFailed) else 0
        if _asks_too_much(running, error.failure):
            running.lane.abandoned(running.permit)
        else:
            running.lane.failed(running.permit, error.failure, midway=midway)
        if any(error.tokens):
            bill = counted(running.lane, error.tokens)
        else:
            bill = self._unfinished(running, error.failure, pieces, tokens)
        theirs = error.failure.meaning in {Meaning.REQUEST, Meaning.UNFIT}
        self._tell(running, "rejected" if theirs else "failed", bill, error.failure)

    def _cancelled(self, running: Running, pieces: int, tokens: Tokens = NOTHING, why: Failure | None = None) -> None:
        running.lane.abandoned(running.permit)
        self._tell(running, "cancelled", self._unfinished(running, None, pieces, tokens), why)

    @staticmethod
    def _unfinished(running: Running, failure: Failure | None, pieces: int, tokens: Tokens) -> Bill:
        if tokens[1]:
            return counted(running.lane, tokens)
        return guessed(running.lane, running.request, failure, pieces, stream=running.stream)

    def _tell(self, running: Running, outcome: str, bill: Bill, failure: Failure | None = None) -> None:
        lane = running.lane
        if bill.usd:
            self._pay(lane.name, bill.usd)
            running.record.usd += bill.usd
        seconds = self._clock() - running.started_s
        provider = lane.provider
        end = AttemptEnd(
            lane.name,
            provider.credential,
            lane.model,
            outcome,
            seconds,
            running.first_token_s,
            bill,
            failure,
            running.record,
            provider.dialect,
            running.response_model,
        )
        for observer in self._observers:
            observer.attempt_ended(end)

    async def aclose(self) -> None:
        """Cancel the probes that are still on their way."""
        for task in list(self._background):
            task.cancel()
            with suppress(asyncio.CancelledError, AttemptFailed):
                await task


def _model(opened: Opened) -> str:
    return str(opened.held[0].get("model") or "") if opened.held else ""


def _last_usage(opened: Opened) -> Tokens:
    for chunk in reversed(opened.held):
        if chunk.get("usage"):
            return read_usage(chunk["usage"])
    return NOTHING


def _asks_too_much(running: Running, failure: Failure) -> bool:
    """Whether another provider has failed this call in the same way: then it is the question, which moves nothing.

    A schema that no model can meet would otherwise take all providers away from everybody else.
    """
    return failure.reason in CONTENT_DRIFTS and any(
        attempt.failure.reason in CONTENT_DRIFTS and attempt.provider.partition(" (")[0] != running.lane.name
        for attempt in running.record.attempts
    )
