"""The harness's exceptions.

HarnessError            something a person can mend: what, where, what next; exit code 2
├── ChildFailedError    a process of ours said why it can't start
└── NotReadyError       the target never answered a call, so nothing can be said of it; exit code 3
Interrupted             Ctrl-C or SIGTERM; exit code 130
"""

from __future__ import annotations


class HarnessError(Exception):
    """A mistake or a circumstance that a person can mend. Its text has three lines: what, where, what next."""

    def __init__(self, what: str, where: str, advice: str) -> None:
        super().__init__(f"error: {what}\nwhere: {where}\nnext:  {advice}")
        self.what = what
        self.where = where
        self.advice = advice


class ChildFailedError(HarnessError):
    """A process of ours could not start."""


class NotReadyError(HarnessError):
    """The target never became ready."""


class Interrupted(Exception):  # noqa: N818 - it is no error, it is a wish
    """The user asked to stop."""
