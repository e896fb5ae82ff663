"""How each SDK is asked and read, a file each, found by the file's name."""

from __future__ import annotations

import importlib
from typing import Any

from .base import Player


def find(name: str) -> type[Player]:
    """The player called `name`; its SDK must be installed."""
    found: Any = importlib.import_module(f"{__name__}.{name}").PLAYER
    return found
