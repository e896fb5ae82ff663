"""From an Anthropic messages body to a chat completions body, for providers that don't speak Anthropic's dialect.

The caller's own body goes along as it is (`Native`), so an Anthropic provider loses nothing. For the others `lost`
names what was left out, and `only` what can't be left out without changing the question.
"""

from __future__ import annotations

from typing import Any

import orjson

from ..read_chat import left_out
from .base import check_text, rejected

_ONLY = ("container", "mcp_servers")
"""Parameters without which the question would be another."""
_READ = frozenset(
    {"model", "messages", "system", "max_tokens", "stream", "temperature", "top_p", "stop_sequences", "metadata",
     "tools", "tool_choice", "output_config", "output_format", *_ONLY}
)  # fmt: skip
"""Parameters that are read; any other is left out and told."""
_RESULT_SAID = "tool_result"


class Chat:
    """The translation.

    Args:
        body: The caller's messages body.

    Attributes:
        body: The chat completions body.
        lost: Names of what is left out.
        only: What no other dialect can express; empty if all of it can.

    Raises:
        RequestRejected: A member that is needed is missing or has the wrong type.
    """

    def __init__(self, body: dict[str, Any]) -> None:
        self.lost = left_out(body, _READ)
        self.only = next((name for name in _ONLY if body.get(name)), "")
        messages = body.get("messages")
        if not isinstance(messages, list) or not messages:
            raise rejected("messages: at least one message is required", "messages")
        made = self._system(body.get("system"))
        for place, message in enumerate(messages):
            made += self._message(message, f"messages.{place}")
        self.body: dict[str, Any] = {"model": body.get("model", ""), "messages": made}
        limit = body.get("max_tokens")
        if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
            raise rejected("max_tokens: a positive number is required", "max_tokens")
        self.body["max_tokens"] = limit
        for name, there in (("temperature", "temperature"), ("top_p", "top_p"), ("stop_sequences", "stop")):
            if body.get(name) is not None:
                self.body[there] = body[name]
        user = (body.get("metadata") or {}).get("user_id") if isinstance(body.get("metadata"), dict) else None
        if user:
            self.body["user"] = user
        self._tools(body)
        self._form(body)

    def _system(self, system: Any) -> list[dict[str, Any]]:
        if not system:
            return []
        if isinstance(system, str):
            return [{"role": "system", "content": system}]
        return [{"role": "system", "content": self._parts(system, "system")}]

    def _message(self, message: Any, where: str) -> list[dict[str, Any]]:
        if not isinstance(message, dict) or message.get("role") not in ("user", "assistant", "system"):
            raise rejected(f"{where}.role: expected 'user' or 'assistant'", where)
        content = message.get("content")
        if isinstance(content, str):
            return [{"role": message["role"], "content": content}]
        if not isinstance(content, list) or any(not isinstance(block, dict) for block in content):
            raise rejected(f"{where}.content: expected text or a list of blocks", where)
        if message["role"] == "assistant":
            return [self._assistant(content, where)]
        results = [self._result(block, where) for block in content if block.get("type") == _RESULT_SAID]
        parts = self._parts([block for block in content if block.get("type") != _RESULT_SAID], where)
        return results + ([{"role": message["role"], "content": parts}] if parts else [])

    def _assistant(self, blocks: list[dict[str, Any]], where: str) -> dict[str, Any]:
        calls = [
            {
                "id": block.get("id", ""),
                "type": "function",
                "function": {
                    "name": block.get("name", ""),
                    "arguments": orjson.dumps(block.get("input") or {}).decode(),
                },
            }
            for block in blocks
            if block.get("type") == "tool_use"
        ]
        said = [block for block in blocks if block.get("type") != "tool_use"]
        text = "".join(part.get("text", "") for part in self._parts(said, where))
        made: dict[str, Any] = {"role": "assistant", "content": text or None}
        return made | ({"tool_calls": calls} if calls else {})

    def _result(self, block: dict[str, Any], where: str) -> dict[str, Any]:
        content = block.get("content")
        if not isinstance(content, str):
            parts = self._parts(content or [], where)
            if any(part["type"] != "text" for part in parts):
                self.only = self.only or "a picture in a tool's result"
            content = "".join(part.get("text", "") for part in parts)
        if block.get("is_error"):
            content = f"Error: {content}"
        return {"role": "tool", "tool_call_id": block.get("tool_use_id", ""), "content": content}

    def _parts(self, blocks: Any, where: str) -> list[dict[str, Any]]:
        if not isinstance(blocks, list) or any(not isinstance(block, dict) for block in blocks):
            raise rejected(f"{where}: expected a list of blocks", where)
        parts: list[dict[str, Any]] = []
        for block in blocks:
            kind = block.get("type")
            check_text(kind, f"{where}.type")
            if kind == "text":
                check_text(block.get("text"), f"{where}.text")
                parts.append({"type": "text", "text": block.get("text") or ""})
            elif kind == "image":
                parts.append({"type": "image_url", "image_url": {"url": self._image(block.get("source"))}})
            elif kind in {"thinking", "redacted_thinking"}:
                continue  # another model's thoughts, signed for their own vendor
            else:
                self.only = self.only or f"a {kind} block"
        return parts

    def _image(self, source: Any) -> str:
        source = source if isinstance(source, dict) else {}
        if source.get("type") == "base64":
            return f"data:{source.get('media_type')};base64,{source.get('data')}"
        if source.get("type") != "url":
            self.only = self.only or "an uploaded file"
        return str(source.get("url", ""))

    def _tools(self, body: dict[str, Any]) -> None:
        tools = body.get("tools") or []
        if not isinstance(tools, list) or any(not isinstance(tool, dict) for tool in tools):
            raise rejected("tools: expected a list of tools", "tools")
        made = []
        for tool in tools:
            if tool.get("type", "custom") != "custom":
                self.only = self.only or f"the tool {tool['type']}"
                continue
            function = {"name": tool.get("name", ""), "parameters": tool.get("input_schema") or {"type": "object"}}
            if tool.get("description"):
                function["description"] = tool["description"]
            made.append({"type": "function", "function": function})
        if not made:
            return
        self.body["tools"] = made
        given = body.get("tool_choice")
        choice: dict[str, Any] = given if isinstance(given, dict) else {}
        kind = choice.get("type")
        check_text(kind, "tool_choice.type")
        if kind == "tool":
            self.body["tool_choice"] = {"type": "function", "function": {"name": choice.get("name", "")}}
        elif kind in {"auto", "any", "none"}:
            self.body["tool_choice"] = {"auto": "auto", "any": "required", "none": "none"}[kind]
        if choice.get("disable_parallel_tool_use"):
            self.body["parallel_tool_calls"] = False

    def _form(self, body: dict[str, Any]) -> None:
        settings = body.get("output_config")
        settings = settings if isinstance(settings, dict) else {}
        self.lost += [f"output_config.{name}" for name in left_out(settings, {"format"})]
        form = settings.get("format") or body.get("output_format")
        if isinstance(form, dict) and form.get("type") == "json_schema":
            schema = {"name": "answer", "schema": form.get("schema") or {}}
            self.body["response_format"] = {"type": "json_schema", "json_schema": schema}
        elif form:
            self.lost.append("output_config.format")
