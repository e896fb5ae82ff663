"""The OpenAI responses front, as a caller of a router speaks and hears it.

Wire facts: bodies and events as in the official SDK's types (openai 2.54, `types/responses`); how a stream is read
follows its `_streaming.py`: an ``error`` event raises, the stream ends with ``response.completed``,
``response.incomplete`` or ``response.failed``, and one that closes without any of them ends without an exception.
"""

from __future__ import annotations

from typing import Any

import orjson

from ...fakes.answer import ANSWER_SCHEMA, TOOL_NAME, Shape
from .front import FrameWriter, Front, Heard, SseReader, error_name, json_headers, room


class ResponsesWriter(FrameWriter):
    """Renders each shape once, with a hole for the prompt."""

    def request(self, shape: Shape, words: int, *, stream: bool) -> dict[str, Any]:
        """The request's object; the hole stands for the prompt."""
        request: dict[str, Any] = {
            "model": self.model,
            "instructions": "You answer in short.",
            "input": [{"role": "user", "content": self.hole}],
            "max_output_tokens": room(words),
        }
        if stream:
            request["stream"] = True
        if shape is Shape.JSON:
            form = {"type": "json_schema", "name": "answer", "strict": True, "schema": ANSWER_SCHEMA}
            request["text"] = {"format": form}
        elif shape is Shape.TOOL:
            request["tools"] = [
                {
                    "type": "function",
                    "name": TOOL_NAME,
                    "description": "Record the answer.",
                    "parameters": ANSWER_SCHEMA,
                    "strict": True,
                }
            ]
            request["tool_choice"] = {"type": "function", "name": TOOL_NAME}
        return request


class ResponsesStream(SseReader):
    """Reads events until the response is over, an error, or an event that is no JSON."""

    __slots__ = ()

    def take(self, event: bytes) -> None:
        """Take an event's data. Some routers add chat's own end, which means nothing here."""
        if not event.startswith(b"[DONE]"):
            self._take(orjson.loads(event))

    def _take(self, event: dict[str, Any]) -> None:
        heard = self.heard
        match event.get("type"):
            case "response.output_text.delta":
                heard.text += event["delta"]
                self.first = True
            case "response.function_call_arguments.delta":
                heard.arguments += event["delta"]
                self.first = True
            case "response.output_item.added":
                item = event.get("item") or {}
                if item.get("type") == "function_call" and heard.tool is None:
                    heard.tool = item.get("name")
            case "response.completed" | "response.incomplete" | "response.failed":
                whole = read_response(event["response"])
                heard.model, heard.output_tokens = whole.model, whole.output_tokens
                heard.finish, heard.error, heard.ended = whole.finish, whole.error, whole.error is None
                self.over = True
            case "error":
                heard.error = error_name(event) or "error"
                self.over = True
            case _:
                pass


class OpenAIResponses(Front):
    """POST /responses."""

    name = "openai_responses"
    path = "/responses"

    def headers(self, api_key: str | None) -> dict[str, str]:
        """JSON both ways, and a bearer key if there is one."""
        return json_headers(api_key)

    def writer(self, model: str, seed: int) -> ResponsesWriter:
        """A writer of requests for `model`."""
        return ResponsesWriter(model, seed)

    def stream_reader(self) -> ResponsesStream:
        """A reader for one stream."""
        return ResponsesStream()

    def read(self, body: Any) -> Heard:
        """Understand a response's object."""
        return read_response(body)


def read_response(body: dict[str, Any]) -> Heard:
    """Understand a response's object; a missing field reads as nothing, as in the SDK, which validates nothing."""
    heard = Heard(model=body.get("model"), ended=True)
    if error := body.get("error"):
        heard.error = error_name(error) or "error"
    heard.output_tokens = (body.get("usage") or {}).get("output_tokens")
    if body.get("status") == "incomplete":
        reason = (body.get("incomplete_details") or {}).get("reason")
        heard.finish = "length" if reason == "max_output_tokens" else reason
    else:
        heard.finish = body.get("status")
    for item in body.get("output") or ():
        if item.get("type") == "function_call":
            heard.tool = heard.tool or item.get("name")
            heard.arguments += item.get("arguments") or ""
        for part in item.get("content") or ():
            if isinstance(text := part.get("text"), str):
                heard.text += text
    return heard


FRONT = OpenAIResponses()
