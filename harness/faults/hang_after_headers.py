"""A provider that begins to answer, says 200, and nothing more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .base import BodyFilter, Context, Fault, Stall, Step
from .ending import Ending
from .places import Place

if TYPE_CHECKING:
    from ...fakes.dialects.base import Headers


class HangAfterHeaders(Fault):
    """Send the provider's status and headers, and no byte of the body, until the caller gives up."""

    phase = "ending"
    reaches_provider = True
    billed = True
    in_flight = "left alone; an answer that hangs goes on hanging when the window closes"
    paced = True

    def body_filter(self, context: Context, status: int, headers: Headers) -> BodyFilter | None:
        """A filter for every body."""
        streamed = context.dialect.is_stream(headers)
        return Ending(Place(0, "headers"), context.dialect if streamed else None, _stall)


def _stall(_: bytes, __: bytes) -> Sequence[Step]:
    return [Stall()]


FAULT = HangAfterHeaders
