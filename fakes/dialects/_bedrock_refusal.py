"""Bedrock's answers in the place of an answer: a guardrail's words, a filter's silence, what was no proper output.

They are proper 200s. Stop reasons: the service model in botocore 1.44. Form of InvokeModel with a guardrail: Amazon's
guide ("amazon-bedrock-guardrailAction").
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Final

import orjson

from . import _eventstream
from ._bedrock_rows import Row
from .base import Headers, Reply

INVOKE: Final = "invoke"
"""The `Ask.api` of InvokeModel and its streaming twin."""
_NOTHING: Final = {"inputTokens": 0, "outputTokens": 0, "totalTokens": 0}


def reply(row: Row, message: str, details: Mapping[str, Any], own: Headers) -> Reply:
    """The answer, or the frames of one if `stream` is true in `details`; `api` says in which form."""
    if details.get("stream"):
        invoked = details.get("api") == INVOKE
        data = ending(row, details) if invoked else _opening(message) + ending(row, {**details, "block_open": True})
        return _reply(data, _eventstream.CONTENT_TYPE, own)
    if details.get("api") == INVOKE:
        return _reply(orjson.dumps(_invoked(row, message)), "application/json", own)
    content = [{"text": message}] if message else []
    document = {
        "metrics": {"latencyMs": 0},
        "output": {"message": {"content": content, "role": "assistant"}},
        "stopReason": row.exception,
        "usage": _NOTHING,
    }
    return _reply(orjson.dumps(document), "application/json", own)


def ending(row: Row, details: Mapping[str, Any]) -> bytes:
    """How a stream ends of which the rest is not said; `block_open` says whether a block is still to be closed."""
    if details.get("api") == INVOKE:
        inner = base64.b64encode(orjson.dumps(_invoked(row, row.message))).decode()
        return frame("chunk", {"bytes": inner})
    closed = b""
    if details.get("block_open", True):
        closed = frame("contentBlockStop", {"contentBlockIndex": int(details.get("index", 0))})
    stop = frame("messageStop", {"stopReason": row.exception})
    return closed + stop + frame("metadata", {"metrics": {"latencyMs": 0}, "usage": _NOTHING})


def frame(name: str, payload: Mapping[str, Any]) -> bytes:
    """An event without padding."""
    headers = {":event-type": name, ":content-type": "application/json", ":message-type": "event"}
    return _eventstream.encode(_eventstream.encode_headers(headers), orjson.dumps(payload))


def _opening(message: str) -> bytes:
    return frame("messageStart", {"role": "assistant"}) + frame(
        "contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": message}}
    )


def _invoked(row: Row, message: str) -> dict[str, Any]:
    return {
        "type": "message",
        "role": "assistant",
        "content": [{"type": "text", "text": message}],
        "stop_reason": "refusal" if row.exception == "content_filtered" else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 0, "output_tokens": 0},
        "amazon-bedrock-guardrailAction": "INTERVENED" if row.exception == "guardrail_intervened" else "NONE",
    }


def _reply(data: bytes, kind: str, own: Headers) -> Reply:
    return Reply(200, [("content-type", kind), ("content-length", str(len(data))), *own], data)
