"""An event of a stream that can't be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from .base import BodyFilter, Context, Fault
from .framing import broken
from .places import WITHIN, NextEvent, PlaceField

if TYPE_CHECKING:
    from ...fakes.dialects.base import Headers


class MalformedEvent(Fault):
    """Break one event of a stream: its JSON lacks its end, or its frame fails its checksum; the rest goes on."""

    phase = "body"
    reaches_provider = True
    billed = True

    after: PlaceField = Field(
        default="8 tokens",
        validate_default=True,
        description=f"what stays whole; the event behind it is broken: {WITHIN}",
    )

    def body_filter(self, context: Context, status: int, headers: Headers) -> BodyFilter | None:
        """A filter for streams."""
        if not context.dialect.is_stream(headers):
            return None
        return NextEvent(self.after, context.dialect, lambda event: [broken(event)])


FAULT = MalformedEvent
