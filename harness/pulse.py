"""How much each provider is asked just now, from counters that only grow: what a person who watches wants to see.

Counts since the beginning hide a ban: a provider that nobody asks any more keeps half of all requests for a while.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, Final

WINDOW_S: Final = 2.0
"""Seconds that a rate and a share look back."""
COUNTS_MAX: Final = 64
"""Counts kept; at two a second they reach back far enough."""


class Pulse:
    """Rates and shares of the last `WINDOW_S` seconds."""

    def __init__(self) -> None:
        self._counts: deque[tuple[float, dict[str, int]]] = deque(maxlen=COUNTS_MAX)

    def take(self, at_s: float, providers: Mapping[str, Mapping[str, Any]]) -> None:
        """Take in the counters as they are at `at_s`, in seconds of any clock that goes forward."""
        self._counts.append((at_s, {name: int(each.get("attempts", 0)) for name, each in providers.items()}))
        while len(self._counts) > 2 and self._counts[1][0] <= at_s - WINDOW_S:
            self._counts.popleft()

    def rate(self, provider: str) -> float | None:
        """Requests a second; None as long as there is nothing to compare with."""
        if len(self._counts) < 2:
            return None
        seconds = self._counts[-1][0] - self._counts[0][0]
        return self._asked(provider) / seconds if seconds > 0 else None

    def share(self, provider: str) -> float | None:
        """Share of all requests, 0 to 1; None if there were none."""
        if len(self._counts) < 2:
            return None
        everyone = sum(self._asked(each) for each in self._counts[-1][1])
        return self._asked(provider) / everyone if everyone else None

    def _asked(self, provider: str) -> int:
        first, last = self._counts[0][1], self._counts[-1][1]
        return max(0, last.get(provider, 0) - first.get(provider, 0))
