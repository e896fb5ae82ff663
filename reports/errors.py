"""What goes wrong when a run's folder is read, in the three lines that people get.

ReportError
└── UnreadableRunError   the folder holds no run that can be read
"""

from __future__ import annotations


class ReportError(Exception):
    """A report can't be made: what happened, where, and what to do next."""

    def __init__(self, what: str, where: str, next_step: str) -> None:
        super().__init__(f"{what}\n{where}\n{next_step}")
        self.what, self.where, self.next_step = what, where, next_step


class UnreadableRunError(ReportError):
    """The folder holds no run that can be read."""
