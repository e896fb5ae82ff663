"""The lab of a test session: one event loop in a background thread, in which fake providers listen on loopback.

Tests run in whatever thread and loop they like; everything that touches the fakes goes through `Lab.run`, so nothing
of them needs a lock. The thread is started with the first provider: a session that asks for none pays nothing.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from .errors import HarnessError

if TYPE_CHECKING:
    from types import TracebackType

    from ..fakes.prices import PriceTable

RUN_S_MAX: Final = 10.0
"""Seconds that anything done in the lab's thread may take."""
SEED: Final = 1
"""Seed of ids, paces and shares, unless a test says another."""

_Result = TypeVar("_Result")


class Lab:
    """A thread with an event loop for fakes. Use it as a context manager, or call `close`."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._prices: PriceTable | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def prices(self) -> PriceTable:
        """List prices, read once."""
        if self._prices is None:
            from ..fakes.prices import PriceTable

            self._prices = PriceTable.load()
        return self._prices

    def run(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        """Run a coroutine in the lab's thread and wait for its result.

        Raises:
            HarnessError: when it takes longer than `RUN_S_MAX`.
        """
        running = asyncio.run_coroutine_threadsafe(work, self._begun())
        try:
            return running.result(RUN_S_MAX)
        except TimeoutError:
            if running.done():
                raise
            running.cancel()
            what = f"the fakes did not do their work within {RUN_S_MAX:.0f} s"
            raise HarnessError(what, "the thread of banstorm's lab", "see what else keeps the machine busy") from None

    def do(self, work: Callable[[], _Result]) -> _Result:
        """Call something in the lab's thread and wait for its result."""

        async def call() -> _Result:
            return work()

        return self.run(call())

    def close(self) -> None:
        """End the thread, if it was started."""
        if self._loop is None or self._thread is None:
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(RUN_S_MAX)
        self._loop = self._thread = None

    def _begun(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=_live, args=(self._loop,), name="banstorm-lab", daemon=True)
            self._thread.start()
        return self._loop


def _live(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
    finally:
        asyncio.set_event_loop(None)
        loop.close()
