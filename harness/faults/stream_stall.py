"""A stream that falls silent in the middle of a sentence, its connection open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from .base import BodyFilter, Context, Fault, Stall, Step
from .ending import Ending
from .places import WITHIN, PlaceField

if TYPE_CHECKING:
    from ...fakes.dialects.base import Headers


class StreamStall(Fault):
    """Fall silent in the middle of a streamed answer, the connection open, until the caller gives up."""

    phase = "ending"
    reaches_provider = True
    billed = True
    in_flight = "left alone: only streams asked for inside the window fall silent, and they stay so behind it"

    after: PlaceField = Field(
        default="8 tokens", validate_default=True, description=f"what still gets through: {WITHIN}"
    )

    def body_filter(self, context: Context, status: int, headers: Headers) -> BodyFilter | None:
        """A filter for streams."""
        if not context.dialect.is_stream(headers):
            return None
        return Ending(self.after, context.dialect, _stall)


def _stall(_: bytes, __: bytes) -> Sequence[Step]:
    return [Stall()]


FAULT = StreamStall
