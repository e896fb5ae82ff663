"""A stream that ends without saying so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from .base import BodyFilter, Context, Fault, Step
from .landmarks import Landmark, landmark, without_finish

if TYPE_CHECKING:
    from ...fakes.dialects.base import Dialect, Headers


class MissingTerminator(Fault):
    """Send all of a streamed answer and end the response properly, but leave out what says that it is over.

    That is [DONE], message_stop, response.completed or the metadata frame. Gemini has no such event, so what is left
    out there is the finish reason, and the bracket that closes its array.
    """

    phase = "ending"
    reaches_provider = True
    billed = True

    what: Literal["terminator", "ending"] = Field(
        default="terminator",
        description="terminator: that alone; ending: the finish reason and the usage, too, all behind the last word",
    )

    def body_filter(self, context: Context, status: int, headers: Headers) -> BodyFilter | None:
        """A filter for streams."""
        if not context.dialect.is_stream(headers):
            return None
        return _Open(context.dialect) if self.what == "terminator" else _Breaks(context.dialect)


class _Open:
    """Leaves out what ends the stream."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect

    def feed(self, data: bytes) -> Sequence[Step]:
        match landmark(self._dialect, data):
            case Landmark.TERMINATOR:
                return []
            case Landmark.LAST_CONTENT:
                return [without_finish(self._dialect, data)]
        return [data]

    def close(self) -> Sequence[Step]:
        return []


class _Breaks(_Open):
    """Leaves out all that follows the last content; what comes between two pieces of content is late, not lost."""

    def __init__(self, dialect: Dialect) -> None:
        super().__init__(dialect)
        self._held: list[bytes] = []
        self._begun = False

    def feed(self, data: bytes) -> Sequence[Step]:
        content = landmark(self._dialect, data) in {Landmark.CONTENT, Landmark.LAST_CONTENT}
        if not content and self._begun:
            self._held.append(data)
            return []
        self._begun = self._begun or content
        held, self._held = self._held, []
        return [*held, *super().feed(data)]


FAULT = MissingTerminator
