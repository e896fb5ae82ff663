"""When an entry is on: one window, or many that come and go. Decided by comparing clocks, never by a timer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

NS: Final = 1_000_000_000
"""Nanoseconds in a second."""
PERIODS_MAX: Final = 1000
"""Most windows that one entry may have at one provider."""


@dataclass(frozen=True, slots=True)
class Span:
    """From `from_ns` to `until_ns` (exclusive), of every `every_ns` the first `on_ns`; throughout where that is 0."""

    from_ns: int
    until_ns: int
    every_ns: int = 0
    on_ns: int = 0

    def place(self, at_ns: int) -> int | None:
        """Which of its windows holds this moment, from 0; None outside them."""
        since_ns = at_ns - self.from_ns
        if since_ns < 0 or at_ns >= self.until_ns:
            return None
        if not self.every_ns:
            return 0
        period, into_ns = divmod(since_ns, self.every_ns)
        return period if into_ns < self.on_ns else None

    @property
    def count(self) -> int:
        """How many windows it has."""
        length_ns = max(0, self.until_ns - self.from_ns)
        if not self.every_ns:
            return 1 if length_ns else 0
        return -(-length_ns // self.every_ns)

    def windows(self) -> Iterator[tuple[int, int]]:
        """Begin and end of each window, in order."""
        for period in range(self.count):
            from_ns = self.from_ns + period * self.every_ns
            yield from_ns, min(self.until_ns, from_ns + self.on_ns) if self.every_ns else self.until_ns

    def moved(self, by_ns: int) -> Span:
        """The same, later."""
        return Span(self.from_ns + by_ns, self.until_ns + by_ns, self.every_ns, self.on_ns)

    def overlaps(self, other: Span) -> bool:
        """Whether any moment is in a window of both."""
        mine, theirs = self.windows(), other.windows()
        one, two = next(mine, None), next(theirs, None)
        while one is not None and two is not None:
            if one[0] < two[1] and two[0] < one[1]:
                return True
            if one[1] <= two[1]:
                one = next(mine, None)
            else:
                two = next(theirs, None)
        return False
