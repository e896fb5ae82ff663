"""The Anthropic messages front, as a caller of a router speaks and hears it.

Wire facts: bodies and events as in the official SDK's types (anthropic 0.125, `types/message.py`,
`types/raw_message_stream_event.py`); how a stream is read follows its `_streaming.py`: an ``error`` event raises,
``message_stop`` is the end, unknown events and ``ping`` are passed over, and a stream that closes without
``message_stop`` ends without an exception.
"""

from __future__ import annotations

import json
from typing import Any, Final

import orjson

from ...fakes.answer import ANSWER_SCHEMA, TOOL_NAME, Shape
from .front import FrameWriter, Front, Heard, SseReader, error_name, json_headers, room

VERSION: Final = "2023-06-01"
"""The API's version, which every request names."""
FINISH: Final = {"max_tokens": "length", "model_context_window_exceeded": "length"}
"""Stop reasons that mean a cut, by the word that verdicts know."""
NAMES: Final = ("type", "code")
"""Where an error object's name stands."""


class AnthropicWriter(FrameWriter):
    """Renders each shape once, with a hole for the prompt."""

    def request(self, shape: Shape, words: int, *, stream: bool) -> dict[str, Any]:
        """The request's object; the hole stands for the prompt."""
        request: dict[str, Any] = {
            "model": self.model,
            "max_tokens": room(words),
            "system": "You answer in short.",
            "messages": [{"role": "user", "content": self.hole}],
        }
        if stream:
            request["stream"] = True
        if shape is Shape.JSON:
            request["output_config"] = {"format": {"type": "json_schema", "schema": ANSWER_SCHEMA}}
        elif shape is Shape.TOOL:
            request["tools"] = [{"name": TOOL_NAME, "description": "Record the answer.", "input_schema": ANSWER_SCHEMA}]
            request["tool_choice"] = {"type": "tool", "name": TOOL_NAME}
        return request


class AnthropicStream(SseReader):
    """Reads events until ``message_stop``, an ``error``, or one that is no JSON."""

    __slots__ = ()

    def take(self, event: bytes) -> None:
        """Take an event's data."""
        self._take(orjson.loads(event))

    def _take(self, event: dict[str, Any]) -> None:
        heard = self.heard
        match event.get("type"):
            case "message_start":
                heard.model = event["message"].get("model")
            case "content_block_start":
                self._begin(event.get("content_block") or {})
            case "content_block_delta":
                self._delta(event.get("delta") or {})
            case "message_delta":
                if reason := (event.get("delta") or {}).get("stop_reason"):
                    heard.finish = FINISH.get(reason, reason)
                heard.output_tokens = (event.get("usage") or {}).get("output_tokens", heard.output_tokens)
            case "message_stop":
                self.over = True
                heard.ended = heard.finish is not None
            case "error":
                heard.error = error_name(event.get("error"), NAMES) or "error"
                self.over = True
            case _:
                pass

    def _begin(self, block: dict[str, Any]) -> None:
        if block.get("type") == "tool_use" and self.heard.tool is None:
            self.heard.tool = block.get("name")
        elif text := block.get("text"):
            self.heard.text += text
            self.first = True

    def _delta(self, delta: dict[str, Any]) -> None:
        if text := delta.get("text"):
            self.heard.text += text
            self.first = True
        elif piece := delta.get("partial_json"):
            self.heard.arguments += piece
            self.first = True


class AnthropicMessages(Front):
    """POST /messages, below a base URL that ends in ``/v1``."""

    name = "anthropic_messages"
    path = "/messages"
    error_keys = NAMES

    def headers(self, api_key: str | None) -> dict[str, str]:
        """JSON both ways, the API's version, and the key if there is one."""
        headers = json_headers(None) | {"anthropic-version": VERSION}
        if api_key:
            headers["x-api-key"] = api_key
        return headers

    def writer(self, model: str, seed: int) -> AnthropicWriter:
        """A writer of requests for `model`."""
        return AnthropicWriter(model, seed)

    def stream_reader(self) -> AnthropicStream:
        """A reader for one stream."""
        return AnthropicStream()

    def read(self, body: Any) -> Heard:
        """Understand a message's object."""
        return read_message(body)


def read_message(body: dict[str, Any]) -> Heard:
    """Understand a message's object; a missing field reads as nothing, as in the SDK, which validates nothing."""
    heard = Heard(model=body.get("model"), ended=True)
    if body.get("type") == "error" or body.get("error"):
        heard.error = error_name(body.get("error"), NAMES) or "error"
    heard.output_tokens = (body.get("usage") or {}).get("output_tokens")
    reason = body.get("stop_reason")
    heard.finish = FINISH.get(reason, reason) if isinstance(reason, str) else None
    for block in body.get("content") or ():
        if block.get("type") == "tool_use":
            heard.tool = heard.tool or block.get("name")
            heard.arguments += json.dumps(block.get("input") or {})
        elif isinstance(text := block.get("text"), str):
            heard.text += text
    return heard


FRONT = AnthropicMessages()
