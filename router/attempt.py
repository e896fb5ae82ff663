"""One attempt at one provider: start it, bound it in time, and say what its end means.

A plain attempt ends with the answer, a streamed one with the first token; from there on `OpenStream` carries it. A
probe is an attempt whose caller must not depend on it: it counts as good only once the whole answer is there, and when
that takes longer than its head start, the caller is served elsewhere while the probe goes on by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from .errors import AttemptFailed, Meaning, fail
from .lane import Lane
from .messages import Chunk, LLMRequest, LLMResponse

HELD_CHUNKS_MAX = 50_000
"""Most chunks of a stream that are held back: before its first token, or while it is a probe."""
MID_STREAM = frozenset({"stream_cut", "timeout_between_tokens", "malformed_event"})
"""Failures that a first token doesn't disprove."""


@dataclass(slots=True)
class Opened:
    """A stream whose first token has arrived, or that is already over.

    Attributes:
        held: What has arrived and not been delivered.
        rest: What is still to come; None if `held` is the whole answer.
    """

    held: list[Chunk]
    rest: AsyncIterator[list[Chunk]] | None

    async def following(self) -> list[Chunk] | None:
        """What arrives next, None at the proper end."""
        return None if self.rest is None else await anext(self.rest, None)

    async def aclose(self) -> None:
        """Drop the rest; the connection is closed."""
        if self.rest is not None:
            await close(self.rest)


Answer = LLMResponse | Opened


async def close(iterator: AsyncIterator[Any]) -> None:
    """Close an iterator if it knows how to be closed (async generators do)."""
    aclose = getattr(iterator, "aclose", None)
    if aclose is not None:
        await aclose()


def carries_token(chunk: Chunk) -> bool:
    """Whether a caller would call this the beginning of an answer.

    A lone role doesn't count, and neither does a tool's lone name: while its arguments haven't begun, nothing shows
    yet that they will come in a form that can be read.
    """
    for choice in chunk.get("choices") or ():
        delta = choice.get("delta")
        if not delta:
            continue
        if delta.get("content") or delta.get("refusal") or delta.get("function_call") or delta.get("audio"):
            return True
        if any((call.get("function") or {}).get("arguments") for call in delta.get("tool_calls") or ()):
            return True
    return False


async def bounded(work: Callable[[], Any], limit_s: float, reason: str) -> Any:
    """Run with a limit.

    Raises:
        AttemptFailed: What the provider raised; or meaning `transient` with `reason`, if the time was up.
    """
    try:
        async with asyncio.timeout(limit_s):
            return await work()
    except TimeoutError:
        raise fail(Meaning.TRANSIENT, reason, f"nothing for {limit_s:.2f} s") from None
    except AttemptFailed:
        raise
    except Exception as error:
        raise fail(Meaning.TRANSIENT, "unknown_error", f"{type(error).__name__}: {error}") from error


async def answer_plain(lane: Lane, request: LLMRequest, limit_s: float) -> LLMResponse:
    """A plain answer within `limit_s` seconds.

    Raises:
        AttemptFailed: With what it means.
    """
    response: LLMResponse = await bounded(
        lambda: lane.provider.generate(request, lane.limits), limit_s, "timeout_answer"
    )
    return response


async def open_stream(lane: Lane, request: LLMRequest, limit_s: float) -> Opened:
    """A stream up to its first token, which has to come within `limit_s` seconds.

    Raises:
        AttemptFailed: With what it means; nothing has been delivered then.
    """
    iterator = aiter(lane.provider.stream(request, lane.limits))
    held: list[Chunk] = []

    async def first_token() -> Opened:
        async for chunks in iterator:
            _hold(held, chunks)
            if any(map(carries_token, chunks)):
                return Opened(held, iterator)
        return Opened(held, None)

    try:
        opened: Opened = await bounded(first_token, limit_s, "timeout_first_token")
    except BaseException:
        await close(iterator)
        raise
    return opened


def _hold(held: list[Chunk], chunks: list[Chunk]) -> None:
    held.extend(chunks)
    if len(held) > HELD_CHUNKS_MAX:
        raise fail(
            Meaning.DRIFTED, "drift_too_large", f"the stream passed {HELD_CHUNKS_MAX} chunks that were held back"
        )


@dataclass(slots=True)
class Probe:
    """A probe on its way; `detached` is set once its caller is served elsewhere."""

    detached: bool = False


async def probe_stream(lane: Lane, request: LLMRequest, limit_s: float, whole_s: float, probe: Probe) -> Opened:
    """A whole stream, held back to its end; a detached probe is content with the first token.

    Args:
        lane: Who is asked.
        request: What is asked.
        limit_s: Limit for the first token, in seconds.
        whole_s: Limit for the whole stream, in seconds: its caller has a deadline, and a breaker can't stay half open.
        probe: Says whether anyone still waits.

    Raises:
        AttemptFailed: With what it means.
    """
    held: Opened = await bounded(lambda: _held_back(lane, request, limit_s, probe), whole_s, "deadline")
    return held


async def _held_back(lane: Lane, request: LLMRequest, limit_s: float, probe: Probe) -> Opened:
    last = lane.breaker.last_failure
    to_the_end = last is not None and last.reason in MID_STREAM
    opened = await open_stream(lane, request, limit_s)
    try:
        while to_the_end or not probe.detached:
            chunks = await bounded(opened.following, lane.limits.between_tokens_s, "timeout_between_tokens")
            if chunks is None:
                return Opened(opened.held, None)
            if not probe.detached:
                _hold(opened.held, chunks)
    finally:
        await opened.aclose()
    return Opened(opened.held, None)
