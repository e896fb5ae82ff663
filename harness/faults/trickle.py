"""A provider that keeps the connection alive and hardly says a thing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final, Literal

from pydantic import Field

from ...scenarios.registry import Complaint
from ...scenarios.units import Duration
from .base import BodyFilter, Context, Fault, Pause, Stall, Step
from .ending import Ending
from .places import WITHIN, PlaceField

if TYPE_CHECKING:
    from ...fakes.dialects.base import Dialect, Headers

PIECES_MAX: Final = 10_000
"""Pieces that an event or a plain body comes in at most; a longer one comes in larger pieces."""
_COMMENT: Final = b": ping\n\n"
_PINGS: Final = {
    "anthropic": b'event: ping\ndata: {"type": "ping"}\n\n',
    "openrouter": b": OPENROUTER PROCESSING\n\n",
    "gemini": b": ping\r\n\r\n",
}
_WITHOUT_PINGS: Final = frozenset({"bedrock"})
_BLANK: Final = b"\n"  # JSON may begin with blanks


class Trickle(Fault):
    """Keep the connection alive with pings alone, or send the answer a few bytes at a time: no read ever times out.

    Streams get the vendor's ping where it has one, else a comment; plain answers, and Gemini's arrays, get line feeds.
    """

    phase = "ending"
    reaches_provider = True
    billed = True
    paced = True

    what: Literal["pings", "bytes"] = Field(
        default="pings", description="pings: nothing else from the place on, until the caller gives up; bytes: it all"
    )
    every: Duration = Field(default="1s", validate_default=True, description="wait between two pings, or two pieces")
    pieces: int = Field(default=1, ge=1, le=65536, description="size of a piece, in bytes; of what: bytes")
    after: PlaceField = Field(
        default="headers", validate_default=True, description=f"what gets through before the pings: {WITHIN}"
    )

    def complaints(self, dialect: Dialect) -> Iterator[Complaint]:
        """Binary frames know no ping."""
        yield from super().complaints(dialect)
        if self.what == "pings" and dialect.name in _WITHOUT_PINGS:
            yield Complaint(
                ("with", "what"), f"streams of {dialect.name!r} have no pings", "write what: bytes, or use stream_stall"
            )
        if self.every == 0:
            yield Complaint(("with", "every"), "without a wait nothing trickles", "write a time such as 1s")

    def body_filter(self, context: Context, status: int, headers: Headers) -> BodyFilter | None:
        """A filter for every body."""
        if self.what == "bytes":
            return _Drops(self.pieces, self.every)
        dialect = context.dialect if context.dialect.is_stream(headers) else None
        is_events = any(name == "content-type" and "event-stream" in value for name, value in headers)
        beat = _PINGS.get(context.dialect.name, _COMMENT) if dialect is not None and is_events else _BLANK
        return Ending(self.after, dialect, lambda _, __: [Stall(beat, self.every)])


class _Drops:
    def __init__(self, size: int, every_s: float) -> None:
        self._size = size
        self._every_s = every_s

    def feed(self, data: bytes) -> Sequence[Step]:
        size = max(self._size, -(-len(data) // PIECES_MAX))
        steps: list[Step] = []
        for at in range(0, len(data), size):
            steps += [Pause(self._every_s), data[at : at + size]]
        return steps

    def close(self) -> Sequence[Step]:
        return []


FAULT = Trickle
