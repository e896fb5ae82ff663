"""A connection that breaks in the middle of an answer, whole or streamed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from .base import BodyFilter, Context, Cut, Fault, Reset
from .ending import Ending
from .places import WITHIN, PlaceField

if TYPE_CHECKING:
    from ...fakes.dialects.base import Headers


class ResetMidBody(Fault):
    """Break the connection in the middle of an answer, plain or streamed; what was sent before arrives."""

    phase = "ending"
    reaches_provider = True
    billed = True
    in_flight = "left alone: only answers asked for inside the window break, wherever that then falls"
    paced = True

    after: PlaceField = Field(
        default="8 tokens", validate_default=True, description=f"what still gets through: {WITHIN}"
    )
    how: Literal["reset", "close"] = Field(
        default="reset", description="reset: a TCP reset (ECONNRESET); close: an end of file before the body's end"
    )

    def body_filter(self, context: Context, status: int, headers: Headers) -> BodyFilter | None:
        """A filter for every body."""
        streamed = context.dialect.is_stream(headers)
        step = Reset() if self.how == "reset" else Cut()
        return Ending(self.after, context.dialect if streamed else None, lambda _, __: [step])


FAULT = ResetMidBody
