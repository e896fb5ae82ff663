"""The OpenAI chat-completions front, as a caller of a router speaks and hears it.

Wire facts: bodies, chunks and finish reasons as in the official SDK's types (openai 2.54, `types/chat`); how a stream
is read follows its `_streaming.py`: the content type is not looked at, a chunk with a truthy ``error`` raises,
``[DONE]`` ends the stream and a stream that closes without it ends without an exception.
"""

from __future__ import annotations

import json
from typing import Any

import orjson

from ...fakes.answer import ANSWER_SCHEMA, TOOL_NAME, Shape
from .front import FrameWriter, Front, Heard, SseReader, error_name, json_headers, room


class OpenAIChatWriter(FrameWriter):
    """Renders each shape once, with a hole for the prompt."""

    def request(self, shape: Shape, words: int, *, stream: bool) -> dict[str, Any]:
        """The request's object; the hole stands for the prompt."""
        request: dict[str, Any] = {
            "model": self.model,
            "messages": [
                {"role": "system", "content": "You answer in short."},
                {"role": "user", "content": self.hole},
            ],
            "max_tokens": room(words),
        }
        if stream:
            request |= {"stream": True, "stream_options": {"include_usage": True}}
        if shape is Shape.JSON:
            schema = {"name": "answer", "strict": True, "schema": ANSWER_SCHEMA}
            request["response_format"] = {"type": "json_schema", "json_schema": schema}
        elif shape is Shape.TOOL:
            function = {"name": TOOL_NAME, "description": "Record the answer.", "parameters": ANSWER_SCHEMA}
            request["tools"] = [{"type": "function", "function": function}]
            request["tool_choice"] = {"type": "function", "function": {"name": TOOL_NAME}}
        return request


class OpenAIChatStream(SseReader):
    """Reads ``data:`` chunks until ``[DONE]``, an error object, or a chunk that is no JSON."""

    __slots__ = ()

    def take(self, event: bytes) -> None:
        """Take an event's data."""
        if event.startswith(b"[DONE]"):
            self._end()
            return
        self.take_chunk(orjson.loads(event))

    def close(self) -> None:
        """The body has ended. A ``[DONE]`` without its blank line counts; any other unfinished event is dropped."""
        if not self.over and self.splitter.leftover() == b"[DONE]":
            self._end()

    def take_chunk(self, chunk: dict[str, Any]) -> None:
        """Take a chunk's object."""
        heard = self.heard
        if error := chunk.get("error"):
            heard.error = error_name(error) or "error"
            self.over = True
            return
        if usage := chunk.get("usage"):
            heard.output_tokens = usage.get("completion_tokens")
        if heard.model is None:
            heard.model = chunk.get("model")
        choices = chunk.get("choices")
        if choices:
            self._delta(choices[0])

    def _delta(self, choice: dict[str, Any]) -> None:
        heard = self.heard
        delta = choice.get("delta") or {}
        if content := delta.get("content"):
            heard.text += content
            self.first = True
        for call in delta.get("tool_calls") or ():
            function = call.get("function") or {}
            if heard.tool is None:
                heard.tool = function.get("name")
            if piece := function.get("arguments"):
                heard.arguments += piece
                self.first = True
        if reason := choice.get("finish_reason"):
            heard.finish = reason

    def _end(self) -> None:
        self.over = True
        self.heard.ended = self.heard.finish is not None


class OpenAIChat(Front):
    """POST /chat/completions."""

    name = "openai_chat"
    path = "/chat/completions"

    def headers(self, api_key: str | None) -> dict[str, str]:
        """JSON both ways, and a bearer key if there is one."""
        return json_headers(api_key)

    def writer(self, model: str, seed: int) -> OpenAIChatWriter:
        """A writer of requests for `model`."""
        return OpenAIChatWriter(model, seed)

    def stream_reader(self) -> OpenAIChatStream:
        """A reader for one stream."""
        return OpenAIChatStream()

    def read(self, body: Any) -> Heard:
        """Understand a completion's object."""
        return read_completion(body)


def read_completion(body: dict[str, Any]) -> Heard:
    """Understand a chat completion's object.

    A missing or renamed field reads as null, as in the SDK, which validates nothing: that is how a drifted answer
    comes through to a program.
    """
    heard = Heard(model=body.get("model"), ended=True)
    if error := body.get("error"):
        heard.error = error_name(error) or "error"
    heard.output_tokens = (body.get("usage") or {}).get("completion_tokens")
    choices = body.get("choices")
    if not choices:
        return heard
    heard.finish = choices[0].get("finish_reason")
    message = choices[0].get("message") or {}
    content = message.get("content")
    heard.text = content if isinstance(content, str) else "" if content is None else json.dumps(content)
    for call in message.get("tool_calls") or ():
        function = call.get("function") or {}
        heard.tool = heard.tool or function.get("name")
        heard.arguments += function.get("arguments") or ""
    return heard


FRONT = OpenAIChat()
