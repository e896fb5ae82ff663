"""Placeholders in a user's command, environment and configuration, such as ``{port}`` and ``{openai_url}``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from ...scenarios.problems import nearest
from ..errors import HarnessError
from ._program import root_of
from .base import ProviderAt

_HOLE: Final = re.compile(r"\{([a-z][a-z0-9_]*)\}")
FOR_PROVIDERS: Final = ("url", "root", "key", "model")
"""What there is of each provider: its base URL as the vendor's SDK wants it, the same without ``/v1``, key, model."""


def names_for(providers: Iterable[tuple[str, str]], more: Iterable[str] = ()) -> list[str]:
    """Every placeholder that there will be for providers of these names and dialects, and `more`."""
    prefixes = {prefix for name, dialect in providers for prefix in (_prefix(name), _prefix(dialect))}
    return sorted({"port", *more, *(f"{prefix}_{each}" for prefix in prefixes for each in FOR_PROVIDERS)})


def values_for(providers: Mapping[str, ProviderAt], port: int) -> dict[str, str]:
    """What stands for each placeholder. A dialect's are those of the first provider that speaks it."""
    values = {"port": str(port)}
    for each in list(providers.values())[::-1]:
        values |= _told(each.dialect, each)
    for name, each in providers.items():  # a provider's own name goes before another one's dialect
        values |= _told(name, each)
    return values


def unknown(text: str, known: Iterable[str], where: str) -> None:
    """Check the placeholders of `text`. Braces that hold anything but a lower-case word are none.

    Raises:
        HarnessError: when one is unknown; the nearest is named.
    """
    names = list(known)
    for match in _HOLE.finditer(text):
        if match[1] not in names:
            raise HarnessError(f"unknown placeholder {match[0]}", where, nearest(match[1], names, ""))


def fill(text: str, values: Mapping[str, str]) -> str:
    """`text` with its placeholders replaced."""
    return _HOLE.sub(lambda match: values.get(match[1], match[0]), text)


def _told(name: str, each: ProviderAt) -> dict[str, str]:
    told = {"url": each.base_url, "root": root_of(each.base_url), "key": each.key, "model": each.model}
    return {f"{_prefix(name)}_{kind}": value for kind, value in told.items()}


def _prefix(name: str) -> str:
    return name.replace("-", "_")
