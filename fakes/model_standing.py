"""Which models there are, by moment of the clock and for whom: retired on a date, unknown, or gone for a while."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Final

from .standing import OK, AccountError, Change, Reach, insert

MODELS_MAX: Final = 1000
"""Models, or patterns of their names, that have a standing of their own."""


class Models:
    """The standing of models; the nearest of the model's own, its organisation first, and of a pattern's counts alone.

    Args:
        reach: Says what is in force.
    """

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._chains: dict[tuple[str | None, str], list[Change]] = {}
        self._patterns: list[str] = []
        self.any = False
        """Whether any model's standing was ever changed."""

    def add(self, model: str, organisation: str | None, change: Change) -> None:
        """Change the standing of a model, or of all that a pattern such as ``claude-3-*`` fits.

        Raises:
            AccountError: when there are too many.
        """
        if len(self._chains) >= MODELS_MAX and (organisation, model) not in self._chains:
            raise AccountError(f"{MODELS_MAX} models have a standing of their own already: reset first")
        insert(self._chains.setdefault((organisation, model), []), change)
        self.any = True
        if is_pattern(model) and model not in self._patterns:
            self._patterns.append(model)
            self._patterns.sort(key=lambda each: (-len(each), each))  # the longest says most

    def clear(self) -> None:
        """Every model is there."""
        self._chains.clear()
        self._patterns.clear()
        self.any = False

    def __iter__(self) -> Iterator[tuple[str | None, str, Change]]:
        """Every change that is kept: its organisation (None: all), the model or pattern, and the change."""
        for (organisation, model), chain in self._chains.items():
            yield from ((organisation, model, change) for change in chain)

    def refusing(self, model: str, organisation: str, credential: str | None, now_s: float) -> Change | None:
        """The change that refuses a model to somebody now, None if it is there."""
        for name in (model, *(each for each in self._patterns if fnmatchcase(model, each))):
            for whose in (organisation, None):
                chain = self._chains.get((whose, name))
                change = self._reach.in_force(chain, credential, now_s) if chain else None
                if change is not None:
                    return None if change.state == OK else change
        return None


def is_pattern(model: str) -> bool:
    """Whether a name stands for every model that it fits."""
    return "*" in model or "?" in model
