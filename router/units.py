"""Values with units in the configuration: `250ms`, `2s`, `8MiB`, `10%`."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationInfo

FROM_FILE = "from a file"
"""Validation context in which durations have to carry their unit."""

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_BYTES = {"B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3, "KB": 1000, "MB": 1000**2}
_QUANTITY = re.compile(r"^\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z%]*)\s*$")


def _read(value: Any, units: dict[str, Any], example: str) -> float:
    found = _QUANTITY.match(value) if isinstance(value, str) else None
    if found is None or found[2] not in units:
        raise ValueError(f"found {value!r}, expected a number with a unit such as {example} ({', '.join(units)})")
    return float(found[1]) * float(units[found[2]])


def _seconds(value: Any, info: ValidationInfo) -> float:
    # In a file a number without a unit is a mistake waiting to be made; in Python the documentation says seconds.
    if isinstance(value, int | float) and not isinstance(value, bool) and info.context is not FROM_FILE:
        return float(value)
    return _read(value, _SECONDS, "250ms or 2s")


def _bytes(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return int(_read(value, _BYTES, "8MiB"))


def _share(value: Any) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    return _read(value, {"%": 0.01}, "10%")


Seconds = Annotated[float, BeforeValidator(_seconds), Field(gt=0, le=86_400)]
"""A duration, in seconds once read."""
Bytes = Annotated[int, BeforeValidator(_bytes), Field(gt=0)]
"""A size, in bytes once read."""
Share = Annotated[float, BeforeValidator(_share), Field(ge=0, le=1)]
"""A share between 0 and 1; `10%` and `0.1` are the same."""
