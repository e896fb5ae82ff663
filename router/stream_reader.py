"""How a dialect's stream is read: frames cut bytes into events, a reader makes chunks of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import orjson

from .errors import AttemptFailed, Meaning, fail
from .messages import Chunk

Report = Callable[[Any], AttemptFailed]
"""Makes the failure that an error event amounts to."""


class Frames(Protocol):
    """Cuts a stream of bytes into events."""

    @property
    def unfinished(self) -> bool:
        """Whether bytes of an incomplete event are left."""
        ...

    def feed(self, chunk: bytes) -> list[bytes]:
        """The events that these bytes complete.

        Raises:
            EventTooLarge: The unfinished event is longer than allowed.
            AttemptFailed: The bytes can't be events.
        """
        ...


class StreamReader(Protocol):
    """Reads one stream of a dialect; `complete` turns true at the dialect's own terminator and nowhere else."""

    complete: bool

    def event(self, data: bytes) -> list[Chunk]:
        """The chunks that one event amounts to.

        Raises:
            AttemptFailed: The event is malformed or reports a failure.
        """
        ...

    def ended(self) -> list[Chunk]:
        """The connection was closed in good order before the reader was complete; what is left to say.

        Raises:
            AttemptFailed: In this dialect that is no proper end.
        """
        ...

    def counted(self) -> dict[str, Any] | None:
        """The provider's count so far as OpenAI's usage, if it tells one before the chunk that holds it."""
        ...


def parse_event(data: bytes) -> dict[str, Any]:
    """An event's JSON object.

    Raises:
        AttemptFailed: Meaning `drifted`: it isn't any.
    """
    try:
        event = orjson.loads(data if type(data) is bytes else bytes(data))  # it takes no subclass (`ErrorEvent`)
    except orjson.JSONDecodeError as error:
        raise fail(Meaning.DRIFTED, "malformed_event", f"an event is not JSON: {error}") from None
    if not isinstance(event, dict):
        raise fail(Meaning.DRIFTED, "malformed_event", "an event is not an object")
    return event


class Terminated:
    """Base of readers whose dialect has a terminator: a stream that ends without it was cut."""

    complete = False

    def ended(self) -> list[Chunk]:
        """There is no proper end without the terminator.

        Raises:
            AttemptFailed: Always.
        """
        raise fail(Meaning.TRANSIENT, "stream_cut", "the stream ended without its terminator")

    def counted(self) -> dict[str, Any] | None:
        """Nothing: the count comes in a chunk of its own, at the end."""
        return None
