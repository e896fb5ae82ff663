"""An event of a stream that comes twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from .base import BodyFilter, Context, Fault
from .framing import again
from .places import WITHIN, NextEvent, PlaceField

if TYPE_CHECKING:
    from ...fakes.dialects.base import Headers


class DuplicatedEvent(Fault):
    """Send one event of a stream again, right behind itself; with a token in it, the answer repeats a word."""

    phase = "body"
    reaches_provider = True
    billed = True

    after: PlaceField = Field(
        default="8 tokens",
        validate_default=True,
        description=f"what comes once; the event behind it comes again: {WITHIN}",
    )
    times: int = Field(default=1, ge=1, le=100, description="how many times again")

    def body_filter(self, context: Context, status: int, headers: Headers) -> BodyFilter | None:
        """A filter for streams."""
        if not context.dialect.is_stream(headers):
            return None
        return NextEvent(self.after, context.dialect, lambda event: [event, *[again(event)] * self.times])


FAULT = DuplicatedEvent
