"""Concurrency limit (a bulkhead): a slow provider must not hold every connection and every caller of the router."""

from __future__ import annotations

from collections.abc import Callable


class Gate:
    """Counts the attempts at one provider, whatever its credential and model.

    Args:
        most: Attempts at once; None for any number.
        freed: Called when a full gate has room again.

    Attributes:
        inside: Attempts on their way.
    """

    def __init__(self, most: int | None = None, freed: Callable[[], None] = lambda: None) -> None:
        self.most, self._freed = most, freed
        self.inside = 0

    @property
    def full(self) -> bool:
        """Whether one more would be too many."""
        return self.most is not None and self.inside >= self.most

    def enter(self) -> None:
        """An attempt begins."""
        self.inside += 1

    def leave(self) -> None:
        """It is over."""
        was_full = self.full
        self.inside -= 1
        if was_full:
            self._freed()
