"""Sends the rest of a stream by itself, once a fault wants a pause in it: mitmproxy's stream callback can't wait.

From then on the callback hands mitmproxy nothing, and what it would have sent is written here, piece by piece. The
response hook waits until everything is written, so that mitmproxy's proper ending comes last.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from .faults.base import Pause

if TYPE_CHECKING:
    from .faults.base import Step

WAITING_BYTES_MAX: Final = 64 * 1024 * 1024
"""Bytes of one stream that may wait behind a pause; beyond, the stream is cut."""


class Pump:
    """Plays steps in order. `write` sends bytes to the router, `cut` closes its connection."""

    def __init__(self, write: Callable[[bytes], Awaitable[None]], cut: Callable[[], None]) -> None:
        self._write = write
        self._cut = cut
        self._steps: deque[Step] = deque()
        self._waiting_bytes = 0
        self._more = asyncio.Event()
        self._closed = False
        self._task = asyncio.create_task(self._run())

    def put(self, steps: Iterable[Step]) -> None:
        """Add steps."""
        for step in steps:
            self._steps.append(step)
            if isinstance(step, bytes):
                self._waiting_bytes += len(step)
        if self._waiting_bytes > WAITING_BYTES_MAX:
            self.stop()
            self._cut()
        self._more.set()

    async def finish(self) -> bool:
        """Wait until every step was played; whether that came about."""
        self._closed = True
        self._more.set()
        with suppress(asyncio.CancelledError):
            await asyncio.wait([self._task])
        return not self._task.cancelled()

    def stop(self) -> None:
        """Play no further step."""
        self._task.cancel()

    async def _run(self) -> None:
        while True:
            while self._steps:
                step = self._steps.popleft()
                if isinstance(step, bytes):
                    self._waiting_bytes -= len(step)
                    await self._write(step)
                elif isinstance(step, Pause):
                    await asyncio.sleep(step.seconds)
                else:
                    self._cut()
                    return
            if self._closed:
                return
            self._more.clear()
            await self._more.wait()
