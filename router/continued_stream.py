"""A stream that another provider goes on with when it breaks off: one answer, one proper end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

from .attempt import close
from .continuation import Said
from .errors import Attempt, AttemptFailed, StreamInterrupted
from .messages import Chunk, LLMRequest
from .open_stream import End, OpenStream

GoOn = Callable[[Said, Attempt], Awaitable[OpenStream | None]]
"""Told what was said and who failed; the stream that goes on, or None if there is none to be had."""


class ContinuedStream:
    """The same to its reader as `OpenStream`.

    Args:
        first: The stream that begins.
        request: What was asked.
        go_on: Looks for somebody who goes on.
        ended: Called once, with how all of it ended.

    Attributes:
        provider: Who began.
        attempts: Attempts that it took to begin.
    """

    def __init__(self, first: OpenStream, request: LLMRequest, go_on: GoOn, ended: Callable[[End], None]) -> None:
        self.provider, self.attempts = first.provider, first.attempts
        self._stream = first
        self._said = Said(request)
        self._go_on = go_on
        self._ended: Callable[[End], None] | None = ended

    async def batches(self) -> AsyncIterator[list[Chunk]]:
        """Lists of chunks, as many as arrived together.

        Raises:
            StreamInterrupted: It broke off, and nobody could go on: what was delivered is incomplete.
        """
        said = self._said
        broken: StreamInterrupted | None = None
        try:
            while True:
                batches = self._stream.batches()
                try:
                    async for chunks in batches:
                        if broken is None:
                            said.take(chunks)
                            yield chunks
                        elif joined := said.joined(chunks):
                            yield joined
                except StreamInterrupted as error:
                    broken = error
                except AttemptFailed as error:
                    # It is another answer, of which nothing has gone out.
                    broken = StreamInterrupted(Attempt(self._stream.provider, error.failure))
                else:
                    self._end(End.COMPLETE)
                    return
                finally:
                    await close(batches)
                    await self._stream.aclose()
                following = await self._go_on(said, broken.attempt) if said.can_go_on else None
                if following is None:
                    self._end(End.BROKEN)
                    raise broken
                said.meet()
                self._stream = following
        finally:
            self._end(End.LEFT)

    async def aclose(self) -> None:
        """Drop the rest of the stream; the connection to the provider is closed."""
        self._end(End.LEFT)
        await self._stream.aclose()

    def _end(self, end: End) -> None:
        ended, self._ended = self._ended, None
        if ended is not None:
            ended(end)
