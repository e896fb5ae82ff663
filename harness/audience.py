"""Who watches runs besides the terminal: told of each run, and of several together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from ..reports.repeat import RepeatOut
    from .events import Listener
    from .plan import Plan


class Audience(Protocol):
    """Somebody who watches. Nothing that it does may hold a run up."""

    def expect(self, runs: int) -> None:
        """So many runs will be played, one after the other; one, where nothing is said."""

    def reader(self, plan: Plan) -> Listener:
        """A listener for the events of a run that is about to begin."""

    def failed(self, reason: str) -> None:
        """The run that began last could not be played; another may follow."""

    def together(self, result: RepeatOut, folder: Path) -> None:
        """What the runs of a repeat say together, and the folder in which that was written."""
