"""What becomes of a `Result`: one file a format, found by the file's name.

A writer is a module with ``FILE``, the name of the file it makes, and ``render(result) -> str``, its text.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import Protocol, cast

from ..result import Result


class Writer(Protocol):
    """A module of this package."""

    FILE: str

    def render(self, result: Result) -> str:
        """The file's text."""


def names() -> list[str]:
    """Every writer's name."""
    return sorted(each.name for each in pkgutil.iter_modules(__path__))


def find(name: str) -> Writer:
    """The writer of that name.

    Raises:
        KeyError: when there is none.
    """
    if name not in names():
        raise KeyError(name)
    return cast("Writer", importlib.import_module(f".{name}", __name__))
