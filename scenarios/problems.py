"""What can be wrong with a scenario, said so that a person can mend it.

ScenarioError(ValueError)      carries one `Problem` or more
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

PROBLEMS_SHOWN_MAX: Final = 5
"""Problems told at once; the rest is counted."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: what it is, where it stands (file, line, path in the document), what to do next."""

    what: str
    where: str
    next: str

    def __str__(self) -> str:
        return f"error: {self.what}\nwhere: {self.where}\nnext:  {self.next}"


class ScenarioError(ValueError):
    """A scenario can't be used. `problems` says why, most telling first."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = list(problems)
        shown = [str(each) for each in self.problems[:PROBLEMS_SHOWN_MAX]]
        if (more := len(self.problems) - PROBLEMS_SHOWN_MAX) > 0:
            shown.append(f"… and {more} more")
        super().__init__("\n\n".join(shown))


def nearest(name: str, valid: Iterable[str], listing: str) -> str:
    """Advice for an unknown `name`: the nearest valid one, else all of them (at most 12), then `listing`."""
    names = sorted(valid)
    if close := difflib.get_close_matches(name, names, n=1, cutoff=0.5):
        return f"did you mean {close[0]!r}?{listing}"
    shown = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
    return f"use one of: {shown}{listing}"
