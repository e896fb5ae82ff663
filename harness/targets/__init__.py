"""The routers under test, one file each, found by their file's name."""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .base import Target


def names() -> list[str]:
    """Every target's name, sorted."""
    return sorted(
        each.name
        for each in pkgutil.iter_modules(__path__)
        if each.name != "base" and not each.ispkg and not each.name.startswith("_")
    )


def find(name: str) -> type[Target]:
    """The target in the file of that name.

    Raises:
        KeyError: when there is none.
    """
    if name not in names():
        raise KeyError(name)
    target: type[Target] = importlib.import_module(f".{name}", __name__).TARGET
    return target
