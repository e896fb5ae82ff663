"""From Bedrock's `Converse`, plain and streamed, to OpenAI completions and chunks."""

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
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
}
_FAILED = frozenset({"malformed_model_output", "malformed_tool_use"})
"""Stop reasons that are failures: they are looked up in the failure table."""


def finish_reason(stop: Any, report: Report, *, calls: bool) -> str:
    """OpenAI's word for a stop reason.

    Raises:
        AttemptFailed: It is a failure's.
    """
    if stop in _FAILED:
        raise report({"error": {"code": stop, "message": f"stopReason {stop}"}})
    if stop == "tool_use" and not calls:
        return "stop"  # the JSON tool is ours, not the caller's
    return _FINISH.get(stop, "stop")


def _full(said: dict[str, Any]) -> dict[str, str]:
    return {"native_finish_reason": said["stopReason"]} if said.get("stopReason") in CONTEXT_FULL else {}


def usage_from(usage: Any) -> dict[str, Any] | None:
    """OpenAI's usage: its prompt tokens include what was cached, Bedrock's input tokens don't."""
    if not isinstance(usage, dict):
        return None
    counts = {
        name: value if isinstance(value, int) else 0
        for name in ("inputTokens", "outputTokens", "cacheReadInputTokens", "cacheWriteInputTokens")
        for value in (usage.get(name),)
    }
    read = counts["cacheReadInputTokens"]
    prompt = counts["inputTokens"] + read + counts["cacheWriteInputTokens"]
    return {
        "prompt_tokens": prompt,
        "completion_tokens": counts["outputTokens"],
        "total_tokens": prompt + counts["outputTokens"],
        "prompt_tokens_details": {"cached_tokens": read, "cache_write_tokens": counts["cacheWriteInputTokens"]},
    }


def completion_from(payload: dict[str, Any], model: str, report: Report, *, wants_json: bool) -> dict[str, Any]:
    """Translate a plain answer.

    Args:
        payload: The answer; it doesn't name its model.
        model: The model that was asked for.
        report: Makes the failure that a stop reason amounts to.
        wants_json: Whether the JSON tool's input is the answer.

    Raises:
        AttemptFailed: It isn't one.
    """
    output = payload.get("output")
    message = output.get("message") if isinstance(output, dict) else None
    blocks = message.get("content") if isinstance(message, dict) else None
    if not isinstance(blocks, list):
        raise drifted("drift_fields", "`output.message.content` is missing or no list")
    if not payload.get("stopReason"):
        raise drifted("drift_fields", "`stopReason` is missing")
    answer, calls = _answer(blocks, wants_json=wants_json)
    finish = finish_reason(payload["stopReason"], report, calls=calls)
    return {
        "id": f"chatcmpl-{time.time_ns():x}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": [{"index": 0, "message": answer, "logprobs": None, "finish_reason": finish, **_full(payload)}],
        "usage": usage_from(payload.get("usage")),
    }


def _answer(blocks: list[Any], *, wants_json: bool) -> tuple[dict[str, Any], bool]:
    texts: list[str] = []
    thoughts: list[str] = []
    calls: list[dict[str, Any]] = []
    for block in blocks:
        if not isinstance(block, dict) or len(block) != 1:
            raise drifted("drift_fields", "a content block isn't an object with one member")
        if "text" in block:
            if not isinstance(block["text"], str):
                raise drifted("drift_fields", "a text block has no text")
            texts.append(block["text"])
        elif "toolUse" in block:
            call = _call(block["toolUse"])
            if wants_json and call["function"]["name"] == JSON_TOOL:
                texts = [call["function"]["arguments"]]
            else:
                calls.append(call)
        elif "reasoningContent" in block:
            thoughts.append(_thought(block["reasoningContent"]))
    answer: dict[str, Any] = {"role": "assistant", "content": "".join(texts) or None, "refusal": None}
    if any(thoughts):
        answer["reasoning_content"] = "".join(thoughts)
    if calls:
        answer["tool_calls"] = calls
    return answer, bool(calls)


def _call(use: Any) -> dict[str, Any]:
    if not isinstance(use, dict) or not isinstance(use.get("name"), str) or not isinstance(use.get("input"), dict):
        raise drifted("drift_fields", "a toolUse block has no `name` or no `input`")
    arguments = orjson.dumps(use["input"]).decode()
    return {
        "id": use.get("toolUseId", ""),
        "type": "function",
        "function": {"name": use["name"], "arguments": arguments},
    }


