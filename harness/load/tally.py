"""What the load child says twice a second: how many calls were due, left, ended, were good, and how late they left."""

from __future__ import annotations

import time
from collections import deque
from typing import Any, Final

WINDOW_NS: Final = 2_000_000_000
"""The p95 is over calls that ended this recently, in nanoseconds."""
LATENCIES_MAX: Final = 100_000
"""Latencies kept for the p95; at a higher rate the window gets shorter."""


class Tally:
    """Counts calls. `due` counts those whose instant has come."""

    def __init__(self) -> None:
        self.due = 0
        self.sent = 0
        self.ended = 0
        self.good = 0
        self.in_flight = 0
        self.late_ns_max = 0
        self._latencies: deque[tuple[int, int]] = deque(maxlen=LATENCIES_MAX)

    def left(self, late_ns: int) -> None:
        """A call left `late_ns` after its instant."""
        self.sent += 1
        self.late_ns_max = max(self.late_ns_max, late_ns)

    def end(self, ended_ns: int, latency_ns: int, *, good: bool) -> None:
        """A call ended."""
        self.ended += 1
        self.good += good
        self._latencies.append((ended_ns, latency_ns))

    def fields(self) -> dict[str, Any]:
        """The fields of a ``stats`` event."""
        horizon_ns = time.monotonic_ns() - WINDOW_NS
        while self._latencies and self._latencies[0][0] < horizon_ns:
            self._latencies.popleft()
        latencies = sorted(latency for _, latency in self._latencies)
        p95_ns = latencies[min(len(latencies) - 1, int(len(latencies) * 0.95))] if latencies else None
        return {
            "due": self.due,
            "sent": self.sent,
            "ended": self.ended,
            "good": self.good,
            "in_flight": self.in_flight,
            "p95_ms": None if p95_ns is None else round(p95_ns / 1e6, 3),
            "late_ms_max": round(self.late_ns_max / 1e6, 3),
        }
