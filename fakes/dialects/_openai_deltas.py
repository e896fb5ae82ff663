"""A streamed answer in OpenAI's shape: its deltas in order, with the bytes around them as the vendor has them.

The constant parts of a chunk are joined once per answer, so an event costs one JSON string.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

import orjson

from .base import Answer, Call, Event

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
_OPENING: Final = b'{"role":"assistant","content":""}'
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
        thought: The delta that shows what was thought, which follows the first one; none if it is empty.
        every_delta: The members that each delta of the answer begins with, comma included.
        last_delta: The last delta.
        tool_calls: "pieces" spells a call's arguments over many chunks; "whole" gives each call in a chunk of its own;
            "last" gives them in the last chunk; "function" is "pieces" as it was before there were tools.
        paddings: What is put before the closing brace, a different one in each chunk.
    """

    before: bytes
    interior: bytes
    last: bytes
    first: bytes | None = None
    thought: bytes = b""
    every_delta: bytes = b""
    last_delta: bytes = b"{}"
    tool_calls: Literal["pieces", "whole", "last", "function"] = "pieces"
    paddings: tuple[bytes, ...] = _NO_PADDING


NameCall = Callable[[int], str]
"""The id of an answer's call, by its place among the calls."""


def tool_call(call: Call, call_id: str, arguments: str) -> dict[str, Any]:
    """A call as messages have it."""
    return {"id": call_id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def deltas(answer: Answer, frame: Frame, name_call: NameCall) -> Iterator[Event]:
    """The chunks from the role to the finish reason; a usage chunk and the terminator are the vendor's own."""
    if answer.tool is not None:
        yield from _call_deltas(answer, frame, name_call)
        return
    paddings, place = frame.paddings, answer.id_seed
    first = frame.interior if frame.first is None else frame.first
    yield Event(frame.before + _OPENING + first + paddings[place & 63] + b"}\n\n", token=False)
    if frame.thought:
        yield Event(frame.before + frame.thought + frame.interior + b"}\n\n", token=False)
    key = b'"refusal":' if answer.finish == "refusal" else b'"content":'
    before, after = frame.before + b"{" + frame.every_delta + key, b"}" + frame.interior
    for piece in answer.pieces:
        place += 1
        yield Event(before + orjson.dumps(piece) + after + paddings[place & 63] + b"}\n\n", token=True)
    yield Event(frame.before + frame.last_delta + frame.last + paddings[(place + 1) & 63] + b"}\n\n", token=False)


def _call_deltas(answer: Answer, frame: Frame, name_call: NameCall) -> Iterator[Event]:
    """The same for an answer that calls tools."""
    place = answer.id_seed
    first = frame.interior if frame.first is None else frame.first

    def chunk(delta: bytes, rest: bytes, *, token: bool = False) -> Event:
        nonlocal place
        place += 1
        return Event(frame.before + delta + rest + frame.paddings[(place - 1) & 63] + b"}\n\n", token)

    if frame.thought or frame.tool_calls in ("whole", "last"):
        yield chunk(_OPENING, first)
        first = frame.interior
    if frame.thought:
        yield chunk(frame.thought, frame.interior)
    if frame.tool_calls in ("whole", "last"):
        calls = [
            {**tool_call(call, name_call(index), call.text), "index": index}
            for index, call in enumerate(answer.tool_calls)
        ]
        for _ in answer.pieces[1:]:
            yield _HELD
        whole = b"{" + frame.every_delta + b'"tool_calls":' + orjson.dumps(calls) + b"}"
        if frame.tool_calls == "last":
            yield chunk(whole, frame.last, token=bool(answer.pieces))
            return
        yield chunk(whole, frame.interior, token=bool(answer.pieces))
    else:
        opening: dict[str, Any] = {"role": "assistant", "content": None}
        for index, call in enumerate(answer.tool_calls):
            if frame.tool_calls == "function":
                started: dict[str, Any] = {"function_call": {"name": call.name, "arguments": ""}}
                before, after = b'{%b"function_call":{"arguments":' % frame.every_delta, b"}}" + frame.interior
            else:
                started = {"tool_calls": [{"index": index, **tool_call(call, name_call(index), "")}]}
                before = b'{%b"tool_calls":[{"index":%d,"function":{"arguments":' % (frame.every_delta, index)
                after = b"}}]}" + frame.interior
            yield chunk(orjson.dumps({**opening, **started}), frame.interior if index else first)
            opening = {}
            for piece in call.pieces:
                yield chunk(before + orjson.dumps(piece), after, token=True)
    yield chunk(frame.last_delta, frame.last)
