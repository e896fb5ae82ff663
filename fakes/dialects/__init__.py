"""Provider dialects, one file each, found by their file's name.

A file whose name begins with an underscore is a part of a dialect, not one of its own.
"""

from __future__ import annotations

import difflib
import importlib
from functools import cache
from pathlib import Path

from .base import Dialect

__all__ = ["UnknownDialectError", "find", "names"]


class UnknownDialectError(LookupError):
    """No dialect file has that name."""


@cache
def find(name: str) -> Dialect:
    """The dialect called `name`.

    Raises:
        UnknownDialectError: when there is none; the message names the nearest ones.
    """
    known = names()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(map(repr, near))}?" if near else f"there are {', '.join(known)}"
        raise UnknownDialectError(f"unknown dialect {name!r}: {hint}")
    dialect: Dialect = importlib.import_module(f"{__name__}.{name}").DIALECT
    return dialect


@cache
def _listing() -> tuple[str, ...]:
    files = Path(__file__).parent.glob("*.py")
    return tuple(sorted(file.stem for file in files if file.stem != "base" and not file.stem.startswith("_")))


def names() -> list[str]:
    """The names of all dialects, sorted."""
    return list(_listing())
