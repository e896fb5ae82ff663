"""Where in an answer something happens: a place that a scenario names, and how a filter finds it.

A stream goes by event by event. Which events carry the answer, say that it is over, or end the stream, is read off
their payloads (`landmarks`), the same for every vendor.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple, Protocol

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from . import tokens
from .landmarks import Landmark, landmark, without_finish
from .tokens import payload_of

if TYPE_CHECKING:
    from ...fakes.dialects.base import Dialect
    from .base import Step

NAMED: Final = ("headers", "content", "finish", "end")
_COUNTED: Final = re.compile(r"(\d{1,5})\s*(token|event|byte)s?")


class Place(NamedTuple):
    """A place in an answer: after so many tokens, events or bytes, or a named one, whose number is 0."""

    number: int
    unit: str

    def __str__(self) -> str:
        return self.unit if self.unit in NAMED else f"{self.number} {self.unit}s"


def parse_place(value: Any) -> Place:
    """A place such as ``8 tokens``, ``3 events``, ``100 bytes``, ``headers``, ``content``, ``finish`` or ``end``.

    Raises:
        ValueError: when it is none.
    """
    if isinstance(value, Place):
        return value
    text = value.strip() if isinstance(value, str) else ""
    if text in NAMED:
        return Place(0, text)
    match = _COUNTED.fullmatch(text)
    if match is None:
        raise ValueError(
            "expected a place in the answer such as 8 tokens or 3 events, 100 bytes, headers (behind them), content "
            f"(behind all of it), finish (behind the finish reason and the usage) or end; found {value!r}"
        )
    return Place(int(match[1]), match[2])


WITHIN: Final = (
    "so many tokens, events or bytes, or headers, content (all of it, before anything says that it is over), "
    "finish (the finish reason and the usage too, before the terminator) or end (the terminator too)"
)
"""What a parameter's description says of places."""

PlaceField = Annotated[
    Place,
    BeforeValidator(parse_place),
    PlainSerializer(str, return_type=str),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": rf"^\s*(\d{{1,5}}\s*(token|event|byte)s?|{'|'.join(NAMED)})\s*$",
            "examples": ["8 tokens"],
        }
    ),
]
"""A place in an answer."""


class Seeker:
    """Finds a place in one answer.

    Args:
        place: which.
        dialect: of the stream; None for a plain body, which comes whole.
    """

    def __init__(self, place: Place, dialect: Dialect | None) -> None:
        self._place = place
        self._dialect = dialect
        self._left = place.number

    def seek(self, data: bytes) -> tuple[bytes, bytes] | None:
        """`data` as it lies before and behind the place; None as long as the place isn't reached.

        Of a stream `data` is an event, of a plain body the whole of it.
        """
        if self._place.unit == "headers":
            return b"", data
        if self._place.unit == "byte":
            return self._bytes(data)
        return self._in_body(data) if self._dialect is None else self._in_stream(data, self._dialect)

    @property
    def at_end(self) -> bool:
        """Whether the place is behind the last byte, if it wasn't met before."""
        return self._place.unit in {"content", "finish", "end"}

    def _bytes(self, data: bytes) -> tuple[bytes, bytes] | None:
        if len(data) < self._left:
            self._left -= len(data)
            return None
        return data[: self._left], data[self._left :]

    def _in_body(self, body: bytes) -> tuple[bytes, bytes] | None:
        match self._place.unit:
            case "token":
                return _after_tokens(body, self._left) if self._left else (b"", body)
            case "event":
                return None if self._left else (b"", body)
            case "end":
                return body, b""
        return body[:-1], body[-1:]  # content, finish: what closes the document is missing

    def _in_stream(self, event: bytes, dialect: Dialect) -> tuple[bytes, bytes] | None:
        if self._place.unit in {"token", "event"}:
            if self._left <= 0:
                return b"", event
            self._left -= tokens.in_event(dialect, event) if self._place.unit == "token" else 1
            return (event, b"") if self._left <= 0 else None
        what = landmark(dialect, event)
        if self._place.unit == "finish" and what is Landmark.TERMINATOR:
            return b"", event
        if self._place.unit == "content" and what in {Landmark.FINISH, Landmark.USAGE, Landmark.TERMINATOR}:
            return b"", event
        if self._place.unit == "content" and what is Landmark.LAST_CONTENT:
            return without_finish(dialect, event), b""
        return None


class Strike(Protocol):
    """What happens to one event."""

    def __call__(self, event: bytes) -> Sequence[Step]:
        """What becomes of it."""


class NextEvent:
    """A filter that does something to the first event with a payload behind a place, and nothing to the others.

    Args:
        place: where.
        dialect: of the stream.
        strike: what it does.
    """

    def __init__(self, place: Place, dialect: Dialect, strike: Strike) -> None:
        self._seeker = Seeker(place, dialect)
        self._dialect = dialect
        self._strike = strike
        self._reached = self._done = False

    def feed(self, data: bytes) -> Sequence[Step]:
        """One event."""
        if self._done:
            return [data]
        if not self._reached:
            found = self._seeker.seek(data)
            self._reached = found is not None
            if found is None or found[0]:  # the place is inside it or behind it
                return [data]
        if payload_of(self._dialect, data) is None:
            return [data]
        self._done = True
        return self._strike(data)

    def close(self) -> Sequence[Step]:
        """Nothing follows."""
        return []


def _after_tokens(body: bytes, count: int) -> tuple[bytes, bytes] | None:
    """Cut before the word that follows so many; None if there are not more."""
    at = tokens.after(body, count)
    return None if at is None else (body[:at], body[at:])
