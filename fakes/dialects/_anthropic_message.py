"""Anthropic messages: writing an answer, whole and streamed.

Order of events and keys: the streaming fixtures of the official SDK's repository (tests/lib/streaming/fixtures) and
the vendor's streaming page. The constant parts of an event are joined once per answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import orjson

from . import _anthropic_failures as failures
from . import _ids
from ._anthropic_signatures import sign
from .base import Answer, Ask, Call, Event, Headers, Reply

_STOP: Final = {"stop": "end_turn", "length": "max_tokens", "tool": "tool_use"}
_PING: Final = Event(b'event: ping\ndata: {"type": "ping"}\n\n', token=False)
_MESSAGE_STOP: Final = Event(b'event: message_stop\ndata: {"type":"message_stop"}\n\n', token=False)
_THOUGHT: Final = "The question is plain, and the answer was rehearsed."


def write(ask: Ask, answer: Answer) -> Reply:
    """The answer as one message."""
    data = orjson.dumps(whole(ask, answer))
    headers: Headers = [("content-type", "application/json"), ("content-length", str(len(data)))]
    return Reply(200, headers + _headers(answer), data)


def whole(ask: Ask, answer: Answer) -> dict[str, Any]:
    """The answer as a message's document."""
    blocks = [_thinking(answer)] if answer.reasoning_tokens else []
    if answer.tool is None:
        blocks.append({"type": "text", "text": answer.text})
    for place, call in enumerate(answer.tool_calls):
        blocks.append(_tool_block(answer, place, call, _arguments(call)))
    message = _envelope(ask, answer, blocks, _stop_reason(ask, answer), answer.output_tokens)
    return {**message, "stop_sequence": answer.stop_sequence}


def stream_head(_: Ask, answer: Answer) -> tuple[int, Headers]:
    """Status and headers of a streamed answer."""
    head: Headers = [("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache")]
    return 200, head + _headers(answer)


def stream(ask: Ask, answer: Answer) -> Iterator[Event]:
    """The answer as message events; the usage of `message_delta` is cumulative."""
    message = _envelope(ask, answer, [], None, min(1, answer.output_tokens))
    yield _event(b"message_start", {"type": "message_start", "message": message})
    index = 0
    if answer.reasoning_tokens:
        yield from _think(answer)
        index = 1
    if answer.tool is None:
        yield from _block(index, {"type": "text", "text": ""}, b'{"type":"text_delta","text":', answer.pieces)
    for place, call in enumerate(answer.tool_calls):
        block = _tool_block(answer, place, call, {})
        yield from _block(index + place, block, b'{"type":"input_json_delta","partial_json":', call.pieces)
    delta = {"stop_reason": _stop_reason(ask, answer), "stop_sequence": answer.stop_sequence}
    usage: dict[str, Any] = {"output_tokens": answer.output_tokens}
    if answer.reasoning_tokens:
        usage["output_tokens_details"] = {"thinking_tokens": answer.reasoning_tokens}
    yield _event(b"message_delta", {"type": "message_delta", "delta": delta, "usage": usage})
    yield _MESSAGE_STOP


def write_count(_: Ask, answer: Answer) -> Reply:
    """How many tokens a prompt has, cached ones included."""
    data = orjson.dumps({"input_tokens": answer.input_tokens})
    headers: Headers = [("content-type", "application/json"), ("content-length", str(len(data)))]
    return Reply(200, headers + failures.response_headers(answer.id_seed), data)


def _think(answer: Answer) -> Iterator[Event]:
    """The thinking block of a stream: empty at first, then its text, and its signature last."""
    block = _thinking(answer)
    empty = {"type": "thinking", "thinking": "", "signature": ""}
    yield _event(b"content_block_start", {"type": "content_block_start", "index": 0, "content_block": empty})
    for name in ("thinking", "signature"):
        delta = {"type": f"{name}_delta", name: block[name]}
        yield _event(b"content_block_delta", {"type": "content_block_delta", "index": 0, "delta": delta})
    yield _event(b"content_block_stop", {"type": "content_block_stop", "index": 0})


def _block(index: int, block: dict[str, Any], delta: bytes, pieces: tuple[str, ...]) -> Iterator[Event]:
    """A block of a stream; the pieces of a tool's arguments begin with an empty one."""
    yield _event(b"content_block_start", {"type": "content_block_start", "index": index, "content_block": block})
    if index == 0 or block["type"] == "text":
        yield _PING
    before = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":' % index + delta
    if block["type"] == "tool_use":
        yield Event(before + b'""}}\n\n', token=False)
    for piece in pieces:
        yield Event(before + orjson.dumps(piece) + b"}}\n\n", token=True)
    yield _event(b"content_block_stop", {"type": "content_block_stop", "index": index})


def _thinking(answer: Answer) -> dict[str, Any]:
    return {"type": "thinking", "thinking": _THOUGHT, "signature": sign(_THOUGHT, answer.id_seed)}


def _stop_reason(ask: Ask, answer: Answer) -> str:
    if answer.stop_sequence is not None:
        return "stop_sequence"
    asked = ask.body.get("max_tokens")
    if answer.finish == "length" and ask.max_tokens is not None and asked is not None and ask.max_tokens < asked:
        return "model_context_window_exceeded"  # there was less room than was asked for
    return _STOP[answer.finish]


def _event(name: bytes, payload: dict[str, Any]) -> Event:
    return Event(b"event: " + name + b"\ndata: " + orjson.dumps(payload) + b"\n\n", token=False)


def _envelope(
    ask: Ask, answer: Answer, content: list[dict[str, Any]], stop_reason: str | None, output_tokens: int
) -> dict[str, Any]:
    return {
        "id": "msg_01" + _ids.letters(answer.id_seed, "message", 22, _ids.BASE58),
        "type": "message",
        "role": "assistant",
        "model": ask.model,
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": None,
        "stop_details": None,
        "container": None,
        "usage": _usage(ask, answer, output_tokens),
    }


def _usage(ask: Ask, answer: Answer, output_tokens: int) -> dict[str, Any]:
    """Token counts. Fresh input alone is `input_tokens`: what the cache has to do with stands beside it."""
    written, hour = ask.cache_write_tokens, ask.cache_write_1h_tokens
    usage = {
        "input_tokens": answer.input_tokens - answer.cached_tokens - written,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": answer.cached_tokens,
        "cache_creation": {"ephemeral_5m_input_tokens": written - hour, "ephemeral_1h_input_tokens": hour},
        "output_tokens": output_tokens,
        "service_tier": "standard",
    }
    if answer.reasoning_tokens and output_tokens == answer.output_tokens:
        usage["output_tokens_details"] = {"thinking_tokens": answer.reasoning_tokens}
    return usage


def _tool_block(answer: Answer, place: int, call: Call, arguments: Any) -> dict[str, Any]:
    tool_id = "toolu_01" + _ids.letters(answer.id_seed, f"call{place}" if place else "call", 22, _ids.BASE58)
    return {"type": "tool_use", "id": tool_id, "name": call.name, "input": arguments}


def _arguments(call: Call) -> Any:
    try:
        return orjson.loads(call.text)
    except orjson.JSONDecodeError:  # cut by max_tokens: a whole body has no place for half an object
        return {}


def _headers(answer: Answer) -> Headers:
    own = failures.response_headers(answer.id_seed)
    return own + failures.limits(answer.input_tokens, answer.output_tokens, answer.created_s)
