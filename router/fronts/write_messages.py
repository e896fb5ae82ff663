"""Anthropic messages, plain and streamed, from the router's completions and chunks."""

from __future__ import annotations

import uuid
from typing import Any

import orjson

from ..errors import StreamInterrupted
from ..messages import Chunk, LLMResponse
from .base import event

_STOP = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}


def message_from(response: LLMResponse) -> bytes:
    """A whole answer: the provider's own message if it speaks this dialect, else a translation."""
    if response.native is not None:
        return orjson.dumps(response.native)
    said = response.body["choices"][0]["message"]
    content: list[dict[str, Any]] = []
    if said.get("content"):
        content.append({"type": "text", "text": said["content"]})
    elif said.get("refusal"):
        content.append({"type": "text", "text": said["refusal"]})
    for call in said.get("tool_calls") or ():
        function = call["function"]
        content.append(
            {
                "type": "tool_use",
                "id": call.get("id") or _id("toolu"),
                "name": function["name"],
                "input": _input(function),
            }
        )
    return orjson.dumps(
        {
            **_head(response.model),
            "content": content,
            "stop_reason": _STOP.get(response.finish_reason or "stop", "end_turn"),
            "stop_sequence": None,
            "usage": usage_from(response.body.get("usage")),
        }
    )


def _input(function: dict[str, Any]) -> Any:
    try:
        return orjson.loads(function.get("arguments") or "{}")
    except orjson.JSONDecodeError:
        return {}  # cut by max_tokens, and the stop reason says so


def usage_from(usage: Any) -> dict[str, Any]:
    """Anthropic's usage: its input tokens leave out what came from the cache."""
    usage = usage if isinstance(usage, dict) else {}
    details = usage.get("prompt_tokens_details")
    cached = (details.get("cached_tokens") or 0) if isinstance(details, dict) else 0
    return {
        "input_tokens": max(0, (usage.get("prompt_tokens") or 0) - cached),
        "output_tokens": usage.get("completion_tokens") or 0,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": cached,
    }


def _head(model: str) -> dict[str, Any]:
    return {"id": _id("msg"), "type": "message", "role": "assistant", "model": model}


def _id(prefix: str) -> str:
    return f"{prefix}_{uuid.uuid4().hex[:24]}"


class MessagesWriter:
    """Writes one stream. Events that came from a provider of this dialect pass as they are."""

    def __init__(self) -> None:
        self._begun, self._over = False, False
        self._index = -1
        self._open = ""
        self._call = -1
        self._finish: str | None = None
        self._usage: Any = None

    def write(self, chunks: list[Chunk]) -> bytes:
        """The events that these chunks amount to."""
        return b"".join([self._write(chunk) for chunk in chunks])

    def _write(self, chunk: Chunk) -> bytes:
        native = chunk.get("native")
        if native is not None:
            return self._pass(*native)
        parts: list[bytes] = []
        if not self._begun:
            self._begun = True
            empty: dict[str, Any] = {
                "content": [],
                "stop_reason": None,
                "stop_sequence": None,
                "usage": usage_from(None),
            }
            message = {**_head(str(chunk.get("model") or "")), **empty}
            parts.append(event({"type": "message_start", "message": message}, "message_start"))
        self._usage = chunk.get("usage") or self._usage
        for choice in chunk.get("choices") or ():
            delta = choice.get("delta") or {}
            text = delta.get("content") or delta.get("refusal")
            if text:
                parts += self._into("text", {"type": "text", "text": ""}, -1)
                parts.append(self._delta({"type": "text_delta", "text": text}))
            for call in delta.get("tool_calls") or ():
                parts += self._tool(call)
            self._finish = choice.get("finish_reason") or self._finish
        return b"".join(parts)

    def _pass(self, kind: str, data: bytes) -> bytes:
        self._begun = True
        if kind == "content_block_start":
            self._index = orjson.loads(data).get("index", self._index + 1)
            self._open = "native"
        elif kind == "content_block_stop":
            self._open = ""
        elif kind == "message_stop":
            self._over = True
        return event(data, kind)

    def _tool(self, call: dict[str, Any]) -> list[bytes]:
        function = call.get("function") or {}
        place = call.get("index", 0)
        block: dict[str, Any] = {
            "type": "tool_use",
            "id": call.get("id") or _id("toolu"),
            "name": function.get("name") or "",
            "input": {},
        }
        parts = self._into("tool_use", block, place)
        if function.get("arguments"):
            parts.append(self._delta({"type": "input_json_delta", "partial_json": function["arguments"]}))
        return parts

    def _into(self, kind: str, block: dict[str, Any], call: int) -> list[bytes]:
        """Be in a block of this kind, opening one if need be."""
        if self._open == kind and self._call == call:
            return []
        parts = self._close()
        self._index += 1
        self._open, self._call = kind, call
        start = {"type": "content_block_start", "index": self._index, "content_block": block}
        parts.append(event(start, "content_block_start"))
        return parts

    def _close(self) -> list[bytes]:
        if not self._open:
            return []
        self._open = ""
        return [event({"type": "content_block_stop", "index": self._index}, "content_block_stop")]

    def _delta(self, delta: dict[str, Any]) -> bytes:
        return event({"type": "content_block_delta", "index": self._index, "delta": delta}, "content_block_delta")

    def end(self) -> bytes:
        """The stop reason with the counts, and `message_stop`."""
        if self._over:
            return b""
        delta = {"stop_reason": _STOP.get(self._finish or "stop", "end_turn"), "stop_sequence": None}
        ending = {"type": "message_delta", "delta": delta, "usage": usage_from(self._usage)}
        parts = [*self._close(), event(ending, "message_delta"), event({"type": "message_stop"}, "message_stop")]
        return b"".join(parts)

    def broken(self, error: StreamInterrupted) -> bytes:
        """An error event, and no `message_stop`."""
        return event({"type": "error", "error": {"type": "api_error", "message": str(error)}}, "error")
