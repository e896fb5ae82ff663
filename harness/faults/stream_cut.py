"""A stream that stops in the middle of a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from .base import BodyFilter, Context, Cut, Fault, Step
from .ending import Ending
from .places import WITHIN, PlaceField

if TYPE_CHECKING:
    from ...fakes.dialects.base import Headers


class StreamCut(Fault):
    """Close the connection in the middle of a streamed answer, without a proper ending; plain answers pass."""

    phase = "ending"
    reaches_provider = True
    billed = True
    in_flight = "left alone: only streams asked for inside the window are cut, wherever their cut then falls"

    after: PlaceField = Field(
        default="8 tokens",
        validate_default=True,
        description=f"what still gets through: {WITHIN}; 0 cuts behind the headers",
    )

    def body_filter(self, context: Context, status: int, headers: Headers) -> BodyFilter | None:
        """A filter for streams."""
        if not context.dialect.is_stream(headers):
            return None
        return Ending(self.after, context.dialect, _cut)


def _cut(_: bytes, __: bytes) -> Sequence[Step]:
    return [Cut()]


FAULT = StreamCut
