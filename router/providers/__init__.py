"""Upstream providers, one file each, found by their file's name: a new file is a new dialect."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..http_provider import HTTPProvider


@cache
def dialects() -> tuple[str, ...]:
    """Names of the dialects there are files for."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


@cache
def provider_class(dialect: str) -> type[HTTPProvider]:
    """The class a dialect's file exports as `PROVIDER`.

    Raises:
        ModuleNotFoundError: There is no such file.
    """
    found: type[HTTPProvider] = importlib.import_module(f".{dialect}", __name__).PROVIDER
    return found
