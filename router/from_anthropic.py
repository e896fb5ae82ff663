"""From Anthropic's messages, plain and streamed, to OpenAI completions and chunks."""

from __future__ import annotations

import time
from typing import Any

import orjson

from .errors import Meaning, fail
from .messages import Chunk
from .stream_reader import Report, Terminated, parse_event
from .to_anthropic import JSON_TOOL
from .validate import drifted
from .wanted import CONTEXT_FULL

_FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


def finish_reason(stop: Any, *, calls: bool) -> str:
    """OpenAI's word for a stop reason; unknown ones, which come every year, end an answer like `end_turn`."""
    if stop == "tool_use" and not calls:
        return "stop"  # the JSON tool is ours, not the caller's
    return _FINISH.get(stop, "stop")


def full(said: Any) -> dict[str, str]:
    """The vendor's own reason where the context is full, which `length` doesn't tell from the caller's limit."""
    stop = said.get("stop_reason") if isinstance(said, dict) else None
    return {"native_finish_reason": stop} if stop in CONTEXT_FULL else {}


def usage_from(usage: Any) -> dict[str, Any] | None:
    """OpenAI's usage: its prompt tokens include what was cached, Anthropic's input tokens don't."""
    if not isinstance(usage, dict):
        return None
    read, written = usage.get("cache_read_input_tokens") or 0, usage.get("cache_creation_input_tokens") or 0
    prompt, completion = (usage.get("input_tokens") or 0) + read + written, usage.get("output_tokens") or 0
    details = {"cached_tokens": read}
    if written:
        # What is written costs more than what is fresh, and more still if it stays for an hour.
        kinds = usage.get("cache_creation")
        hour = kinds.get("ephemeral_1h_input_tokens") if isinstance(kinds, dict) else 0
        details |= {"cache_write_tokens": written, "cache_write_1h_tokens": hour or 0}
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": details,
    }


def completion_from(message: dict[str, Any], *, wants_json: bool) -> dict[str, Any]:
    """Translate a plain answer.

    Raises:
        AttemptFailed: Meaning `drifted`: no content list, a block without what its type promises.
    """
    blocks = message.get("content")
    if not isinstance(blocks, list):
        raise drifted("drift_fields", "`content` is missing or no list")
    read = _Blocks(wants_json=wants_json)
    for block in blocks:
        read.add(block)
    answer: dict[str, Any] = {"role": "assistant", "content": "".join(read.texts) or None, "refusal": None}
    if read.thoughts:
        answer["reasoning_content"] = "".join(read.thoughts)
    if read.calls:
        answer["tool_calls"] = read.calls
    finish = finish_reason(message.get("stop_reason"), calls=bool(read.calls))
    return {
        "id": f"chatcmpl-{message.get('id', '')}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": message.get("model") or "",
        "choices": [{"index": 0, "message": answer, "logprobs": None, "finish_reason": finish, **full(message)}],
        "usage": usage_from(message.get("usage")),
    }


class _Blocks:
    """What the blocks of a message amount to."""

    def __init__(self, *, wants_json: bool) -> None:
        self.texts: list[str] = []
        self.thoughts: list[str] = []
        self.calls: list[dict[str, Any]] = []
        self._wants_json = wants_json

    def add(self, block: Any) -> None:
        kind = block.get("type") if isinstance(block, dict) else None
        if kind == "text":
            if not isinstance(block.get("text"), str):
                raise drifted("drift_fields", "a text block has no `text`")
            self.texts.append(block["text"])
        elif kind == "tool_use":
            self._tool(block)
        elif kind == "thinking" and isinstance(block.get("thinking"), str):
            self.thoughts.append(block["thinking"])
        elif not isinstance(kind, str):
            raise drifted("drift_fields", "a content block has no `type`")

    def _tool(self, block: dict[str, Any]) -> None:
        if not isinstance(block.get("name"), str) or not isinstance(block.get("input"), dict):
            raise drifted("drift_fields", "a tool_use block has no `name` or no `input`")
        document = orjson.dumps(block["input"]).decode()
        if self._wants_json and block["name"] == JSON_TOOL:
            self.texts = [document]
        else:
            self.calls.append(_call(block, document))


def _call(block: dict[str, Any], arguments: str) -> dict[str, Any]:
    return {"id": block.get("id", ""), "type": "function", "function": {"name": block["name"], "arguments": arguments}}


