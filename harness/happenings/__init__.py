"""Events on the system itself, found by file name: a file beside this one that defines ``HAPPENING`` is one."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from .base import Happening

__all__ = ["Happening", "find", "names"]


@cache
def _happenings() -> dict[str, type[Happening]]:
    found: dict[str, type[Happening]] = {}
    for module in pkgutil.iter_modules(__path__):
        happening = getattr(importlib.import_module(f"{__name__}.{module.name}"), "HAPPENING", None)
        if happening is not None:
            found[module.name] = happening
    return dict(sorted(found.items()))


def names() -> list[str]:
    """Every event's name, sorted."""
    return list(_happenings())


def find(name: str) -> type[Happening]:
    """The event in the file of that name.

    Raises:
        KeyError: when there is none.
    """
    return _happenings()[name]
