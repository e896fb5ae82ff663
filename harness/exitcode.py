"""The command's exit codes."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """What a CI job learns from the command."""

    PASS = 0
    FAIL = 1
    USAGE = 2
    INCONCLUSIVE = 3
    INTERNAL = 4
    INTERRUPTED = 130
