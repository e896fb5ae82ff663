"""A stream on its way to a caller: pieces as they arrive, and exactly one verdict at its end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from enum import StrEnum
from typing import Any, Protocol

from .attempt import Opened
from .errors import MESSAGE_CHARS_MAX, Attempt, AttemptFailed, Failure, Meaning, StreamInterrupted
from .messages import NOTHING, Chunk, Tokens, read_usage
from .refusal import redact
from .watchdog import Watchdog


class End(StrEnum):
    """How a stream ended."""

    COMPLETE = "complete"
    BROKEN = "broken"
    LEFT = "left"


Ended = Callable[[End, Failure | None, Tokens, int], None]


class Streaming(Protocol):
    """A stream on its way to a caller.

    Attributes:
        provider: Who answers; who began, if another goes on.
        attempts: Attempts that it took to get here, the good one included.
    """

    provider: str
    attempts: int

    def batches(self) -> AsyncIterator[list[Chunk]]:
        """Lists of chunks, as many as arrived together; without an error at the end, the answer is complete.

        Raises:
            StreamInterrupted: What was delivered is incomplete.
        """
        ...

    async def aclose(self) -> None:
        """Drop the rest."""
        ...


class OpenStream:
    """Iterate over `batches()`; an iteration that ends without an error means that the answer is complete.

    Args:
        opened: The stream so far.
        provider: Who answers.
        attempts: Attempts so far.
        wait_s: Seconds to wait for the next token, asked anew for each.
        silent: What it means when it took longer.
        ended: Called once, with how it ended, why, the tokens counted, and the pieces that arrived.
        odd_s: A silence that isn't usual, in seconds; None if nobody knows.
        odd: Called at the first such silence; the stream goes on.
        slow_per_s: Pieces a second that are so few that `odd` is called as well.

    Attributes:
        provider: Who answers.
        attempts: Attempts that it took to get here, the good one included.
        tokens: Input, output and cached tokens as the provider counted them; zeros until it said so.
        pieces: Chunks that have arrived.
    """

    def __init__(
        self,
        opened: Opened,
        *,
        provider: str,
        attempts: int,
        wait_s: Callable[[], float],
        silent: Callable[[], Failure],
        ended: Ended,
        odd_s: float | None = None,
        odd: Callable[[], None] = lambda: None,
        slow_per_s: float = 0.0,
    ) -> None:
        self.provider, self.attempts = provider, attempts
        self.tokens = NOTHING
        self.pieces = 0
        self._watchdog = Watchdog(odd_s, odd, slow_per_s)
        self._opened = opened
        self._wait_s, self._silent = wait_s, silent
        self._ended: Ended | None = ended

    async def batches(self) -> AsyncIterator[list[Chunk]]:
        """Lists of chunks, as many as arrived together.

        Raises:
            StreamInterrupted: The provider failed after its first token: what was delivered is incomplete.
        """
        opened = self._opened
        try:
            held, opened.held = opened.held, []
            self._count(held)
            yield held
            if opened.rest is not None:
                with self._watchdog as watchdog:
                    watchdog.wait(self._wait_s())
                    async for chunks in opened.rest:
                        watchdog.rest(len(chunks))
                        self._count(chunks)
                        yield chunks
                        watchdog.wait(self._wait_s())
            self._end(End.COMPLETE, None)
        except AttemptFailed as error:
            if any(error.tokens):
                self.tokens = error.tokens
            raise self._broken(error.failure) from None
        except TimeoutError:
            raise self._broken(self._silent()) from None
        except Exception as error:
            # A provider of the user's own may raise anything.
            failure = Failure(
                Meaning.TRANSIENT, "unknown_error", redact(f"{type(error).__name__}: {error}")[:MESSAGE_CHARS_MAX]
            )
            raise self._broken(failure) from error
        finally:
            self._end(End.LEFT, None)
            await opened.aclose()

    @property
    def flow(self) -> tuple[float, int, float]:
        """The longest time between two pieces, the caller's pauses included; pieces waited for; how long, in all."""
        return self._watchdog.longest_s, self._watchdog.pieces, self._watchdog.waited_s

    async def aclose(self) -> None:
        """Drop the rest of the stream; the connection to the provider is closed."""
        self._end(End.LEFT, None)
        await self._opened.aclose()

    def _broken(self, failure: Failure) -> StreamInterrupted:
        self._end(End.BROKEN, failure)
        return StreamInterrupted(Attempt(self.provider, failure))

    def _count(self, chunks: list[Chunk]) -> None:
        self.pieces += len(chunks)
        for chunk in chunks:
            usage: Any = chunk.get("usage")
            if usage:
                self.tokens = read_usage(usage)

    def _end(self, end: End, failure: Failure | None) -> None:
        # The first verdict counts: closing a stream that was complete doesn't make it a stream that was left.
        ended, self._ended = self._ended, None
        if ended is not None:
            ended(end, failure, self.tokens, self.pieces)