def _thought(said: Any) -> str:
    inner = said.get("reasoningText") if isinstance(said, dict) else None
    text = inner.get("text") if isinstance(inner, dict) else None
    return text if isinstance(text, str) else ""


class BedrockReader(Terminated):
    """Reads one stream; `metadata` after a stop reason is its proper end.

    Args:
        report: Makes the failure that an exception or a stop reason amounts to.
        model: The model that was asked for; the stream doesn't name it.
        wants_json: Whether the JSON tool's input is the answer.
    """

    def __init__(self, report: Report, model: str, *, wants_json: bool) -> None:
        self.complete = False
        self._report = report
        self._wants_json = wants_json
        self._head = {
            "id": f"chatcmpl-{time.time_ns():x}",
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": model,
        }
        self._calls: dict[int, int] = {}
        self._json: set[int] = set()
        self._stopped = False

    def event(self, data: bytes) -> list[Chunk]:
        """The chunks one event amounts to; events of unknown type amount to none.

        Raises:
            AttemptFailed: A malformed event, a missing field, or an exception.
        """
        ((kind, payload),) = parse_event(data).items()
        if kind.startswith("!"):
            said = payload if isinstance(payload, dict) else {}
            raise self._report({"__type": kind[1:], **said})
        if not isinstance(payload, dict):
            raise drifted("drift_fields", f"the event {kind!r} is no object")
        if kind == "contentBlockDelta":
            return self._delta(payload)
        if kind == "contentBlockStart":
            return self._block(payload)
        if kind == "messageStart":
            return [self._chunk({"role": "assistant", "content": ""})]
        if kind == "messageStop":
            finish = finish_reason(payload.get("stopReason"), self._report, calls=bool(self._calls))
            self._stopped = True
            chunk = self._chunk({}, finish)
            chunk["choices"][0] |= _full(payload)
            return [chunk]
        if kind == "metadata":
            if not self._stopped:
                raise fail(Meaning.TRANSIENT, "stream_cut", "metadata came before any stopReason")
            self.complete = True
            return [{**self._head, "choices": [], "usage": usage_from(payload.get("usage"))}]
        return []

    def _block(self, payload: dict[str, Any]) -> list[Chunk]:
        start, index = payload.get("start"), payload.get("contentBlockIndex")
        use = start.get("toolUse") if isinstance(start, dict) else None
        if use is None:
            return []
        if not isinstance(use, dict) or not isinstance(use.get("name"), str) or not isinstance(index, int):
            raise drifted("drift_fields", "contentBlockStart has a toolUse without `name`")
        if index in self._calls or index in self._json:
            raise drifted("repeated_event", f"content block {index} begins twice")
        if self._wants_json and use["name"] == JSON_TOOL:
            self._json.add(index)
            return []
        self._calls[index] = len(self._calls)
        function = {"name": use["name"], "arguments": ""}
        call = {"index": self._calls[index], "id": use.get("toolUseId", ""), "type": "function", "function": function}
        return [self._chunk({"tool_calls": [call]})]

    def _delta(self, payload: dict[str, Any]) -> list[Chunk]:
        delta, index = payload.get("delta"), payload.get("contentBlockIndex")
        if not isinstance(delta, dict) or not isinstance(index, int):
            raise drifted("drift_fields", "contentBlockDelta has no `delta` or no `contentBlockIndex`")
        if "text" in delta:
            if not isinstance(delta["text"], str):
                raise drifted("drift_fields", "a delta's `text` is no text")
            return [self._chunk({"content": delta["text"]})] if delta["text"] else []
        if "toolUse" in delta:
            return self._arguments(index, delta["toolUse"])
        if "reasoningContent" in delta:
            said = delta["reasoningContent"]
            text = said.get("text") if isinstance(said, dict) else None
            return [self._chunk({"reasoning_content": text})] if text else []
        if delta.keys() - {"citation"}:
            raise drifted("drift_fields", f"a delta holds only unknown fields: {sorted(delta)[:5]}")
        return []

    def _arguments(self, index: int, use: Any) -> list[Chunk]:
        piece = use.get("input") if isinstance(use, dict) else None
        if not isinstance(piece, str):
            raise drifted("drift_fields", "a toolUse delta has no `input`")
        if not piece:
            return []
        if index in self._json:
            return [self._chunk({"content": piece})]
        place = self._calls.get(index)
        if place is None:
            raise drifted("drift_fields", "a toolUse delta belongs to no toolUse block")
        return [self._chunk({"tool_calls": [{"index": place, "function": {"arguments": piece}}]})]

    def _chunk(self, delta: dict[str, Any], finish: str | None = None) -> Chunk:
        return {**self._head, "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]}