class AnthropicReader(Terminated):
    """Reads one stream; `message_stop` after a stop reason is its only proper end.

    Args:
        report: Makes the failure that an error event amounts to.
        wants_json: Whether the JSON tool's input is the answer.
        native: Whether each event also goes on as it came, in a chunk's `native` (its type and its data), for a caller
            who speaks this dialect: then nothing is lost that chunks have no word for.
    """

    def __init__(self, report: Report, *, wants_json: bool, native: bool = False) -> None:
        self.complete = False
        self._report = report
        self._wants_json, self._native = wants_json, native
        self._head: dict[str, Any] = {}
        self._kinds: dict[int, str] = {}
        self._calls: dict[int, int] = {}
        self._usage: dict[str, Any] = {}
        self._stopped = False

    def event(self, data: bytes) -> list[Chunk]:
        """The chunks one event amounts to; pings and events of unknown type amount to none.

        Raises:
            AttemptFailed: A malformed event, a missing field, or an error event.
        """
        event = parse_event(data)
        kind = event.get("type")
        chunks = self._read(kind, event)
        if self._native:
            chunks = chunks or [{**self._head, "choices": []}]
            chunks[0]["native"] = (kind, data)
        return chunks

    def _read(self, kind: Any, event: dict[str, Any]) -> list[Chunk]:
        if kind == "content_block_delta":
            return self._delta(event)
        if kind == "content_block_start":
            return self._block(event)
        if kind == "message_start":
            return self._start(event)
        if kind == "message_delta":
            return self._ending(event)
        if kind == "message_stop":
            if not self._stopped:
                raise fail(Meaning.TRANSIENT, "stream_cut", "message_stop came before any stop_reason")
            self.complete = True
            return [self._usage_chunk()]
        if kind == "error" or event.get("error"):
            raise self._report(event)
        if not isinstance(kind, str):
            raise drifted("drift_fields", "an event has no `type`")
        return []

    def _start(self, event: dict[str, Any]) -> list[Chunk]:
        message = event.get("message")
        if not isinstance(message, dict):
            raise drifted("drift_fields", "message_start has no `message`")
        if self._head:
            raise drifted("repeated_event", "the message begins twice")
        self._head = {
            "id": f"chatcmpl-{message.get('id', '')}",
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": message.get("model") or "",
        }
        if isinstance(message.get("usage"), dict):
            self._usage.update(message["usage"])
        return [self._chunk({"role": "assistant", "content": ""})]

    def _block(self, event: dict[str, Any]) -> list[Chunk]:
        index, block = event.get("index"), event.get("content_block")
        if not isinstance(index, int) or not isinstance(block, dict) or not isinstance(block.get("type"), str):
            raise drifted("drift_fields", "content_block_start has no `index` or no typed `content_block`")
        kind = block["type"]
        if index in self._kinds:
            raise drifted("repeated_event", f"content block {index} begins twice")
        self._kinds[index] = kind
        if kind == "text" and block.get("text"):
            return [self._chunk({"content": block["text"]})]
        if kind != "tool_use":
            return []
        if not isinstance(block.get("name"), str):
            raise drifted("drift_fields", "a tool_use block has no `name`")
        if self._wants_json and block["name"] == JSON_TOOL:
            self._kinds[index] = "json"
            return []
        self._calls[index] = len(self._calls)
        call = {"index": self._calls[index], **_call(block, "")}
        return [self._chunk({"tool_calls": [call]})]

    def _delta(self, event: dict[str, Any]) -> list[Chunk]:
        delta, index = event.get("delta"), event.get("index")
        if not isinstance(delta, dict) or not isinstance(index, int):
            raise drifted("drift_fields", "content_block_delta has no `delta` or no `index`")
        kind = delta.get("type")
        if kind == "text_delta":
            text = delta.get("text")
            if not isinstance(text, str):
                raise drifted("drift_fields", "a text_delta has no `text`")
            return [self._chunk({"content": text})] if text else []
        if kind == "thinking_delta" and isinstance(delta.get("thinking"), str):
            return [self._chunk({"reasoning_content": delta["thinking"]})] if delta["thinking"] else []
        if kind == "input_json_delta":
            return self._arguments(index, delta.get("partial_json"))
        if not isinstance(kind, str):
            raise drifted("drift_fields", "content_block_delta has no typed `delta`")
        if self._kinds.get(index) in {"text", "json", "tool_use"} and kind not in _SIDE_DELTAS:
            raise drifted("drift_fields", f"a {self._kinds[index]} block got a delta of unknown type {kind!r}")
        return []

    def _arguments(self, index: int, piece: Any) -> list[Chunk]:
        if not isinstance(piece, str):
            raise drifted("drift_fields", "an input_json_delta has no `partial_json`")
        if not piece:
            return []
        if self._kinds.get(index) == "json":
            return [self._chunk({"content": piece})]
        place = self._calls.get(index)
        if place is None:
            raise drifted("drift_fields", "an input_json_delta belongs to no tool_use block")
        return [self._chunk({"tool_calls": [{"index": place, "function": {"arguments": piece}}]})]

    def _ending(self, event: dict[str, Any]) -> list[Chunk]:
        if isinstance(event.get("usage"), dict):
            # Counts here are cumulative; nulls mean "as before".
            self._usage.update({name: value for name, value in event["usage"].items() if value is not None})
        delta = event.get("delta")
        stop = delta.get("stop_reason") if isinstance(delta, dict) else None
        if stop is None:
            return []
        self._stopped = True
        chunk = self._chunk({}, finish_reason(stop, calls=bool(self._calls)))
        chunk["choices"][0] |= full(delta)
        return [chunk]

    def counted(self) -> dict[str, Any] | None:
        """The count so far; final once there is a stop reason."""
        return usage_from(self._usage or None)

    def _usage_chunk(self) -> Chunk:
        return {**self._head, "choices": [], "usage": usage_from(self._usage or None)}

    def _chunk(self, delta: dict[str, Any], finish: str | None = None) -> Chunk:
        if not self._head:
            raise drifted("drift_fields", "the stream doesn't begin with message_start")
        return {**self._head, "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]}


_SIDE_DELTAS = frozenset({"citations_delta", "signature_delta", "thinking_delta", "compaction_delta"})
