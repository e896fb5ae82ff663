"""OpenAI's Responses, plain and streamed, from the router's completions and chunks."""

from __future__ import annotations

import time
import uuid
from typing import Any

import orjson

from ..errors import StreamInterrupted
from ..messages import Chunk, LLMResponse
from .base import event

_ECHOED = ("instructions", "max_output_tokens", "metadata", "temperature", "top_p", "tools", "tool_choice", "user")
_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}


def response_from(asked: dict[str, Any], response: LLMResponse) -> bytes:
    """A whole answer."""
    said = response.body["choices"][0]["message"]
    output: list[dict[str, Any]] = []
    if said.get("content") or said.get("refusal"):
        output.append(_message(_id("msg"), [_part(said.get("content"), said.get("refusal"))], "completed"))
    for call in said.get("tool_calls") or ():
        function = call["function"]
        output.append(
            _call(_id("fc"), call.get("id", ""), function["name"], function.get("arguments") or "", "completed")
        )
    made = Answer(asked, response.model)
    return orjson.dumps(made.ended(output, response.finish_reason, response.body.get("usage")))


def _part(text: Any, refusal: Any) -> dict[str, Any]:
    if text:
        return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    return {"type": "refusal", "refusal": refusal}


def _message(name: str, content: list[dict[str, Any]], status: str) -> dict[str, Any]:
    return {"type": "message", "id": name, "status": status, "role": "assistant", "content": content}


def _call(name: str, call_id: str, tool: str, arguments: str, status: str) -> dict[str, Any]:
    return {
        "type": "function_call",
        "id": name,
        "call_id": call_id,
        "name": tool,
        "arguments": arguments,
        "status": status,
    }


def _id(prefix: str) -> str:
    return f"{prefix}_{uuid.uuid4().hex}"


def usage_from(usage: Any) -> dict[str, Any] | None:
    """The Responses API's names for the counts."""
    if not isinstance(usage, dict):
        return None
    inside, outside = usage.get("prompt_tokens_details"), usage.get("completion_tokens_details")
    cached = inside.get("cached_tokens") if isinstance(inside, dict) else 0
    reasoning = outside.get("reasoning_tokens") if isinstance(outside, dict) else 0
    spent_in, spent_out = usage.get("prompt_tokens") or 0, usage.get("completion_tokens") or 0
    return {
        "input_tokens": spent_in,
        "input_tokens_details": {"cached_tokens": cached or 0},
        "output_tokens": spent_out,
        "output_tokens_details": {"reasoning_tokens": reasoning or 0},
        "total_tokens": spent_in + spent_out,
    }


class Answer:
    """The response object, at its beginning and at its end.

    Args:
        asked: The caller's body, parts of which it repeats.
        model: The model that answers.
    """

    def __init__(self, asked: dict[str, Any], model: str) -> None:
        defaults = {"tools": [], "tool_choice": "auto", "metadata": {}, "temperature": 1.0, "top_p": 1.0}
        echoed = {name: asked.get(name) if asked.get(name) is not None else defaults.get(name) for name in _ECHOED}
        parallel = asked.get("parallel_tool_calls")
        self._body = {
            "id": _id("resp"),
            "object": "response",
            "created_at": int(time.time()),
            "error": None,
            "incomplete_details": None,
            "model": model,
            **echoed,
            "parallel_tool_calls": True if parallel is None else parallel,
            "previous_response_id": None,
            "reasoning": {"effort": None, "summary": None},
            "store": False,
            "text": asked.get("text") or {"format": {"type": "text"}},
            "truncation": "disabled",
        }

    def begun(self) -> dict[str, Any]:
        """Before its first word."""
        return {**self._body, "status": "in_progress", "output": [], "usage": None}

    def ended(self, output: list[dict[str, Any]], finish: str | None, usage: Any) -> dict[str, Any]:
        """After its last."""
        reason = _INCOMPLETE.get(finish or "")
        details = {"incomplete_details": {"reason": reason}} if reason else {}
        status = "incomplete" if reason else "completed"
        return {**self._body, **details, "status": status, "output": output, "usage": usage_from(usage)}

    def failed(self, output: list[dict[str, Any]], error: dict[str, Any]) -> dict[str, Any]:
        """Broken off."""
        return {**self._body, "status": "failed", "error": error, "output": output, "usage": None}


