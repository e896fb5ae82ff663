"""A clock for tests: seconds that pass when a test says so, and the wall clock with them."""

from __future__ import annotations

from calendar import timegm


def moment(*parts: int) -> float:
    """Seconds since 1970 of a moment in UTC."""
    return float(timegm((*parts, *(0,) * (6 - len(parts)))))


class Clock:
    """Seconds that pass when a test says so; the wall clock goes with them."""

    def __init__(self, wall_s: float = moment(2026, 11, 20, 12)) -> None:
        self.now_s = 0.0
        self._from_s = wall_s

    def __call__(self) -> float:
        """Seconds now."""
        return self.now_s

    def wall(self) -> float:
        """Seconds since 1970."""
        return self._from_s + self.now_s
