"""A provider, or a line to it, that takes requests in slowly."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

from .base import Action, Context, Fault, Forward

_SPEED: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(B|KB|MB)/s")
_BYTES: Final = {"B": 1, "KB": 1000, "MB": 1_000_000}


def _parse(value: Any) -> float:
    """Bytes a second.

    Raises:
        ValueError: without a unit, or at zero.
    """
    match = _SPEED.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or float(match[1]) == 0:
        raise ValueError(f"expected a speed above 0 with its unit, such as 512B/s, 16KB/s or 1MB/s; found {value!r}")
    return float(match[1]) * _BYTES[match[2]]


Speed = Annotated[
    float,
    BeforeValidator(_parse),
    PlainSerializer(lambda speed: f"{speed:.10f}B/s", return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^\s*\d+(\.\d+)?\s*(B|KB|MB)/s\s*$", "examples": ["16KB/s"]}),
]
"""Bytes a second; written with the unit."""


class SlowUpload(Fault):
    """Take the request's body in at a slow rate, so that long prompts wait longest.

    Which request is meant shows only once its body has come, so the body is read at once, and the provider is given it
    when it would have arrived: the caller sees the delay, but no full socket.
    """

    phase = "latency"
    reaches_provider = True
    billed = True

    rate: Speed = Field(default="16KB/s", validate_default=True, description="bytes of the body a second")

    def on_request(self, context: Context) -> Action:
        """Forward when the last byte would have come."""
        return Forward(delay_s=context.body_bytes / self.rate)


FAULT = SlowUpload
