"""A share that may grow or shrink while a window lasts: ``30%``, or ``{from: 0%, to: 100%}``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from .units import parse_share, render_share

_KEYS: Final = ("from", "to")


@dataclass(frozen=True, slots=True)
class Growth:
    """A share that changes in a straight line from `begin` at the window's start to `end` at its end."""

    begin: float
    end: float

    def at(self, progress: float) -> float:
        """The share when this part (0 to 1) of the window has passed."""
        return self.begin + (self.end - self.begin) * progress


def parse_growing_share(value: Any) -> float | Growth:
    """A share, or one that changes over the window.

    Raises:
        ValueError: when it is neither.
    """
    if not isinstance(value, dict):
        return parse_share(value)
    if set(value) != set(_KEYS):
        raise ValueError(f"expected a percentage, or both ends such as {{from: 0%, to: 100%}}; found {value!r}")
    begin, end = (parse_share(value[key]) for key in _KEYS)
    return Growth(begin, end) if begin != end else begin


def _render(value: float | Growth) -> str | dict[str, str]:
    if isinstance(value, Growth):
        return {"from": render_share(value.begin), "to": render_share(value.end)}
    return render_share(value)


_SHARE: Final = {"type": "string", "pattern": r"^\s*\d+(\.\d+)?\s*%\s*$", "examples": ["50%"]}
GrowingShare = Annotated[
    float | Growth,
    BeforeValidator(parse_growing_share),
    PlainSerializer(_render),
    WithJsonSchema(
        {
            "anyOf": [
                _SHARE,
                {
                    "type": "object",
                    "properties": dict.fromkeys(_KEYS, _SHARE),
                    "required": list(_KEYS),
                    "additionalProperties": False,
                    "examples": [{"from": "0%", "to": "100%"}],
                },
            ]
        }
    ),
]
"""A share from 0 to 1, or one that changes in a straight line over the window; written as percentages."""
