"""What a stream of server-sent events that has begun says about itself: an error in it goes on from there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Self

import orjson

_NONE: Final[dict[str, Any]] = {}


@dataclass(frozen=True, slots=True)
class SoFar:
    """The JSON of the first and the last event that has some; empty where there is none."""

    first: dict[str, Any]
    last: dict[str, Any]

    @classmethod
    def of(cls, stream: bytes) -> Self:
        """Look at the bytes of a stream; whatever is no JSON object is passed over."""
        events = stream.split(b"\n\n")
        first = next((found for event in events if (found := _payload(event))), _NONE)
        last = next((found for event in reversed(events) if (found := _payload(event))), _NONE)
        return cls(first, last)


def _payload(event: bytes) -> dict[str, Any] | None:
    for line in event.split(b"\n"):
        if line.startswith(b"data:"):
            try:
                payload = orjson.loads(line[5:])
            except orjson.JSONDecodeError:
                return None
            return payload if isinstance(payload, dict) else None
    return None
