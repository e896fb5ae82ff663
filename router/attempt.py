"""One attempt at one provider: start it, bound it in time, and say what its end means.

A plain attempt ends with the answer, a streamed one with the first token; from there on `OpenStream` carries it. A
probe is an attempt whose caller must not depend on it: it counts as good only once the whole answer is there, and when
that takes longer than its head start, the caller is served elsewhere while the probe goes on by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from math import inf
from typing import Any, TypeVar

from .errors import AttemptFailed, Failure, Meaning, fail
from .lane import Lane
from .messages import NOTHING, Chunk, LLMRequest, LLMResponse, Tokens

T = TypeVar("T")
HELD_CHUNKS_MAX = 50_000
"""Most chunks of a stream that are held back: before its first token, or while it is a probe."""
_THOUGHTS = ("reasoning_content", "reasoning", "reasoning_details", "content")
"""Where a model's thinking stands in a delta, by vendor; and text that isn't the answer yet."""
DEADLINE = "deadline"
"""The reason of an attempt that its caller's deadline cut, and not a limit of the lane."""


class StreamFailed(AttemptFailed):
    """A stream failed.

    Attributes:
        pieces: Chunks that had arrived; they are billed.
        midway: Whether the first token had arrived, so the provider does begin answers but doesn't end them.
    """

    def __init__(self, failure: Failure, pieces: int, *, midway: bool, tokens: Tokens = NOTHING) -> None:
        super().__init__(failure, tokens)
        self.pieces, self.midway = pieces, midway


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


def carries_token(chunk: Chunk, request: LLMRequest | None = None) -> bool:
    """Whether a caller would call this the beginning of an answer.

    A lone role doesn't count, and neither does a tool's lone name: while its arguments haven't begun, nothing shows
    yet that they will come in a form that can be read. To a request that demands a call, text is none, and to one for
    JSON, blanks are none.
    """
    call, json = (False, False) if request is None else (request.demanded_call is not None, request.wants_json)
    for choice in chunk.get("choices") or ():
        delta = choice.get("delta")
        if not delta:
            continue
        text = None if call else delta.get("content")
        if (
            (text and not (json and text.isspace()))
            or delta.get("refusal")
            or delta.get("function_call")
            or delta.get("audio")
        ):
            return True
        if any((call.get("function") or {}).get("arguments") for call in delta.get("tool_calls") or ()):
            return True
    return False


async def bounded(work: Callable[[], Awaitable[T]], limit_s: float, reason: str) -> T:
    """Run with a limit.

    Raises:
        AttemptFailed: What the provider raised; or meaning `transient` with `reason`, if the time was up.
    """
    return await _timed(lambda _timer: work(), limit_s, reason)


async def _timed(
    work: Callable[[asyncio.Timeout], Awaitable[T]], limit_s: float, reason: str, left_s: float = inf
) -> T:
    """The same for work that may move its own limit, and whose caller waits for `left_s` seconds."""
    if left_s <= limit_s:
        limit_s, reason = left_s, DEADLINE
    try:
        async with asyncio.timeout(limit_s) as timer:
            return await work(timer)
    except TimeoutError:
        raise fail(Meaning.TRANSIENT, reason, f"nothing for {limit_s:.2f} s") from None
    except AttemptFailed:
        raise
    except Exception as error:
        raise fail(Meaning.TRANSIENT, "unknown_error", f"{type(error).__name__}: {error}") from error


async def answer_plain(lane: Lane, request: LLMRequest, limit_s: float, left_s: float = inf) -> LLMResponse:
    """A plain answer within `limit_s` seconds, and within the `left_s` that its caller still waits.

    Raises:
        AttemptFailed: With what it means.
    """
    return await _timed(lambda _timer: lane.provider.generate(request, lane.limits), limit_s, "timeout_answer", left_s)


def thinks(chunk: Chunk) -> bool:
    """Whether a chunk shows that the model lives, though the answer hasn't begun: it thinks, or talks before a call."""
    return any(
        delta.get(name) for choice in chunk.get("choices") or () if (delta := choice.get("delta")) for name in _THOUGHTS
    )


async def open_stream(lane: Lane, request: LLMRequest, limit_s: float, left_s: float = inf) -> Opened:
    """A stream up to its first token, which has to come within `limit_s` seconds, and while its caller waits.

    A model that shows its thinking has come to life: from then on only its silence counts (`between_tokens_s`). What it
    thinks is held back until `limit_s` has passed, so that a failure up to then stays hidden; then it goes out.

    Raises:
        StreamFailed: With what it means; nothing has been delivered then.
    """
    iterator = aiter(lane.provider.stream(request, lane.limits))
    held: list[Chunk] = []
    loop = asyncio.get_running_loop()
    now = loop.time()
    patient_until, ends = now + min(limit_s, left_s), now + left_s

    async def first_token(timer: asyncio.Timeout) -> Opened:
        async for chunks in iterator:
            _hold(held, chunks)
            if any(carries_token(chunk, request) for chunk in chunks):
                return Opened(held, iterator)
            if any(map(thinks, chunks)):
                now = loop.time()
                if now >= patient_until:
                    return Opened(held, iterator)
                timer.reschedule(min(ends, max(patient_until, now + lane.limits.between_tokens_s)))
        return Opened(held, None)

    try:
        return await _timed(first_token, limit_s, "timeout_first_token", left_s)
    except AttemptFailed as error:
        await close(iterator)
        raise StreamFailed(error.failure, len(held), midway=False, tokens=error.tokens) from error
    except BaseException:
        await close(iterator)
        raise


def _hold(held: list[Chunk], chunks: list[Chunk]) -> None:
    held.extend(chunks)
    if len(held) > HELD_CHUNKS_MAX:
        raise fail(
            Meaning.DRIFTED, "drift_too_large", f"the stream passed {HELD_CHUNKS_MAX} chunks that were held back"
        )


@dataclass(slots=True)
class Probe:
    """A probe on its way.

    Attributes:
        to_the_end: Whether only a whole stream is a success.
        detached: Set once its caller is served elsewhere.
    """

    to_the_end: bool = False
    detached: bool = False


async def whole_stream(lane: Lane, request: LLMRequest, limit_s: float, whole_s: float, probe: Probe) -> Opened:
    """A whole stream, held back to its end; a detached probe may be content with the first token.

    Args:
        lane: Who is asked.
        request: What is asked.
        limit_s: Limit for the first token, in seconds.
        whole_s: Limit for the whole stream, in seconds: its caller has a deadline, and a breaker can't stay half open.
            When it ends the stream, the reason is `DEADLINE`.
        probe: Says whether anyone still waits, and whether that matters.

    Raises:
        StreamFailed: With what it means.
    """
    opened: Opened | None = None

    async def held_back() -> Opened:
        nonlocal opened
        opened = await open_stream(lane, request, limit_s)
        while probe.to_the_end or not probe.detached:
            chunks = await bounded(opened.following, lane.limits.between_tokens_s, "timeout_between_tokens")
            if chunks is None:
                break
            if not probe.detached:
                _hold(opened.held, chunks)
        return Opened(opened.held, None)

    try:
        return await bounded(held_back, whole_s, DEADLINE)
    except StreamFailed:
        raise
    except AttemptFailed as error:
        pieces = 0 if opened is None else len(opened.held)
        raise StreamFailed(error.failure, pieces, midway=opened is not None, tokens=error.tokens) from error
    finally:
        if opened is not None:
            await opened.aclose()
