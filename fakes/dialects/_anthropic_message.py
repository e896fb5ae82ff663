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
from .base import Answer, Ask, Event, Headers, Reply

_STOP: Final = {"stop": "end_turn", "length": "max_tokens", "tool": "tool_use"}
_PING: Final = Event(b'event: ping\ndata: {"type": "ping"}\n\n', token=False)
_MESSAGE_STOP: Final = Event(b'event: message_stop\ndata: {"type":"message_stop"}\n\n', token=False)
_THOUGHT: Final = "The question is plain, and the answer was rehearsed."


def write(ask: Ask, answer: Answer) -> Reply:
    """The answer as one message."""
    content = {"type": "text", "text": answer.text} if answer.tool is None else _tool_block(answer, _arguments(answer))
    blocks = [_thinking(answer), content] if answer.reasoning_tokens else [content]
    message = _envelope(ask, answer, blocks, _stop_reason(answer), answer.output_tokens)
    data = orjson.dumps({**message, "stop_sequence": answer.stop_sequence})
    headers: Headers = [("content-type", "application/json"), ("content-length", str(len(data)))]
    return Reply(200, headers + _headers(answer), data)


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
    block = {"type": "text", "text": ""} if answer.tool is None else _tool_block(answer, {})
    yield _event(b"content_block_start", {"type": "content_block_start", "index": index, "content_block": block})
    yield _PING
    before = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":' % index
    if answer.tool is None:
        before += b'{"type":"text_delta","text":'
    else:
        before += b'{"type":"input_json_delta","partial_json":'
        yield Event(before + b'""}}\n\n', token=False)
    for piece in answer.pieces:
        yield Event(before + orjson.dumps(piece) + b"}}\n\n", token=True)
    yield _event(b"content_block_stop", {"type": "content_block_stop", "index": index})
    delta = {"stop_reason": _stop_reason(answer), "stop_sequence": answer.stop_sequence}
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


def _thinking(answer: Answer) -> dict[str, Any]:
    signature = "Er" + _ids.letters(answer.id_seed, "signature", 62)
    return {"type": "thinking", "thinking": _THOUGHT, "signature": signature}


def _stop_reason(answer: Answer) -> str:
    return "stop_sequence" if answer.stop_sequence is not None else _STOP[answer.finish]


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


def _tool_block(answer: Answer, arguments: Any) -> dict[str, Any]:
    tool_id = "toolu_01" + _ids.letters(answer.id_seed, "call", 22, _ids.BASE58)
    return {"type": "tool_use", "id": tool_id, "name": answer.tool, "input": arguments}


def _arguments(answer: Answer) -> Any:
    try:
        return orjson.loads(answer.text)
    except orjson.JSONDecodeError:  # cut by max_tokens: a whole body has no place for half an object
        return {}


def _headers(answer: Answer) -> Headers:
    own = failures.response_headers(answer.id_seed)
    return own + failures.limits(answer.input_tokens, answer.output_tokens, answer.created_s)
