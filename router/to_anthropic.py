"""From a chat completions body to an Anthropic messages body.

Text passes byte for byte. What the other API can't express is dropped and noted, so that a caller can see it; nothing
is reworded. A JSON answer is asked for with a tool that the model is made to call: its input is the document, and that
works on every model and API version.
"""

from __future__ import annotations

from typing import Any

import orjson

from .errors import Meaning, fail
from .messages import LLMRequest
from .read_chat import ALWAYS_READ, read_chat, stops_for_claude, top_p_for_claude

JSON_TOOL = "json_answer"
_READ = ALWAYS_READ | {"top_k", "user", "metadata", "parallel_tool_calls"}
VERSIONS_WITHOUT_SAMPLING = frozenset({"2026-10-21"})


def to_anthropic(
    request: LLMRequest, *, model: str, max_tokens: int, version: str, stream: bool
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Translate a request.

    Args:
        request: What the caller asks.
        model: Anthropic model to ask for.
        max_tokens: Answer limit if the caller gave none; the API demands one.
        version: `anthropic-version` that will be sent; the newest one takes no sampling parameters.
        stream: Whether the answer is to be streamed.

    Returns:
        The body, and notes on what was changed.

    Raises:
        AttemptFailed: Meaning `unfit`, if the request can't be expressed (more than one choice, unknown content).
    """
    chat, left_out = read_chat(request, _READ)
    notes: list[str] = []
    limit = chat.get("max_completion_tokens") or chat.get("max_tokens")
    if limit is None:
        limit = max_tokens
        notes.append(f"max_tokens set to {max_tokens}")
    body: dict[str, Any] = {"model": model, "max_tokens": limit}
    system, body["messages"] = _messages(chat.get("messages") or [])
    if system:
        body["system"] = system
    _sampling(chat, body, version, notes)
    if chat.get("stop") and (stop := stops_for_claude(chat, notes)):
        body["stop_sequences"] = stop
    if chat.get("user"):
        body["metadata"] = {"user_id": str(chat["user"])}
    _tools(chat, request, body)
    notes += left_out
    if stream:
        body["stream"] = True
    return body, tuple(notes)


def _sampling(chat: dict[str, Any], body: dict[str, Any], version: str, notes: list[str]) -> None:
    if version in VERSIONS_WITHOUT_SAMPLING:
        notes += [f"dropped {name}" for name in ("temperature", "top_p", "top_k") if chat.get(name) is not None]
        return
    temperature = chat.get("temperature")
    if isinstance(temperature, int | float) and temperature > 1:
        # OpenAI counts to 2, Anthropic to 1.
        temperature = 1.0
        notes.append("temperature clamped to 1")
    if temperature is not None:
        body["temperature"] = temperature
    top_p = top_p_for_claude(chat, notes)
    if top_p is not None:
        body["top_p"] = top_p
    if chat.get("top_k") is not None:
        body["top_k"] = chat["top_k"]


def _tools(chat: dict[str, Any], request: LLMRequest, body: dict[str, Any]) -> None:
    tools = [_tool(tool) for tool in chat.get("tools") or ()]
    choice = _tool_choice(chat.get("tool_choice")) if tools else None
    # A call that was demanded is the answer; a document beside it would be one that may come instead.
    if request.wants_json and (choice or {}).get("type") not in {"tool", "any"}:
        form = (request.response_format or {}).get("json_schema") or {}
        tools.append(
            {
                "name": JSON_TOOL,
                "description": form.get("description") or "Give the answer to the user as this document.",
                "input_schema": form.get("schema") or {"type": "object"},
            }
        )
        # With tools of the caller's beside it, the model may call those first; it just can't answer in prose.
        free = len(tools) > 1 and (choice or {}).get("type") != "none"
        choice = {"type": "any"} if free else {"type": "tool", "name": JSON_TOOL}
    if tools:
        body["tools"] = tools
    if choice is not None:
        body["tool_choice"] = choice
    if tools and chat.get("parallel_tool_calls") is False:
        chosen = dict(body.get("tool_choice") or {"type": "auto"})
        if chosen["type"] != "none":
            body["tool_choice"] = {**chosen, "disable_parallel_tool_use": True}


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    function = tool.get("function") if tool.get("type", "function") == "function" else None
    if not isinstance(function, dict) or "name" not in function:
        raise fail(Meaning.UNFIT, "unsupported_parameter", f"a tool of type {tool.get('type')!r} can't be translated")
    made = {
        "name": function["name"],
        "input_schema": function.get("parameters") or {"type": "object", "properties": {}},
    }
    if function.get("description"):
        made["description"] = function["description"]
    return made


def _tool_choice(choice: Any) -> dict[str, Any] | None:
    if isinstance(choice, dict):
        return {"type": "tool", "name": (choice.get("function") or {}).get("name", "")}
    return {"auto": {"type": "auto"}, "none": {"type": "none"}, "required": {"type": "any"}}.get(choice)


def _messages(messages: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    system: list[dict[str, Any]] = []
    turns: list[dict[str, Any]] = []
    for message in messages:
        role = message.get("role")
        if role in {"system", "developer"}:
            system += _parts(message.get("content"))
        elif role == "tool":
            # All results of one turn belong into one user message, before anything the user says.
            result = {
                "type": "tool_result",
                "tool_use_id": message.get("tool_call_id", ""),
                "content": _parts(message.get("content")),
            }
            _append(turns, "user", [result])
        elif role == "assistant":
            _append(turns, "assistant", _assistant(message))
        else:
            content = message.get("content")
            blocks = content if isinstance(content, str) and content else _parts(content)
            _append(turns, "user", blocks)
    return system, turns


def _append(turns: list[dict[str, Any]], role: str, content: Any) -> None:
    if not content:
        return
    if turns and turns[-1]["role"] == role:
        # Two turns of one role are one turn for this API.
        turns[-1]["content"] = _blocks(turns[-1]["content"]) + _blocks(content)
    else:
        turns.append({"role": role, "content": content})


def _blocks(content: Any) -> list[dict[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _assistant(message: dict[str, Any]) -> list[dict[str, Any]]:
    blocks = _parts(message.get("content"))
    for call in message.get("tool_calls") or ():
        function = call.get("function") or {}
        try:
            arguments = orjson.loads(function.get("arguments") or "{}")
        except orjson.JSONDecodeError:
            arguments = {"arguments": function.get("arguments")}
        blocks.append(
            {"type": "tool_use", "id": call.get("id", ""), "name": function.get("name", ""), "input": arguments}
        )
    return blocks


def _parts(content: Any) -> list[dict[str, Any]]:
    if content is None or content == "":
        return []
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    blocks = []
    for part in content:
        kind = part.get("type")
        if kind == "text":
            if part.get("text"):
                blocks.append({"type": "text", "text": part["text"]})
        elif kind == "refusal":
            blocks.append({"type": "text", "text": part.get("refusal", "")})
        elif kind == "image_url":
            blocks.append({"type": "image", "source": _image((part.get("image_url") or {}).get("url", ""))})
        else:
            raise fail(Meaning.UNFIT, "unsupported_parameter", f"content of type {kind!r} can't be translated")
    return blocks


def _image(url: str) -> dict[str, Any]:
    if not url.startswith("data:"):
        return {"type": "url", "url": url}
    kind, _, data = url.removeprefix("data:").partition(";base64,")
    return {"type": "base64", "media_type": kind, "data": data}
