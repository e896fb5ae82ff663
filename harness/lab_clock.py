"""The clock of a lab's providers: it may run faster than the machine's, stand still, or be put forward by the test."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

NS: Final = 1_000_000_000
SPEED_MAX: Final = 10_000.0
"""Fastest that the clock may run, as a multiple of the machine's."""


class LabClock:
    """Nanoseconds that never go back; they begin as those of `time.monotonic_ns`.

    Args:
        machine: The machine's clock, in nanoseconds.
    """

    def __init__(self, machine: Callable[[], int] = time.monotonic_ns) -> None:
        self._machine = machine
        self._since_ns = self._base_ns = machine()
        self._speed = 1.0
        self.started_ns: int | None = None
        """Time 0 of the timeline, on this clock; None before it."""

    @property
    def speed(self) -> float:
        """How many times as fast as the machine's it runs; 0 if it moves by `advance` alone."""
        return self._speed

    @speed.setter
    def speed(self, speed: float) -> None:
        self._base_ns, self._since_ns = self.now_ns(), self._machine()
        self._speed = speed

    def now_ns(self) -> int:
        """This moment."""
        return self._base_ns + int((self._machine() - self._since_ns) * self._speed)

    def now_s(self) -> float:
        """This moment in seconds."""
        return self.now_ns() / NS

    def advance(self, seconds: float) -> None:
        """Put the clock forward."""
        self._base_ns += int(seconds * NS)

    @property
    def into_s(self) -> float | None:
        """Seconds since time 0, None before it."""
        return None if self.started_ns is None else (self.now_ns() - self.started_ns) / NS

    def wait_s(self, until_ns: int) -> float | None:
        """Seconds of the machine's clock until a moment of this one; None if it never comes by itself."""
        left_ns = until_ns - self.now_ns()
        if left_ns <= 0:
            return 0.0
        return left_ns / NS / self._speed if self._speed > 0 else None
