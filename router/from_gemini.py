"""From Gemini's candidates, plain and streamed, to OpenAI completions and chunks."""

from __future__ import annotations

import time
from typing import Any

import orjson

from .errors import Meaning, fail
from .messages import Chunk
from .stream_reader import Report, parse_event
from .validate import drifted

_KEPT_BACK = frozenset(
    {
        "SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "MODEL_ARMOR", "IMAGE_SAFETY",
        "IMAGE_PROHIBITED_CONTENT", "JAILBREAK", "ESCALATION",
    }
)  # fmt: skip
_FAILED = frozenset(
    {
        "MALFORMED_FUNCTION_CALL", "MALFORMED_RESPONSE", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS",
        "MISSING_THOUGHT_SIGNATURE", "PUP_LIMITED_DISABLED",
    }
)  # fmt: skip
"""Finish reasons that are failures: they are looked up in the failure table."""


def finish_reason(reason: str, *, calls: bool) -> str:
    """OpenAI's word for a finish reason; unknown ones, which come every year, end an answer like `STOP`."""
    if reason == "MAX_TOKENS":
        return "length"
    if reason in _KEPT_BACK:
        return "content_filter"
    return "tool_calls" if calls else "stop"


def usage_from(usage: Any) -> dict[str, Any] | None:
    """OpenAI's usage: its completion tokens include what was thought, Gemini's candidates don't."""
    if not isinstance(usage, dict):
        return None
    prompt = _count(usage, "promptTokenCount") + _count(usage, "toolUsePromptTokenCount")
    thoughts = _count(usage, "thoughtsTokenCount")
    completion = _count(usage, "candidatesTokenCount") + thoughts
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": _count(usage, "cachedContentTokenCount")},
        "completion_tokens_details": {"reasoning_tokens": thoughts},
    }


def _count(usage: dict[str, Any], name: str) -> int:
    value = usage.get(name)
    return value if isinstance(value, int) else 0


class _Parts:
    """What the parts of one answer or chunk amount to."""

    def __init__(self, parts: Any, first_call: int, response_id: str) -> None:
        self.text, self.thoughts = "", ""
        self.calls: list[dict[str, Any]] = []
        if parts is None:
            return
        if not isinstance(parts, list) or any(not isinstance(part, dict) for part in parts):
            raise drifted("drift_fields", "`content.parts` is no list of objects")
        for part in parts:
            if "functionCall" in part:
                self._call(part, first_call + len(self.calls), response_id)
            elif isinstance(part.get("text"), str):
                if part.get("thought"):
                    self.thoughts += part["text"]
                else:
                    self.text += part["text"]
            elif part.keys().isdisjoint({"inlineData", "executableCode", "codeExecutionResult", "thoughtSignature"}):
                raise drifted("drift_fields", f"a part holds only unknown fields: {sorted(part)[:5]}")

    def _call(self, part: dict[str, Any], place: int, response_id: str) -> None:
        call = part["functionCall"]
        if not isinstance(call, dict) or not isinstance(call.get("name"), str):
            raise drifted("drift_fields", "a functionCall has no `name`")
        if not isinstance(call.get("args", {}), dict):
            raise drifted("drift_fields", "a functionCall's `args` is no object")
        made = {
            "id": call.get("id") or f"call_{response_id}_{place}",
            "type": "function",
            "function": {"name": call["name"], "arguments": orjson.dumps(call.get("args") or {}).decode()},
        }
        if part.get("thoughtSignature"):
            # It has to come back with the call; a caller that keeps the message as it is sends it.
            made["thought_signature"] = part["thoughtSignature"]
        self.calls.append(made)


def completion_from(payload: dict[str, Any], report: Report) -> dict[str, Any]:
    """Translate a plain answer.

    Args:
        payload: The answer.
        report: Makes the failure that a finish reason amounts to.

    Raises:
        AttemptFailed: It isn't one.
    """
    candidate = _candidate(payload)
    reason = _reason(candidate, report)
    if not reason:
        raise drifted("drift_fields", "`finishReason` is missing")
    read = _Parts(_content(candidate).get("parts"), 0, str(payload.get("responseId", "")))
    answer: dict[str, Any] = {"role": "assistant", "content": read.text or None, "refusal": None}
    if read.thoughts:
        answer["reasoning_content"] = read.thoughts
    if read.calls:
        answer["tool_calls"] = read.calls
    if reason in _KEPT_BACK and not read.text:
        answer["refusal"] = f"The answer was kept back: {reason}"
    finish = finish_reason(reason, calls=bool(read.calls))
    return {
        "id": f"chatcmpl-{payload.get('responseId', '')}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": payload.get("modelVersion") or "",
        "choices": [{"index": 0, "message": answer, "logprobs": None, "finish_reason": finish}],
        "usage": usage_from(payload.get("usageMetadata")),
    }


