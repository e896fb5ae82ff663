"""A call as a command that asks a router the same again: the same front, shape, limit and mark, and no key.

What surrounds the mark (a sentence or two of filler) carries nothing and is left out. A test holds the bodies against
those that the load generator sends.
"""

from __future__ import annotations

import json
import shlex
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

BASE_URL: Final = "http://127.0.0.1:8080/v1"
"""Where a router is asked when the run does not say: what `--target` is by default."""
KEY: Final = "ROUTER_API_KEY"
"""Environment variable that the command takes the router's key from."""
CHAT: Final = "openai_chat"
"""The front of a run that names none."""
_TOOL: Final = "record_answer"
_TOLD: Final = "Record the answer."
_SYSTEM: Final = "You answer in short."
_SCHEMA: Final = {
    "type": "object",
    "properties": {"answer": {"type": "string"}, "length": {"type": "integer"}},
    "required": ["answer", "length"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A call as its caller made it: `words` is the length of the answer, `shape` text, json or tool."""

    run: str
    call: int
    shape: str
    words: int
    stream: bool
    front: str = CHAT

    @property
    def mark(self) -> str:
        """The watermark that the prompt carried, as `banstorm.fakes.answer` writes it."""
        head = f"banstorm.{self.run}.{self.call}.{self.shape}.{self.words}"
        return f"[[{head}.{zlib.crc32(head.encode()):08x}]]"

    @property
    def room(self) -> int:
        """The output limit of the request, in tokens: four a word, and what surrounds them."""
        return 4 * self.words + 64


def curl(asked: Asked, url: str | None, model: str | None) -> str:
    """The command; the key stays in an environment variable."""
    path, headers, write = _FRONTS.get(asked.front, _FRONTS[CHAT])
    words = ["curl", "-sSN" if asked.stream else "-sS", shlex.quote((url or BASE_URL).rstrip("/") + path)]
    for header in ("content-type: application/json", *headers):
        # A header with the key is for the shell to fill in.
        words += ["-H", f'"{header}"' if "$" in header else shlex.quote(header)]
    words += ["-d", shlex.quote(json.dumps(write(asked, model or "banstorm")))]
    return " ".join(words)


def chat(asked: Asked, model: str) -> dict[str, Any]:
    """The body of POST /chat/completions."""
    messages = [{"role": "system", "content": _SYSTEM}, {"role": "user", "content": asked.mark}]
    body: dict[str, Any] = {"model": model, "messages": messages, "max_tokens": asked.room}
    if asked.stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    if asked.shape == "json":
        schema = {"name": "answer", "strict": True, "schema": _SCHEMA}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    elif asked.shape == "tool":
        function = {"name": _TOOL, "description": _TOLD, "parameters": _SCHEMA}
        body["tools"] = [{"type": "function", "function": function}]
        body["tool_choice"] = {"type": "function", "function": {"name": _TOOL}}
    return body


def messages(asked: Asked, model: str) -> dict[str, Any]:
    """The body of POST /messages."""
    said = [{"role": "user", "content": asked.mark}]
    body: dict[str, Any] = {"model": model, "max_tokens": asked.room, "system": _SYSTEM, "messages": said}
    if asked.stream:
        body["stream"] = True
    if asked.shape == "json":
        body["output_config"] = {"format": {"type": "json_schema", "schema": _SCHEMA}}
    elif asked.shape == "tool":
        body["tools"] = [{"name": _TOOL, "description": _TOLD, "input_schema": _SCHEMA}]
        body["tool_choice"] = {"type": "tool", "name": _TOOL}
    return body


def responses(asked: Asked, model: str) -> dict[str, Any]:
    """The body of POST /responses."""
    said = [{"role": "user", "content": asked.mark}]
    body: dict[str, Any] = {"model": model, "instructions": _SYSTEM, "input": said, "max_output_tokens": asked.room}
    if asked.stream:
        body["stream"] = True
    if asked.shape == "json":
        form = {"type": "json_schema", "name": "answer", "strict": True, "schema": _SCHEMA}
        body["text"] = {"format": form}
    elif asked.shape == "tool":
        tool = {"type": "function", "name": _TOOL, "description": _TOLD, "parameters": _SCHEMA, "strict": True}
        body |= {"tools": [tool], "tool_choice": {"type": "function", "name": _TOOL}}
    return body


_BEARER: Final = f"authorization: Bearer ${KEY}"
_FRONTS: Final[dict[str, tuple[str, tuple[str, ...], Callable[[Asked, str], dict[str, Any]]]]] = {
    CHAT: ("/chat/completions", (_BEARER,), chat),
    "anthropic_messages": ("/messages", ("anthropic-version: 2023-06-01", f"x-api-key: ${KEY}"), messages),
    "openai_responses": ("/responses", (_BEARER,), responses),
}
