"""A stream without ``alt=sse``: one JSON array that grows by an element a chunk, cut and rewritten element by element.

An element's event is what stands before it (the opening bracket, or a comma) and the element; the closing bracket is
an event of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import orjson

_TOKENS: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|["{}\]]', re.DOTALL)


def is_array(data: bytes) -> bool:
    """Whether `data`, a stream's beginning or its rest after whole events, belongs to such an array."""
    return data.lstrip()[:1] in (b"[", b",", b"]")


def split(buffer: bytes) -> tuple[list[bytes], bytes]:
    """Cut off the whole events."""
    events: list[bytes] = []
    start = depth = 0
    for match in _TOKENS.finditer(buffer):
        token = match.group()
        if token == b'"':  # a string that isn't whole yet: what follows is its text
            break
        if token == b"{":
            depth += 1
        elif token == b"}":
            depth = max(0, depth - 1)
        if depth == 0 and token in (b"}", b"]"):
            events.append(buffer[start : match.end()])
            start = match.end()
    return events, buffer[start:]


def map_payload(event: bytes, change: Callable[[Any], Any], dump: Callable[[Any], bytes]) -> bytes:
    """`event` with its object replaced by `change(object)`, written by `dump`.

    It comes back as it is if it has no object, or if none is changed.
    """
    start, end = event.find(b"{"), event.rfind(b"}") + 1
    if start < 0 or end <= start:
        return event
    try:
        payload = orjson.loads(event[start:end])
    except orjson.JSONDecodeError:
        return event
    before = orjson.dumps(payload)  # kept as bytes, since `change` may work in place
    changed = change(payload)
    return event if orjson.dumps(changed) == before else event[:start] + dump(changed) + event[end:]
