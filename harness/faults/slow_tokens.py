"""A provider that begins in time and then speaks too slowly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from ...scenarios.units import Duration
from . import tokens
from .base import BodyFilter, Context, Fault, Pause, Step

if TYPE_CHECKING:
    from ...fakes.dialects.base import Dialect, Headers


class SlowTokens(Fault):
    """Hold each token of an answer back, so that it takes longer; a plain answer comes later by the sum."""

    phase = "latency"
    reaches_provider = True
    billed = True
    paced = True

    every: Duration = Field(default="200ms", validate_default=True, description="wait before each token")

    def body_filter(self, context: Context, status: int, headers: Headers) -> BodyFilter | None:
        """A filter for answers; refusals come at once."""
        if status >= 300:
            return None
        return _Slow(self.every, context.dialect if context.dialect.is_stream(headers) else None)


class _Slow:
    def __init__(self, every_s: float, dialect: Dialect | None) -> None:
        self._every_s = every_s
        self._dialect = dialect  # None: a plain body

    def feed(self, data: bytes) -> Sequence[Step]:
        count = tokens.in_body(data) if self._dialect is None else tokens.in_event(self._dialect, data)
        return [Pause(count * self._every_s), data] if count and self._every_s else [data]

    def close(self) -> Sequence[Step]:
        return []


FAULT = SlowTokens
