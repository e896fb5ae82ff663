"""The OpenAI responses front, as a caller of a router speaks and hears it.

Wire facts: bodies and events as in the official SDK's types (openai 2.54, `types/responses`); how a stream is read
follows its `_streaming.py`: an ``error`` event raises, the stream ends with ``response.completed``,
``response.incomplete`` or ``response.failed``, and one that closes without any of them ends without an exception.
"""

from __future__ import annotations

from typing import Any

import orjson

from ...fakes.answer import ANSWER_SCHEMA, TOOL_NAME, Shape
from .front import FrameWriter, Front, Heard, StreamReader, room
from .openai_chat import error_name
from .sse import SseError, SseSplitter


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


class ResponsesStream(StreamReader):
    """Reads events until the response is over, an error, or an event that is no JSON."""

    __slots__ = ("_splitter",)

    def __init__(self) -> None:
        super().__init__()
        self._splitter = SseSplitter()

    def feed(self, data: bytes) -> None:
        """Take the next bytes; what follows the end is not looked at."""
        if self.over:
            return
        try:
            for event in self._splitter.feed(data):
                if event.startswith(b"[DONE]"):
                    continue  # some routers add chat's own end
                self._take(orjson.loads(event))
                if self.over:
                    return
        except (SseError, ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
            self.heard.malformed = f"malformed_event: {type(error).__name__}"
            self.over = True

    def close(self) -> None:
        """The body has ended; an unfinished event is dropped, as in the SDK."""

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
        headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        if api_key:
            headers["Authorization"] = f"Bearer {api_key}"
        return headers

    def writer(self, model: str, seed: int) -> ResponsesWriter:
        """A writer of requests for `model`."""
        return ResponsesWriter(model, seed)

    def stream_reader(self) -> ResponsesStream:
        """A reader for one stream."""
        return ResponsesStream()

    def read_body(self, body: bytes) -> Heard:
        """Understand a whole body. One that is no JSON object is `malformed`, its text kept as the answer's text."""
        try:
            return read_response(orjson.loads(body))
        except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
            malformed = f"malformed_body: {type(error).__name__}"
            return Heard(text=body.decode("utf-8", "replace"), malformed=malformed, ended=True)

    def read_error(self, status: int, body: bytes) -> str:
        """The code or type of OpenAI's envelope, ``{"error": {"message", "type", "param", "code"}}``."""
        try:
            return error_name(orjson.loads(body)["error"]) or f"http_{status}"
        except (ValueError, TypeError, KeyError):
            return f"http_{status}"


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
