"""How long things took just now: the p50 and p95 that are told while a run goes on. A sight, never a finding."""

from __future__ import annotations

import time
from collections import deque
from typing import Final

WINDOW_NS: Final = 2_000_000_000
"""The quantiles are over what ended this recently, in nanoseconds."""
LATENCIES_MAX: Final = 20_000
"""Latencies kept for them; at a higher rate the window gets shorter."""


class Recent:
    """The latencies of what ended in the last two seconds."""

    def __init__(self) -> None:
        self._latencies: deque[tuple[int, int]] = deque(maxlen=LATENCIES_MAX)

    def add(self, ended_ns: int, latency_ns: int) -> None:
        """Something ended at `ended_ns` of the monotonic clock and took `latency_ns`."""
        self._latencies.append((ended_ns, latency_ns))

    def quantiles_ms(self, *shares: float) -> list[float | None]:
        """The quantiles of these shares, in milliseconds; None if nothing ended recently."""
        horizon_ns = time.monotonic_ns() - WINDOW_NS
        while self._latencies and self._latencies[0][0] < horizon_ns:
            self._latencies.popleft()
        ordered = sorted(latency for _, latency in self._latencies)
        if not ordered:
            return [None] * len(shares)
        return [round(ordered[min(len(ordered) - 1, int(len(ordered) * share))] / 1e6, 3) for share in shares]