def _candidate(payload: dict[str, Any]) -> dict[str, Any]:
    """The first candidate; a prompt that was blocked has none, and is an answer that was kept back."""
    candidates = payload.get("candidates")
    if isinstance(candidates, list) and candidates and isinstance(candidates[0], dict):
        return candidates[0]
    feedback = payload.get("promptFeedback")
    if isinstance(feedback, dict) and isinstance(feedback.get("blockReason"), str):
        blocked = feedback["blockReason"]
        return {"finishReason": blocked if blocked in _KEPT_BACK else "SAFETY"}
    raise drifted("drift_fields", "`candidates` is missing or empty")


def _content(candidate: dict[str, Any]) -> dict[str, Any]:
    content = candidate.get("content", {})
    if not isinstance(content, dict):
        raise drifted("drift_fields", "`content` is no object")
    return content


def _reason(candidate: dict[str, Any], report: Report) -> str:
    reason = candidate.get("finishReason")
    if reason in _FAILED:
        raise report(
            {"error": {"status": reason, "message": candidate.get("finishMessage") or f"finishReason {reason}"}}
        )
    return reason if isinstance(reason, str) else ""


class GeminiReader:
    """Reads one stream. It has no terminator: the proper end is the body's, after a chunk with a finish reason.

    Older models say STOP with every chunk, so the last one counts.

    Args:
        report: Makes the failure that an error event or a finish reason amounts to.
    """

    def __init__(self, report: Report) -> None:
        self.complete = False
        self._report = report
        self._head: dict[str, Any] = {}
        self._reason = ""
        self._calls = 0
        self._usage: dict[str, Any] | None = None

    def event(self, data: bytes) -> list[Chunk]:
        """The chunks one event amounts to.

        Raises:
            AttemptFailed: A malformed event, a missing field, or an error event.
        """
        event = parse_event(data)
        if event.get("error"):
            raise self._report(event)
        chunks = self._begin(event)
        if isinstance(event.get("usageMetadata"), dict):
            self._usage = event["usageMetadata"]
        if "candidates" not in event and "promptFeedback" not in event:
            if "usageMetadata" not in event:
                raise drifted("drift_fields", "an event has neither `candidates` nor `usageMetadata`")
            return chunks
        candidate = _candidate(event)
        self._reason = _reason(candidate, self._report) or self._reason
        read = _Parts(_content(candidate).get("parts"), self._calls, str(event.get("responseId", "")))
        if read.thoughts:
            chunks.append(self._chunk({"reasoning_content": read.thoughts}))
        if read.text:
            chunks.append(self._chunk({"content": read.text}))
        if read.calls:
            calls = [{"index": self._calls + place, **call} for place, call in enumerate(read.calls)]
            self._calls += len(calls)
            chunks.append(self._chunk({"tool_calls": calls}))
        return chunks

    def ended(self) -> list[Chunk]:
        """The end of the body: finish reason and counts.

        Raises:
            AttemptFailed: No chunk had a finish reason, so the stream was cut.
        """
        if not self._reason:
            raise fail(Meaning.TRANSIENT, "stream_cut", "the stream ended without a finishReason")
        self.complete = True
        finish = finish_reason(self._reason, calls=self._calls > 0)
        usage = {**self._head, "choices": [], "usage": usage_from(self._usage)}
        return [self._chunk({}, finish), usage]

    def counted(self) -> dict[str, Any] | None:
        """The count so far; each event has one."""
        return usage_from(self._usage)

    def _begin(self, event: dict[str, Any]) -> list[Chunk]:
        if self._head:
            return []
        self._head = {
            "id": f"chatcmpl-{event.get('responseId', '')}",
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": event.get("modelVersion") or "",
        }
        return [self._chunk({"role": "assistant", "content": ""})]

    def _chunk(self, delta: dict[str, Any], finish: str | None = None) -> Chunk:
        return {**self._head, "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]}
