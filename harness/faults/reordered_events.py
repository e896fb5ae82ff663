"""Two events of a stream that come in the wrong order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from .base import BodyFilter, Context, Fault, Step
from .framing import exchanged
from .places import WITHIN, NextEvent, PlaceField
from .tokens import payload_of

if TYPE_CHECKING:
    from ...fakes.dialects.base import Dialect, Headers
    from .places import Place


class ReorderedEvents(Fault):
    """Send two events of a stream in the wrong order; with tokens in them, the answer's words are exchanged."""

    phase = "body"
    reaches_provider = True
    billed = True

    after: PlaceField = Field(
        default="8 tokens",
        validate_default=True,
        description=f"what comes in order; the two events behind it are exchanged: {WITHIN}",
    )

    def body_filter(self, context: Context, status: int, headers: Headers) -> BodyFilter | None:
        """A filter for streams."""
        if not context.dialect.is_stream(headers):
            return None
        return _Exchange(self.after, context.dialect)


class _Exchange:
    def __init__(self, place: Place, dialect: Dialect) -> None:
        self._next = NextEvent(place, dialect, self._hold)
        self._dialect = dialect
        self._held: list[bytes] = []  # the first of the two, and what came behind it that has no payload

    def _hold(self, event: bytes) -> Sequence[Step]:
        self._held = [event]
        return []

    def feed(self, data: bytes) -> Sequence[Step]:
        if not self._held:
            return self._next.feed(data)
        if payload_of(self._dialect, data) is None:
            self._held.append(data)
            return []
        (first, *between), self._held = self._held, []
        one, two = exchanged(first, data)
        return [one, *between, two]

    def close(self) -> Sequence[Step]:
        held, self._held = self._held, []
        return held


FAULT = ReorderedEvents
