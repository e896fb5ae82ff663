"""Server-sent events as JSON APIs use them: reading and rewriting the `data:` line of one event."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import orjson

_ESCAPED: Final = b"\\u007e"
"""A ``~`` that is no token's: whoever counts tokens in a stream counts that byte."""


def map_data(event: bytes, change: Callable[[Any], Any]) -> bytes:
    """`event` with the JSON of its `data:` line replaced by `change(payload)`.

    An event without JSON data (a comment, ``[DONE]``) comes back as it is, and so does one that `change` leaves equal:
    its bytes are not rewritten for nothing.
    """
    lines = event.split(b"\n")
    for index, line in enumerate(lines):
        if not line.startswith(b"data:"):
            continue
        try:
            payload = orjson.loads(line[5:])
        except orjson.JSONDecodeError:
            return event
        before = orjson.dumps(payload)  # kept as bytes, since `change` may work in place
        after = orjson.dumps(change(payload))
        if after == before:
            return event
        if _ESCAPED in line:  # words that are said once more in a summary, and not to be counted again
            after = after.replace(b"~", _ESCAPED)
        ending = b"\r" if line.endswith(b"\r") else b""
        lines[index] = b"data: " + after + ending
        return b"\n".join(lines)
    return event
