"""How late an asyncio loop runs: a heartbeat that notes how long after its due time it beat.

A loop that is late makes its process a bad witness: it stamps what it sees too late. So every child of ours measures
itself, and a run whose own lag is too large is inconclusive.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

BEAT_S: Final = 0.01
"""Seconds between two heartbeats."""


class Heartbeat:
    """Beats while `run` runs; `take` gives the largest lateness since it was last asked."""

    def __init__(self) -> None:
        self._due_s = time.monotonic()
        self._late_s = 0.0

    async def run(self) -> None:
        """Beat until cancelled."""
        self._due_s = time.monotonic()
        while True:
            self._due_s += BEAT_S
            await asyncio.sleep(max(0.0, self._due_s - time.monotonic()))
            now_s = time.monotonic()
            late_s = now_s - self._due_s
            self._late_s = max(self._late_s, late_s)
            if late_s > BEAT_S:
                self._due_s = now_s  # one stall is one lateness, not a row of them

    def take(self) -> float:
        """Seconds: the largest lateness since the last call, that of a beat that is overdue now included."""
        late_s = max(self._late_s, time.monotonic() - self._due_s)
        self._late_s = 0.0
        return max(0.0, late_s)
