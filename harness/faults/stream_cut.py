"""A stream that stops in the middle of a sentence."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

from .base import BodyFilter, Context, Cut, Fault, Step

if TYPE_CHECKING:
    from ...fakes.dialects.base import Headers

_PLACE: Final = re.compile(r"(\d{1,4})\s*(token|event)s?")
_TOKEN_SIGN: Final = b"~"


class Place(NamedTuple):
    """A place in a stream: after so many tokens or events."""

    number: int
    unit: str


def _parse_place(value: Any) -> Place:
    match = _PLACE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"expected a place in the stream such as 8 tokens or 3 events; found {value!r}")
    return Place(int(match[1]), match[2])


class StreamCut(Fault):
    """Close the connection in the middle of a streamed answer, without a proper ending; plain answers pass."""

    phase = "ending"
    reaches_provider = True
    billed = True
    in_flight = "left alone: only streams asked for inside the window are cut, wherever their cut then falls"

    after: Annotated[
        Place,
        BeforeValidator(_parse_place),
        PlainSerializer(lambda place: f"{place.number} {place.unit}s", return_type=str),
        WithJsonSchema({"type": "string", "pattern": r"^\s*\d{1,4}\s*(token|event)s?\s*$", "examples": ["8 tokens"]}),
    ] = Field(
        default="8 tokens",
        validate_default=True,
        description="what still gets through: so many tokens, or so many events; 0 cuts behind the headers",
    )

    def body_filter(self, context: Context, status: int, headers: Headers) -> BodyFilter | None:
        """A filter for streams."""
        if not context.dialect.is_stream(headers):
            return None
        return _Scissors(self.after)


class _Scissors:
    def __init__(self, after: Place) -> None:
        self._left = after.number
        self._by_token = after.unit == "token"

    def feed(self, data: bytes) -> Sequence[Step]:
        if self._left <= 0:
            return [Cut()]
        self._left -= data.count(_TOKEN_SIGN) if self._by_token else 1
        return [data, Cut()] if self._left <= 0 else [data]

    def close(self) -> Sequence[Step]:
        return []


FAULT = StreamCut
