"""An event loop in a thread of its own, for callers that aren't asynchronous."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import CancelledError
from typing import Any, TypeVar

from .errors import RouterError

T = TypeVar("T")

CANCEL_S = 5.0
"""How long what is cancelled may take to end, in seconds."""
CLOSED = "the router was closed while this call was on its way"


class LoopThread:
    """Runs coroutines for other threads, in one loop, so that connections outlive a call.

    Args:
        name: The thread's name.
    """

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._closing = threading.Lock()
        self._closed = False
        self._running: set[asyncio.Task[Any]] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run to the end and give back the result, or raise what was raised. Ctrl-C cancels the work.

        Raises:
            RouterError: The loop was stopped before the work was done.
        """
        with self._closing:
            # What is handed over before the loop is told to stop is found by `stop`, and cancelled.
            if self._closed:
                work.close()
                raise RouterError(CLOSED)
            future = asyncio.run_coroutine_threadsafe(self._do(work), self._loop)
        try:
            return future.result()
        except CancelledError:
            if self._closed:
                raise RouterError(CLOSED) from None
            raise
        except BaseException:
            future.cancel()
            raise

    def stop(self, last: Coroutine[Any, Any, None]) -> None:
        """Cancel what `run` waits for, so that whoever asked hears of it; then end the loop and the thread.

        Args:
            last: What is done between the two; it ends what runs in the background in its own way.
        """
        with self._closing:
            self._closed = True
            ending = asyncio.run_coroutine_threadsafe(self._end(last), self._loop)
        try:
            ending.result()
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    async def _do(self, work: Coroutine[Any, Any, T]) -> T:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - narrows the type; a coroutine runs in one
        self._running.add(task)
        try:
            return await work
        finally:
            self._running.discard(task)

    async def _end(self, last: Coroutine[Any, Any, None]) -> None:
        running = list(self._running)
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=CANCEL_S)
        await last