class _Item:
    """One item of the output, while it grows."""

    def __init__(self, place: int, kind: str, call: dict[str, Any] | None = None) -> None:
        self.place, self.kind = place, kind
        self.name = _id("fc" if kind == "call" else "msg")
        self.pieces: list[str] = []
        function = (call or {}).get("function") or {}
        self.call_id, self.tool = (call or {}).get("id") or _id("call"), function.get("name") or ""

    @property
    def whole(self) -> str:
        return "".join(self.pieces)

    def item(self, status: str) -> dict[str, Any]:
        if self.kind == "call":
            return _call(self.name, self.call_id, self.tool, self.whole, status)
        return _message(self.name, [self.part()] if status == "completed" else [], status)

    def part(self) -> dict[str, Any]:
        return {"type": "output_text", "text": self.whole, "annotations": [], "logprobs": []}


class ResponsesWriter:
    """Writes one stream.

    Args:
        asked: The caller's body.
    """

    def __init__(self, asked: dict[str, Any]) -> None:
        self._asked = asked
        self._answer: Answer | None = None
        self._number = 0
        self._done: list[dict[str, Any]] = []
        self._item: _Item | None = None
        self._call = -1
        self._finish: str | None = None
        self._usage: Any = None

    def write(self, chunks: list[Chunk]) -> bytes:
        """The events that these chunks amount to."""
        parts: list[bytes] = []
        for chunk in chunks:
            if self._answer is None:
                parts += self._begin(str(chunk.get("model") or ""))
            self._usage = chunk.get("usage") or self._usage
            for choice in chunk.get("choices") or ():
                delta = choice.get("delta") or {}
                text = delta.get("content") or delta.get("refusal")
                if text:
                    parts += self._text(text)
                for call in delta.get("tool_calls") or ():
                    parts += self._arguments(call)
                self._finish = choice.get("finish_reason") or self._finish
        return b"".join(parts)

    def _begin(self, model: str) -> list[bytes]:
        self._answer = Answer(self._asked, model)
        body = self._answer.begun()
        return [self._say("response.created", response=body), self._say("response.in_progress", response=body)]

    def _text(self, text: str) -> list[bytes]:
        parts: list[bytes] = []
        item = self._item
        if item is None or item.kind != "text":
            parts += self._close()
            item = self._item = _Item(len(self._done), "text")
            parts.append(
                self._say("response.output_item.added", output_index=item.place, item=item.item("in_progress"))
            )
            parts.append(self._say("response.content_part.added", **self._where(item), part=item.part()))
        item.pieces.append(text)
        parts.append(self._say("response.output_text.delta", **self._where(item), delta=text, logprobs=[]))
        return parts

    def _arguments(self, call: dict[str, Any]) -> list[bytes]:
        parts: list[bytes] = []
        item, place = self._item, call.get("index", 0)
        if item is None or item.kind != "call" or self._call != place:
            parts += self._close()
            self._call = place
            item = self._item = _Item(len(self._done), "call", call)
            parts.append(
                self._say("response.output_item.added", output_index=item.place, item=item.item("in_progress"))
            )
        piece = (call.get("function") or {}).get("arguments")
        if piece:
            item.pieces.append(piece)
            at = {"item_id": item.name, "output_index": item.place}
            parts.append(self._say("response.function_call_arguments.delta", **at, delta=piece))
        return parts

    def _where(self, item: _Item) -> dict[str, Any]:
        return {"item_id": item.name, "output_index": item.place, "content_index": 0}

    def _close(self) -> list[bytes]:
        item, self._item = self._item, None
        if item is None:
            return []
        done = item.item("completed")
        self._done.append(done)
        if item.kind == "call":
            at = {"item_id": item.name, "output_index": item.place, "name": item.tool}
            ending = [self._say("response.function_call_arguments.done", **at, arguments=item.whole)]
        else:
            where = self._where(item)
            ending = [
                self._say("response.output_text.done", **where, text=item.whole, logprobs=[]),
                self._say("response.content_part.done", **where, part=item.part()),
            ]
        return [*ending, self._say("response.output_item.done", output_index=item.place, item=done)]

    def _say(self, kind: str, **members: Any) -> bytes:
        made = event({"type": kind, **members, "sequence_number": self._number}, kind)
        self._number += 1
        return made

    def end(self) -> bytes:
        """The whole response once more, in its last event."""
        parts = [] if self._answer is not None else self._begin("")
        parts += self._close()
        answer = self._answer or Answer(self._asked, "")
        body = answer.ended(self._done, self._finish, self._usage)
        parts.append(self._say(f"response.{body['status']}", response=body))
        return b"".join(parts)

    def broken(self, error: StreamInterrupted) -> bytes:
        """An error event and `response.failed`, as the vendor sends them."""
        said = {"type": "server_error", "code": "server_error", "message": str(error), "param": None}
        failed = {"code": "server_error", "message": str(error)}
        answer = self._answer or Answer(self._asked, "")
        return self._say("error", error=said) + self._say("response.failed", response=answer.failed(self._done, failed))
