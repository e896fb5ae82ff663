"""A provider that begins in time and then speaks too slowly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from pydantic import Field

from ...scenarios.units import Duration
from .base import BodyFilter, Context, Fault, Pause, Step

if TYPE_CHECKING:
    from ...fakes.dialects.base import Headers

_SIGN: Final = b"~"  # each word of an answer has exactly one


class SlowTokens(Fault):
    """Hold each token of an answer back, so that it takes longer; a plain answer comes later by the sum."""

    phase = "latency"
    reaches_provider = True
    billed = True
    paced = True

    every: Duration = Field(default="200ms", validate_default=True, description="wait before each token")

    def body_filter(self, context: Context, status: int, headers: Headers) -> BodyFilter | None:
        """A filter for answers; refusals come at once."""
        return _Slow(self.every) if status < 300 else None


class _Slow:
    def __init__(self, every_s: float) -> None:
        self._every_s = every_s

    def feed(self, data: bytes) -> Sequence[Step]:
        tokens = data.count(_SIGN)
        return [Pause(tokens * self._every_s), data] if tokens and self._every_s else [data]

    def close(self) -> Sequence[Step]:
        return []


FAULT = SlowTokens
