"""From a Responses body to a chat completions body. No state is kept: what leans on stored state is refused."""

from __future__ import annotations

from typing import Any

from ..read_chat import left_out
from .base import check_text, rejected

_STATEFUL = ("previous_response_id", "conversation", "background", "prompt")
_SAME = ("temperature", "top_p", "parallel_tool_calls", "user", "service_tier", "top_logprobs", "seed")
_READ = frozenset(
    {"model", "input", "instructions", "stream", "stream_options", "metadata", "max_output_tokens", "reasoning",
     "tools", "tool_choice", "text", *_SAME, *_STATEFUL}
)  # fmt: skip
"""Parameters that are read, or go back to the caller; any other is left out and told."""


def chat_from(body: dict[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Translate a request.

    Returns:
        The chat completions body, and the names of what it leaves out.

    Raises:
        RequestRejected: It leans on stored state or hosted tools, or a member has the wrong type.
    """
    for name in _STATEFUL:
        if body.get(name):
            raise rejected(f"'{name}' is not supported: this router keeps no state between calls", name)
    messages: list[dict[str, Any]] = []
    if body.get("instructions"):
        messages.append({"role": "system", "content": str(body["instructions"])})
    messages += _input(body.get("input"))
    chat: dict[str, Any] = {"model": body.get("model", ""), "messages": messages}
    chat |= {name: body[name] for name in _SAME if body.get(name) is not None}
    if body.get("max_output_tokens") is not None:
        chat["max_completion_tokens"] = body["max_output_tokens"]
    lost = left_out(body, _READ)
    reasoning = body.get("reasoning")
    if isinstance(reasoning, dict):
        lost += [f"reasoning.{name}" for name in left_out(reasoning, {"effort"})]
        if reasoning.get("effort"):
            chat["reasoning_effort"] = reasoning["effort"]
    _tools(body, chat, lost)
    if isinstance(body.get("text"), dict):
        _text(body["text"], chat, lost)
    return chat, tuple(lost)


def _text(text: dict[str, Any], chat: dict[str, Any], lost: list[str]) -> None:
    lost += [f"text.{name}" for name in left_out(text, {"format", "verbosity"})]
    if text.get("verbosity") is not None:
        chat["verbosity"] = text["verbosity"]
    form = text.get("format")
    kind = form.get("type") if isinstance(form, dict) else None
    if form is None or kind == "text":
        return
    if kind == "json_schema":
        schema = {
            name: form[name] for name in ("name", "schema", "strict", "description") if form.get(name) is not None
        }
        chat["response_format"] = {"type": "json_schema", "json_schema": schema}
    elif kind == "json_object":
        chat["response_format"] = {"type": "json_object"}
    else:
        lost.append("text.format")


def _input(given: Any) -> list[dict[str, Any]]:
    if isinstance(given, str) and given:
        return [{"role": "user", "content": given}]
    if not isinstance(given, list) or not given:
        raise rejected("'input' has to be text or a list with at least one item", "input")
    messages: list[dict[str, Any]] = []
    for place, item in enumerate(given):
        if not isinstance(item, dict):
            raise rejected(f"'input[{place}]' has to be an object", f"input[{place}]")
        _item(item, f"input[{place}]", messages)
    return messages


def _item(item: dict[str, Any], where: str, messages: list[dict[str, Any]]) -> None:
    kind = item.get("type", "message")
    if kind == "message":
        role = item.get("role")
        if role not in ("user", "assistant", "system", "developer"):
            raise rejected(f"'{where}.role' is missing or unknown", f"{where}.role")
        messages.append({"role": role, "content": _content(item.get("content"), where)})
    elif kind == "function_call":
        function = {"name": item.get("name", ""), "arguments": item.get("arguments") or "{}"}
        call = {"id": item.get("call_id", ""), "type": "function", "function": function}
        if messages and messages[-1]["role"] == "assistant":
            # Text and calls of one turn are one message there.
            messages[-1].setdefault("tool_calls", []).append(call)
        else:
            messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
    elif kind == "function_call_output":
        output = item.get("output")
        content = output if isinstance(output, str) else _content(output, where)
        messages.append({"role": "tool", "tool_call_id": item.get("call_id", ""), "content": content})
    elif kind != "reasoning":  # another model's thoughts, encrypted for their own vendor
        raise rejected(f"an item of type {kind!r} is not supported by this router", where)


def _content(content: Any, where: str) -> Any:
    if isinstance(content, str):
        return content
    if not isinstance(content, list) or any(not isinstance(part, dict) for part in content):
        raise rejected(f"'{where}.content' has to be text or a list of parts", where)
    parts: list[dict[str, Any]] = []
    for part in content:
        kind = part.get("type")
        check_text(kind, f"{where}.content.type")
        if kind in {"input_text", "output_text", "text", "refusal"}:
            name = "refusal" if kind == "refusal" else "text"
            check_text(part.get(name), f"{where}.content.{name}")
            parts.append({"type": "text", "text": part.get(name) or ""})
        elif kind == "input_image" and isinstance(part.get("image_url"), str):
            detail = {"detail": part["detail"]} if part.get("detail") else {}
            parts.append({"type": "image_url", "image_url": {"url": part["image_url"], **detail}})
        else:
            raise rejected(f"a part of type {kind!r} is not supported by this router", where)
    if all(part["type"] == "text" for part in parts):
        return "".join(part["text"] for part in parts)
    return parts


def _tools(body: dict[str, Any], chat: dict[str, Any], lost: list[str]) -> None:
    tools = body.get("tools") or []
    if not isinstance(tools, list) or any(not isinstance(tool, dict) for tool in tools):
        raise rejected("'tools' has to be a list of objects", "tools")
    made = []
    for tool in tools:
        if tool.get("type") != "function":
            raise rejected(f"the tool {tool.get('type')!r} is hosted by its vendor and not supported here", "tools")
        names = ("name", "description", "parameters", "strict")
        made.append(
            {"type": "function", "function": {name: tool[name] for name in names if tool.get(name) is not None}}
        )
    if not made:
        return
    chat["tools"] = made
    choice = body.get("tool_choice")
    if isinstance(choice, dict) and choice.get("type") == "function":
        chat["tool_choice"] = {"type": "function", "function": {"name": choice.get("name", "")}}
    elif isinstance(choice, str):
        chat["tool_choice"] = choice
    elif choice is not None:
        lost.append("tool_choice")
