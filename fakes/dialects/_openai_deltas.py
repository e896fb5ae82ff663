"""A streamed answer in OpenAI's shape: its deltas in order, with the bytes around them as the vendor has them.

The constant parts of a chunk are joined once per answer, so an event costs one JSON string.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

import orjson

from .base import Answer, Event

FINISH: Final = {
    "stop": "stop",
    "length": "length",
    "tool": "tool_calls",
    "filter": "content_filter",
    "refusal": "stop",
}
DONE: Final = Event(b"data: [DONE]\n\n", token=False)
PADDINGS: Final = 64
"""How many paddings a frame has, in turn."""
_NO_PADDING: Final = (b"",) * PADDINGS
# A token that the vendor holds back: it takes its time and is billed, but its bytes come with a later event.
_HELD: Final = Event(b"", token=True)


@dataclass(frozen=True, slots=True)
class Frame:
    """The bytes around the deltas of one stream, all but each chunk's closing brace.

    Attributes:
        before: ``data: {…"delta":``, the same in each chunk.
        interior: What follows the delta of a chunk that is not the last.
        last: What follows the last delta, the finish reason in it.
        first: What follows the first delta, `interior` unless said.
        every_delta: The members that each delta of the answer begins with, comma included.
        last_delta: The last delta.
        tool_calls: "pieces" spells a call's arguments over many chunks; "whole" gives the call in a chunk of its own;
            "last" gives it in the last chunk.
        paddings: What is put before the closing brace, a different one in each chunk.
    """

    before: bytes
    interior: bytes
    last: bytes
    first: bytes | None = None
    every_delta: bytes = b""
    last_delta: bytes = b"{}"
    tool_calls: Literal["pieces", "whole", "last"] = "pieces"
    paddings: tuple[bytes, ...] = _NO_PADDING


def tool_call(answer: Answer, call_id: str, arguments: str) -> dict[str, Any]:
    """The call of `answer`'s tool as messages have it."""
    return {"id": call_id, "type": "function", "function": {"name": answer.tool, "arguments": arguments}}


def deltas(answer: Answer, frame: Frame, call_id: str) -> Iterator[Event]:
    """The chunks from the role to the finish reason; a usage chunk and the terminator are the vendor's own."""
    paddings, place = frame.paddings, answer.id_seed
    first = frame.interior if frame.first is None else frame.first
    opening = b'{"role":"assistant","content":""}'
    if answer.tool is not None and frame.tool_calls == "pieces":
        start = {"index": 0, **tool_call(answer, call_id, "")}
        opening = orjson.dumps({"role": "assistant", "content": None, "tool_calls": [start]})
    yield Event(frame.before + opening + first + paddings[place & 63] + b"}\n\n", token=False)
    if answer.tool is None or frame.tool_calls == "pieces":
        if answer.tool is None:
            key = b'"refusal":' if answer.finish == "refusal" else b'"content":'
            before, after = frame.before + b"{" + frame.every_delta + key, b"}" + frame.interior
        else:
            arguments = b'"tool_calls":[{"index":0,"function":{"arguments":'
            before, after = frame.before + b"{" + frame.every_delta + arguments, b"}}]}" + frame.interior
        for piece in answer.pieces:
            place += 1
            yield Event(before + orjson.dumps(piece) + after + paddings[place & 63] + b"}\n\n", token=True)
    else:
        for _ in answer.pieces[1:]:
            yield _HELD
        call = {**tool_call(answer, call_id, answer.text), "index": 0}
        whole = b"{" + frame.every_delta + b'"tool_calls":[' + orjson.dumps(call) + b"]}"
        if frame.tool_calls == "last":
            yield Event(frame.before + whole + frame.last + b"}\n\n", token=bool(answer.pieces))
            return
        yield Event(frame.before + whole + frame.interior + b"}\n\n", token=bool(answer.pieces))
    yield Event(frame.before + frame.last_delta + frame.last + paddings[(place + 1) & 63] + b"}\n\n", token=False)
