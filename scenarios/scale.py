"""How many times faster a dated incident is played than it happened: ``60x`` makes a minute a second."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from .units import render_factor

SCALE_MAX: Final = 1_000_000.0
"""Most times faster: a fortnight in little more than a second."""
_SCALE: Final = re.compile(r"(\d{1,7}(?:\.\d{1,6})?)\s*x")


def parse_scale(value: Any) -> float:
    """How many times faster, such as ``60x``.

    Raises:
        ValueError: without the x, under 1x, or past `SCALE_MAX`.
    """
    match = _SCALE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or not 1 <= float(match[1]) <= SCALE_MAX:
        raise ValueError(f"expected a scale from 1x to {SCALE_MAX:.0f}x, such as 60x; found {value!r}")
    return float(match[1])


Scale = Annotated[
    float,
    BeforeValidator(parse_scale),
    PlainSerializer(render_factor, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^\s*\d{1,7}(\.\d{1,6})?\s*x\s*$", "examples": ["60x"]}),
]
"""How many times faster than it happened; written with an x."""
