"""Runs attempts and tells everyone concerned: the breaker, the provider's patience, the observers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

from .attempt import Answer, Opened, Probe, answer_plain, open_stream, probe_stream
from .errors import AttemptFailed, Failure
from .lane import Lane
from .messages import LLMRequest, LLMResponse, read_usage
from .observer import Observer
from .open_stream import End
from .policies.breaker import Ticket

Tokens = tuple[int, int, int]


class Runner:
    """Attempts at lanes, each with exactly one verdict.

    Args:
        observers: Who hears what happens.
        clock: Seconds that only go forward.
    """

    def __init__(self, observers: Sequence[Observer], clock: Callable[[], float]) -> None:
        self._observers, self._clock = observers, clock
        self._background: set[asyncio.Task[Answer]] = set()

    async def attempt(self, lane: Lane, ticket: Ticket, request: LLMRequest, limit_s: float, *, stream: bool) -> Answer:
        """One attempt for a caller. A stream's verdict is open until `stream_ended`, unless it has already ended.

        Raises:
            AttemptFailed: With what it means.
        """
        started = self._clock()
        try:
            if stream:
                opened = await open_stream(lane, request, limit_s)
                if opened.rest is None:
                    self._succeeded(lane, ticket, _tokens(opened))
                return opened
            response = await answer_plain(lane, request, limit_s)
        except AttemptFailed as error:
            self._failed(lane, ticket, error.failure)
            raise
        except BaseException:
            self._cancelled(lane, ticket)
            raise
        lane.patience.answered(self._clock() - started)
        self._succeeded(lane, ticket, _tokens(response))
        return response

    def start_probe(
        self, lane: Lane, ticket: Ticket, request: LLMRequest, limit_s: float, whole_s: float, *, stream: bool
    ) -> tuple[asyncio.Task[Answer], Probe]:
        """A probe in a task of its own. Its verdict falls whether or not anyone waits for it."""
        probe = Probe()
        task = asyncio.create_task(self._probe(lane, ticket, request, limit_s, whole_s, probe, stream=stream))
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        # Cancelled before its first step, the probe never gets to hand its ticket back (handing it back twice is fine).
        task.add_done_callback(lambda done: lane.breaker.abandoned(ticket) if done.cancelled() else None)
        # A detached probe's failure has been told to the breaker; nobody else needs to hear of it.
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return task, probe

    async def _probe(
        self,
        lane: Lane,
        ticket: Ticket,
        request: LLMRequest,
        limit_s: float,
        whole_s: float,
        probe: Probe,
        *,
        stream: bool,
    ) -> Answer:
        started = self._clock()
        answer: Answer
        try:
            if stream:
                answer = await probe_stream(lane, request, limit_s, whole_s, probe)
            else:
                answer = await answer_plain(lane, request, limit_s)
        except AttemptFailed as error:
            if error.failure.reason == "timeout_answer":
                lane.patience.probe_timed_out()
            self._failed(lane, ticket, error.failure)
            raise
        except BaseException:
            self._cancelled(lane, ticket)
            raise
        if not stream:
            lane.patience.answered(self._clock() - started)
        self._succeeded(lane, ticket, _tokens(answer))
        return answer

    def stream_ended(self, lane: Lane, ticket: Ticket, end: End, failure: Failure | None, tokens: Tokens) -> None:
        """A stream that a caller was reading is over."""
        if end is End.COMPLETE:
            self._succeeded(lane, ticket, tokens)
        elif failure is not None:
            self._failed(lane, ticket, failure)
        else:
            self._cancelled(lane, ticket)

    def _succeeded(self, lane: Lane, ticket: Ticket, tokens: Tokens) -> None:
        lane.breaker.succeeded(ticket)
        for observer in self._observers:
            observer.attempt_succeeded(lane.name, lane.provider.model, tokens)

    def _failed(self, lane: Lane, ticket: Ticket, failure: Failure) -> None:
        lane.breaker.failed(ticket, failure)
        for observer in self._observers:
            observer.attempt_failed(lane.name, lane.provider.model, failure)

    def _cancelled(self, lane: Lane, ticket: Ticket) -> None:
        lane.breaker.abandoned(ticket)
        for observer in self._observers:
            observer.attempt_cancelled(lane.name, lane.provider.model)

    async def aclose(self) -> None:
        """Cancel the probes that are still on their way."""
        for task in list(self._background):
            task.cancel()
            with suppress(asyncio.CancelledError, AttemptFailed):
                await task


def _tokens(answer: Answer) -> Tokens:
    if isinstance(answer, LLMResponse):
        return answer.input_tokens, answer.output_tokens, answer.cached_tokens
    return _last_usage(answer)


def _last_usage(opened: Opened) -> Tokens:
    for chunk in reversed(opened.held):
        if chunk.get("usage"):
            return read_usage(chunk["usage"])
    return 0, 0, 0
