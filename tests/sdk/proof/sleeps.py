"""Keeps SDKs from sleeping before a retry, and notes how long they would have slept."""

from __future__ import annotations

import asyncio
import threading
import time
from types import ModuleType, SimpleNamespace
from typing import Any

import anyio
import pytest


class Sleeps:
    """What would have been slept in this thread, in seconds, in order; sleeps of no time are none."""

    def __init__(self) -> None:
        self.waits: list[float] = []
        self._thread = threading.get_ident()

    def patch(self, monkeypatch: pytest.MonkeyPatch, clock: ModuleType | None = None) -> None:
        """Put this in place of every function that an SDK sleeps by, and let the module `clock` see the time pass."""
        monkeypatch.setattr("time.sleep", self._instead(time.sleep))
        monkeypatch.setattr("anyio.sleep", self._instead_async(anyio.sleep))
        monkeypatch.setattr("asyncio.sleep", self._instead_async(asyncio.sleep))
        if clock is not None:
            monkeypatch.setattr(clock, "time", SimpleNamespace(time=self.now, sleep=time.sleep))

    def now(self) -> float:
        """The time as it would be, had all this been slept, for SDKs that count it, in seconds."""
        return sum(self.waits)

    def _instead(self, real: Any) -> Any:
        def sleep(seconds: float) -> None:
            if self._noted(seconds):
                return
            real(seconds)

        return sleep

    def _instead_async(self, real: Any) -> Any:
        async def sleep(delay: float, *rest: Any) -> Any:
            if self._noted(delay):
                return rest[0] if rest else None
            return await real(delay, *rest)

        return sleep

    def _noted(self, seconds: float) -> bool:
        mine = threading.get_ident() == self._thread and seconds > 0  # the servers' thread must go on sleeping
        if mine:
            self.waits.append(seconds)
        return mine
