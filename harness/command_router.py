"""What `banstorm router` does: the reference router, as a process that takes this one's place.

The harness knows the router only as a process, so its options are its own: everything goes on as it was typed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence


def command(arguments: Sequence[str]) -> list[str]:
    """The command line of the router. `-P` keeps the folder it is started in from shadowing anything."""
    return [sys.executable, "-P", "-m", "banstorm.router", *arguments]


def become(arguments: Sequence[str]) -> None:
    """Become the router: signals, output and exit code are then its own. Doesn't come back."""
    sys.stdout.flush()
    sys.stderr.flush()
    line = command(arguments)
    os.execv(line[0], line)  # noqa: S606 - no shell is what is wanted
