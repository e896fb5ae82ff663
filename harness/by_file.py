"""What a folder of one-thing files defines, found by the files' names: faults, standings, targets."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

Thing = TypeVar("Thing")


def collect(package: str, path: Iterable[str], attribute: str) -> dict[str, Any]:
    """Each file's `attribute`, by the file's name; files without it are parts of others.

    Args:
        package: The folder's package.
        path: Its ``__path__``.
        attribute: What a file that counts defines.
    """
    found: dict[str, Any] = {}
    for module in pkgutil.iter_modules(list(path)):
        thing = getattr(importlib.import_module(f"{package}.{module.name}"), attribute, None)
        if thing is not None:
            found[module.name] = thing
    return dict(sorted(found.items()))


def look_up(found: Mapping[str, Thing], name: str, what: str, error: type[Exception]) -> Thing:
    """The thing of that name.

    Raises:
        error: when there is none; the message gives the nearest name.
    """
    thing = found.get(name)
    if thing is None:
        near = difflib.get_close_matches(name, found, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(found)}"
        raise error(f"unknown {what} {name!r}: {hint}")
    return thing
