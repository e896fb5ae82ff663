"""A body that stops in the middle, though everything else says that it is whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from ...scenarios.units import Share
from .base import BodyFilter, Context, Fault, Step

if TYPE_CHECKING:
    from ...fakes.dialects.base import Headers


class TruncatedJson(Fault):
    """Cut plain answers off in the middle of their JSON, under a Content-Length that fits; streams pass."""

    phase = "body"
    reaches_provider = True
    billed = True

    keep: Share = Field(default="50%", validate_default=True, description="share of the body's bytes that is kept")

    def body_filter(self, context: Context, status: int, headers: Headers) -> BodyFilter | None:
        """A filter for plain answers."""
        if status >= 300 or context.dialect.is_stream(headers):
            return None
        return _Torn(self.keep)


class _Torn:
    def __init__(self, keep: float) -> None:
        self._keep = keep

    def feed(self, data: bytes) -> Sequence[Step]:
        return [data[: int(len(data) * self._keep)]]

    def close(self) -> Sequence[Step]:
        return []


FAULT = TruncatedJson
