"""Sends the rest of a body by itself, once a fault wants more of it than bytes: mitmproxy's stream callback can't wait.

From then on the callback hands mitmproxy nothing, and what it would have sent is written here, piece by piece. The
response hook waits until everything is written, so that mitmproxy's proper ending comes last.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Protocol

from .faults.base import Cut, End, Pause, Reset, Stall

if TYPE_CHECKING:
    from .faults.base import Step

WAITING_BYTES_MAX: Final = 64 * 1024 * 1024
"""Bytes of one body that may wait behind a pause; beyond, the body is cut."""


class Line(Protocol):
    """What a pump writes to."""

    async def write(self, data: bytes) -> None:
        """Send some of the body to the router."""

    def cut(self) -> None:
        """Close its connection."""

    async def reset(self) -> None:
        """Reset its connection."""

    async def end_body(self) -> None:
        """End the body properly."""


class Pump:
    """Plays steps in order."""

    def __init__(self, line: Line) -> None:
        self._line = line
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
            self._line.cut()
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
                if await self._play(self._steps.popleft()):
                    return
            if self._closed:
                return
            self._more.clear()
            await self._more.wait()

    async def _play(self, step: Step) -> bool:
        """Play a step; whether it was the last."""
        match step:
            case bytes():
                self._waiting_bytes -= len(step)
                await self._line.write(step)
                return False
            case Pause():
                await asyncio.sleep(step.seconds)
                return False
            case Stall():
                await self._stall(step)
            case Cut():
                self._line.cut()
            case Reset():
                await self._line.reset()
            case End():
                await self._line.end_body()
        return True

    async def _stall(self, stall: Stall) -> None:
        """Until the pump is stopped."""
        while stall.beat:
            await self._line.write(stall.beat)
            await asyncio.sleep(stall.every_s)
        await asyncio.Event().wait()
