"""The machine's Node.js, for targets that run on it."""

from __future__ import annotations

import re
import subprocess
from functools import lru_cache
from typing import Final

from ..errors import HarnessError
from ._installation import program

OLDEST: Final = 20
"""Oldest line of Node.js that its targets run on: claude-code-router asks for it, and no older one was tried."""
ADVICE: Final = f"install Node.js {OLDEST} or later"
ASK_S_MAX: Final = 10.0
"""Seconds that it may take to say its version."""


def node() -> str:
    """Where Node.js is.

    Raises:
        HarnessError: when it is not on the PATH, or too old.
    """
    path = program("node", ADVICE)
    version = _version(path)
    if version is not None and int(version.partition(".")[0]) < OLDEST:
        raise HarnessError(f"Node.js {version} is too old", path, ADVICE)
    return path


@lru_cache(maxsize=8)
def _version(path: str) -> str | None:
    """Its version, None if it doesn't say one: then it will say itself what is wrong."""
    try:
        asked = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=ASK_S_MAX, check=False)  # noqa: S603 - the PATH's own
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.fullmatch(r"v(\d+\.\d+\.\d+)\S*", asked.stdout.strip())
    return found[1] if found else None
