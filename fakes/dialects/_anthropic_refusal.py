"""Anthropic's refusals: a proper 200 that says nothing, which a router takes for an answer.

The SDK's fixture `refusal_response.txt`: an empty text block, `stop_reason` "refusal" with `stop_details`, and no
output tokens. Categories: SDK 2.10.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from . import _ids
from .base import Headers, Reply

_MODEL: Final = "claude-sonnet-5"


def reply(details: Mapping[str, Any], id_seed: int, own_headers: Headers) -> Reply:
    """The refusal as a whole response: a message, or the events of one if `stream` is true in `details`."""
    if details.get("stream"):
        message = {**_message(details, id_seed), "content": [], "stop_reason": None, "stop_details": None}
        block = {"type": "text", "text": ""}
        body = (
            _event({"type": "message_start", "message": message})
            + _event({"type": "content_block_start", "index": 0, "content_block": block})
            + ending(details)
        )
        headers: Headers = [("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache")]
    else:
        body = orjson.dumps(_message(details, id_seed))
        headers = [("content-type", "application/json")]
    return Reply(200, [*headers, ("content-length", str(len(body))), *own_headers], body)


def ending(details: Mapping[str, Any]) -> bytes:
    """How a stream that has begun ends when the model refuses to go on.

    `index` is the number of its last block, 0 unless told; `block_open` says whether that is still to be closed.
    """
    delta = {"stop_reason": "refusal", "stop_sequence": None, "stop_details": _stop_details(details)}
    closed = b""
    if details.get("block_open", True):
        closed = _event({"type": "content_block_stop", "index": int(details.get("index", 0))})
    return (
        closed
        + _event({"type": "message_delta", "delta": delta, "usage": {"output_tokens": 0}})
        + _event({"type": "message_stop"})
    )


def _message(details: Mapping[str, Any], id_seed: int) -> dict[str, Any]:
    return {
        "id": "msg_01" + _ids.letters(id_seed, "message", 22, _ids.BASE58),
        "type": "message",
        "role": "assistant",
        "model": str(details.get("model", _MODEL)),
        "content": [{"type": "text", "text": ""}],
        "stop_reason": "refusal",
        "stop_sequence": None,
        "stop_details": _stop_details(details),
        "container": None,
        "usage": {
            "input_tokens": int(details.get("input_tokens", 12)),
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
            "output_tokens": 0,
            "service_tier": "standard",
        },
    }


def _stop_details(details: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "refusal", "category": details.get("category", "cyber"), "explanation": None}


def _event(payload: dict[str, Any]) -> bytes:
    name: str = payload["type"]
    return b"event: " + name.encode() + b"\ndata: " + orjson.dumps(payload) + b"\n\n"
