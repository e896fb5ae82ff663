"""What callers may speak, a file an API, found by its file's name: each says its path and how it reads and writes."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from .base import Front

_PARTS = ("base", "read_", "write_")


@cache
def fronts() -> dict[str, Front]:
    """Each front by its path."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith(_PARTS))
    found: list[Front] = [importlib.import_module(f".{name}", __name__).FRONT for name in names]
    return {front.path: front for front in found}
