"""A router for both kinds of code: `aroute` and `async for`, or `route` and `for`.

What isn't asynchronous is served by a loop of the router's own, in a thread of its own, so that connections outlive a
call. A router serves one of both: its connections belong to one loop.
"""

from __future__ import annotations

import atexit
import threading
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from types import TracebackType
from typing import Self

from .loop_thread import LoopThread
from .messages import Chunk, LLMRequest, LLMResponse


class Pieces:
    """A streamed answer, for `async for` or for `for`.

    Args:
        pieces: The answer.
        thread: Gives the thread with the router's own loop.
    """

    def __init__(self, pieces: AsyncGenerator[Chunk, None], thread: Callable[[], LoopThread]) -> None:
        self._pieces, self._thread = pieces, thread

    def __aiter__(self) -> AsyncIterator[Chunk]:
        return self._pieces

    async def __anext__(self) -> Chunk:
        return await anext(self._pieces)

    async def aclose(self) -> None:
        """Don't read on; the provider's connection is closed."""
        await self._pieces.aclose()

    def __iter__(self) -> Iterator[Chunk]:
        thread = self._thread()
        try:
            while (chunk := thread.run(self._next())) is not None:
                yield chunk
        finally:
            thread.run(self._pieces.aclose())

    async def _next(self) -> Chunk | None:
        return await anext(self._pieces, None)


class BothWays(ABC):
    """The side of a router that callers see."""

    def __init__(self) -> None:
        self._thread: LoopThread | None = None
        self._starting = threading.Lock()

    @abstractmethod
    async def aroute(self, request: LLMRequest) -> LLMResponse:
        """Answer at once."""

    @abstractmethod
    def pieces(self, request: LLMRequest) -> AsyncGenerator[Chunk, None]:
        """Answer piece by piece."""

    @abstractmethod
    async def aclose(self) -> None:
        """Close every connection and end what runs in the background."""

    def route(self, request: LLMRequest) -> LLMResponse:
        """Answer, from code that isn't asynchronous. See `aroute`."""
        return self._own_loop().run(self.aroute(request))

    def stream(self, request: LLMRequest) -> Pieces:
        """Answer piece by piece, in chunks of OpenAI's shape, for `async for` or for `for`.

        Raises (while iterating):
            RequestRejected: The request itself is at fault, or the caller's terms permit nobody to answer it.
            AllProvidersExhausted: Nobody could begin an answer.
            StreamInterrupted: The answer broke off: what was delivered is incomplete.
        """
        return Pieces(self.pieces(request), self._own_loop)

    def close(self) -> None:
        """`aclose` for a router that was used through `route` or `for`. The end of the program does it as well.

        Calls of other threads that are on their way end with a `RouterError`.
        """
        thread, self._thread = self._thread, None
        atexit.unregister(self.close)
        if thread is not None:
            thread.stop(self.aclose())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def _own_loop(self) -> LoopThread:
        with self._starting:
            # Two threads that call first at once must share one loop: the connections belong to it.
            if self._thread is None:
                self._thread = LoopThread("banstorm-router")
                atexit.register(self.close)
            return self._thread
