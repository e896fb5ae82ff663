"""From a chat completions body to Bedrock's `Converse`. What it can't express is dropped and noted."""

from __future__ import annotations

from typing import Any

import orjson

from .errors import Meaning, fail
from .messages import LLMRequest
from .read_chat import ALWAYS_READ, read_chat, stops, stops_for_claude, top_p_for_claude
from .to_anthropic import JSON_TOOL

_IMAGES = {"image/jpeg": "jpeg", "image/jpg": "jpeg", "image/png": "png", "image/gif": "gif", "image/webp": "webp"}


def to_bedrock(request: LLMRequest, *, model: str) -> tuple[dict[str, Any], list[str]]:
    """Translate a request.

    Args:
        request: What the caller asks.
        model: Model to ask for: Anthropic's own rules hold here as well.

    Returns:
        The body, and notes on what was changed.

    Raises:
        AttemptFailed: Meaning `unfit`, if the request can't be expressed.
    """
    chat, notes = read_chat(request, ALWAYS_READ)
    system, messages = _messages(chat.get("messages") or [])
    body: dict[str, Any] = {"messages": messages}
    if system:
        body["system"] = system
    settings = _settings(chat, notes, claude="claude" in model)
    if settings:
        body["inferenceConfig"] = settings
    _tools(chat, request, body, notes)
    return body, notes


def _settings(chat: dict[str, Any], notes: list[str], *, claude: bool) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    limit = chat.get("max_completion_tokens") or chat.get("max_tokens")
    if limit is not None:
        settings["maxTokens"] = limit
    temperature = chat.get("temperature")
    if isinstance(temperature, int | float) and temperature > 1:
        # OpenAI counts to 2, this API to 1.
        temperature = 1.0
        notes.append("temperature clamped to 1")
    if temperature is not None:
        settings["temperature"] = temperature
    top_p = top_p_for_claude(chat, notes) if claude else chat.get("top_p")
    if top_p is not None:
        settings["topP"] = top_p
    stop = stops_for_claude(chat, notes) if claude else stops(chat)
    if stop:
        settings["stopSequences"] = stop
    return settings


def _tools(chat: dict[str, Any], request: LLMRequest, body: dict[str, Any], notes: list[str]) -> None:
    tools = [_tool(tool) for tool in chat.get("tools") or ()]
    choice = chat.get("tool_choice") if tools else None
    forced = isinstance(choice, dict) or choice == "required"
    if choice == "none":
        # The API has no such word, and without the tools it can't call them; but a history of calls needs them named.
        if not any("toolUse" in block for turn in body["messages"] for block in turn["content"]):
            tools = []
        notes.append("tool_choice none: tools left out" if not tools else "dropped tool_choice none")
    chosen: dict[str, Any] | None = None
    if isinstance(choice, dict):
        chosen = {"tool": {"name": (choice.get("function") or {}).get("name", "")}}
    elif choice == "required":
        chosen = {"any": {}}
    if request.wants_json and not forced:
        form = (request.response_format or {}).get("json_schema") or {}
        description = form.get("description") or "Give the answer to the user as this document."
        schema = {"json": form.get("schema") or {"type": "object"}}
        tools.append({"toolSpec": {"name": JSON_TOOL, "description": description, "inputSchema": schema}})
        free = len(tools) > 1 and choice != "none"
        chosen = {"any": {}} if free else {"tool": {"name": JSON_TOOL}}
    if tools:
        body["toolConfig"] = {"tools": tools} | ({"toolChoice": chosen} if chosen else {})


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    function = tool.get("function") if tool.get("type", "function") == "function" else None
    if not isinstance(function, dict) or "name" not in function:
        raise fail(Meaning.UNFIT, "unsupported_parameter", f"a tool of type {tool.get('type')!r} can't be translated")
    spec: dict[str, Any] = {
        "name": function["name"],
        "inputSchema": {"json": function.get("parameters") or {"type": "object", "properties": {}}},
    }
    if function.get("description"):
        spec["description"] = function["description"]
    return {"toolSpec": spec}


def _messages(messages: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    system: list[dict[str, Any]] = []
    turns: list[dict[str, Any]] = []
    for message in messages:
        role = message.get("role")
        if role in {"system", "developer"}:
            system += _blocks(message.get("content"))
        elif role == "tool":
            content = _blocks(message.get("content")) or [{"text": " "}]
            result = {"toolUseId": message.get("tool_call_id", ""), "content": content}
            _append(turns, "user", [{"toolResult": result}])
        elif role == "assistant":
            _append(turns, "assistant", _blocks(message.get("content")) + _calls(message))
        else:
            _append(turns, "user", _blocks(message.get("content")))
    return system, turns


def _append(turns: list[dict[str, Any]], role: str, blocks: list[dict[str, Any]]) -> None:
    if not blocks:
        return
    if turns and turns[-1]["role"] == role:
        turns[-1]["content"] += blocks
    else:
        turns.append({"role": role, "content": blocks})


def _calls(message: dict[str, Any]) -> list[dict[str, Any]]:
    blocks = []
    for call in message.get("tool_calls") or ():
        function = call.get("function") or {}
        try:
            arguments = orjson.loads(function.get("arguments") or "{}")
        except orjson.JSONDecodeError:
            arguments = {"arguments": function.get("arguments")}
        use = {"toolUseId": call.get("id", ""), "name": function.get("name", ""), "input": arguments}
        blocks.append({"toolUse": use})
    return blocks


def _blocks(content: Any) -> list[dict[str, Any]]:
    if not content:
        return []
    if isinstance(content, str):
        return [{"text": content}]
    blocks: list[dict[str, Any]] = []
    for part in content:
        kind = part.get("type")
        if kind in {"text", "refusal"}:
            text = part.get("text") or part.get("refusal")
            if text:
                blocks.append({"text": text})
        elif kind == "image_url":
            blocks.append(_image((part.get("image_url") or {}).get("url", "")))
        else:
            raise fail(Meaning.UNFIT, "unsupported_parameter", f"content of type {kind!r} can't be translated")
    return blocks


def _image(url: str) -> dict[str, Any]:
    kind, _, data = url.removeprefix("data:").partition(";base64,")
    if not url.startswith("data:") or kind not in _IMAGES:
        raise fail(Meaning.UNFIT, "unsupported_parameter", "this API takes images as data URLs alone")
    return {"image": {"format": _IMAGES[kind], "source": {"bytes": data}}}
