"""Provider dialects, one file each, found by their file's name.

A file whose name begins with an underscore is a part of a dialect, not one of its own. `GENERIC` is no vendor's: it
speaks for whatever service a definition describes, see `http_service.py`.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from .base import Dialect

__all__ = ["GENERIC", "UnknownDialectError", "find", "names"]

GENERIC: Final = "http_service"
"""The dialect of services beyond LLMs; it takes no prompts."""


class UnknownDialectError(LookupError):
    """No dialect file has that name."""


def find(name: str, service: str | Mapping[str, Any] | None = None) -> Dialect:
    """The dialect called `name`.

    Args:
        name: One of `names`, or `GENERIC`.
        service: For `GENERIC`: the name of a service that comes with banstorm, a definition's path, or a definition.

    Raises:
        UnknownDialectError: when there is none; the message names the nearest ones.
        ServiceError: when the service can't be used.
    """
    if service is None:
        return _find(name)
    from .http_service import HttpService

    return HttpService.load(service) if isinstance(service, str) else HttpService.of(service)


@cache
def _find(name: str) -> Dialect:
    known = [*names(), GENERIC]
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(map(repr, near))}?" if near else f"there are {', '.join(known)}"
        raise UnknownDialectError(f"unknown dialect {name!r}: {hint}")
    dialect: Dialect = importlib.import_module(f"{__name__}.{name}").DIALECT
    return dialect


@cache
def _listing() -> tuple[str, ...]:
    stems = (file.stem for file in Path(__file__).parent.glob("*.py"))
    return tuple(sorted(stem for stem in stems if stem not in {"base", GENERIC} and not stem.startswith("_")))


def names() -> list[str]:
    """The names of the vendors' dialects, sorted: each takes prompts and says words."""
    return list(_listing())
