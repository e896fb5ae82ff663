"""What a process started and left behind, found by a mark in its environment.

A session (`setsid`) and a second fork are how daemons leave their parent, and no signal to the process or to its group
reaches them then. The environment they keep, unless they empty it, which nothing of the kind was seen to do.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
from pathlib import Path
from typing import Final

VARIABLE: Final = "BANSTORM_STARTED"
"""The environment variable that holds the mark."""
ROUNDS_MAX: Final = 5
"""Looks at the process table: what forks while it is looked at is found by the next."""


def new_mark() -> str:
    """A mark that no other process has."""
    return secrets.token_hex(8)


def end(mark: str) -> int:
    """Kill every process of ours that carries the mark in its environment; how many there were."""
    ended = 0
    for _ in range(ROUNDS_MAX):
        found = [pid for pid in _pids() if _kill(pid, mark)]
        ended += len(found)
        if not found:
            break
    return ended


def _pids() -> list[int]:
    return [
        int(each.name) for each in Path("/proc").iterdir() if each.name.isdecimal() and int(each.name) != os.getpid()
    ]


def _kill(pid: int, mark: str) -> bool:
    """Kill the process if it carries the mark; by a descriptor, so that it can be no other one by then."""
    if not _carries(pid, mark):
        return False
    with contextlib.suppress(ProcessLookupError, PermissionError):
        descriptor = os.pidfd_open(pid)
        try:
            if _carries(pid, mark):
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
                return True
        finally:
            os.close(descriptor)
    return False


def _carries(pid: int, mark: str) -> bool:
    """Whether it has the mark. One that has ended, or is somebody else's, has none that can be seen."""
    with contextlib.suppress(OSError):
        return f"{VARIABLE}={mark}".encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return False
