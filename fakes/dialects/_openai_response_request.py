"""OpenAI responses: reading a request as the vendor validates it.

Fields: OpenAI's API reference and the types of the official SDK 3.51. Nothing is stored, so a conversation comes whole
in `input`: `previous_response_id` is accepted and adds nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..answer import find_mark
from . import _tokens
from ._openai_complaints import maybe, missing, parse, refuse, shown, wrong_type
from ._openai_extras import cached_tokens, read_effort
from ._openai_failures import RESPONSES
from ._openai_tools import read_choice, read_tools
from ._routes import Request
from .base import Ask, Tool

API: Final = RESPONSES
_ROLES: Final = ("user", "assistant", "system", "developer")
_TEXTS: Final = frozenset({"input_text", "output_text", "text"})
MAX_OUTPUT_TOKENS_MIN: Final = 16
"""Least `max_output_tokens` that the vendor takes."""


def read(request: Request) -> Ask:
    """Understand the body of ``POST /v1/responses``."""
    document = parse(request.body)
    model = document.get("model")
    if not isinstance(model, str) or not model:
        missing("model", model, "a string")
    turns = _read_input(document)
    text, letters, answered = _read_turns(turns)
    letters += len(maybe(document, "instructions", str, "a string") or "")
    tools = _read_tools(maybe(document, "tools", list, "an array of objects") or [])
    reasoning = maybe(document, "reasoning", dict, "an object") or {}
    input_tokens = _tokens.count(letters, len(turns), document.get("tools"))
    return Ask(
        model=model,
        stream=maybe(document, "stream", bool, "a boolean") or False,
        text=text,
        mark=find_mark(text),
        input_tokens=input_tokens,
        max_tokens=_read_max_tokens(document),
        schema=_read_schema(document),
        tools=tools,
        tool_choice=_read_choice(document.get("tool_choice"), tools),
        after_tool_result=turns[-1].get("type") == "function_call_output",
        first_turn=not answered,
        include_usage=True,
        api=API,
        parallel=bool(tools) and maybe(document, "parallel_tool_calls", bool, "a boolean") is not False,
        cached_tokens=cached_tokens(input_tokens, turns, document.get("tools")) if answered else 0,
        reasoning_tokens=read_effort(reasoning.get("effort"), "reasoning.effort"),
        body=document,
    )


def _read_input(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The conversation as items; a plain string is a user's message."""
    given = document.get("input")
    if isinstance(given, str):
        return [{"role": "user", "content": given}]
    if not isinstance(given, list):
        missing("input", given, "one of a string or array of objects")
    if not given:
        refuse(
            "bad_request",
            message="Invalid 'input': empty array. Expected an array with minimum length 1, but got an empty array "
            "instead.",
            param="input",
            code="empty_array",
        )
    for index, item in enumerate(given):
        if not isinstance(item, dict):
            wrong_type(f"input[{index}]", "an object", item)
    return given


def _read_turns(turns: list[dict[str, Any]]) -> tuple[str, int, bool]:
    """The last user content's text, how many letters there are in all, and whether there was an answer before."""
    last_user = ""
    letters = 0
    answered = False
    for index, item in enumerate(turns):
        kind = item.get("type", "message")
        if kind == "message":
            role = _read_role(item.get("role"), f"input[{index}].role")
            text = _content_text(item.get("content"), f"input[{index}].content")
            letters += len(text)
            if role == "user":
                last_user = text
            answered = answered or role == "assistant"
        elif isinstance(kind, str):
            letters += _read_item(item, kind, f"input[{index}]")
            answered = answered or kind == "function_call"
        else:
            wrong_type(f"input[{index}].type", "a string", kind)
    return last_user, letters, answered


def _read_role(role: Any, where: str) -> str:
    if not isinstance(role, str):
        missing(where, role, "a string")
    if role not in _ROLES:
        refuse(
            "bad_request",
            message=f"Invalid value: {shown(role)}. Supported values are: 'assistant', 'system', 'developer', and "
            "'user'.",
            param=where,
            code="invalid_value",
        )
    return role


def _read_item(item: Mapping[str, Any], kind: str, where: str) -> int:
    """How many letters an item has that is no message."""
    if kind not in ("function_call", "function_call_output"):
        return _tokens.written(item)  # reasoning, references, and what the vendor's own tools leave behind
    field = "arguments" if kind == "function_call" else "output"
    for name in ("call_id", field):
        if name not in item:
            missing(f"{where}.{name}", None, "a string")
    value = item[field]
    return len(value) if isinstance(value, str) else _tokens.written(value)


def _content_text(content: Any, where: str) -> str:
    """The text of a message's content, a string or parts."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        missing(where, content, "one of a string or array of objects")
    texts = []
    for place, part in enumerate(content):
        if not isinstance(part, dict):
            wrong_type(f"{where}[{place}]", "an object", part)
        if not isinstance(part.get("type"), str):
            missing(f"{where}[{place}].type", part.get("type"), "a string")
        if part["type"] in _TEXTS:
            text = part.get("text")
            if not isinstance(text, str):
                missing(f"{where}[{place}].text", text, "a string")
            texts.append(text)
    return "\n".join(texts)


def _read_max_tokens(document: Mapping[str, Any]) -> int | None:
    value = maybe(document, "max_output_tokens", int, "an integer")
    if isinstance(value, bool):
        wrong_type("max_output_tokens", "an integer", value)
    if value is not None and value < MAX_OUTPUT_TOKENS_MIN:
        refuse(
            "bad_request",
            message="Invalid 'max_output_tokens': integer below minimum value. Expected a value >= "
            f"{MAX_OUTPUT_TOKENS_MIN}, but got {value} instead.",
            param="max_output_tokens",
            code="integer_below_min_value",
        )
    return value if value is None else int(value)


def _read_schema(document: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The schema of a JSON answer, which stands flat in `text.format`; `json_object` is the schema of any object."""
    text = maybe(document, "text", dict, "an object") or {}
    form = text.get("format")
    if form is None:
        return None
    if not isinstance(form, dict):
        wrong_type("text.format", "an object", form)
    kind = form.get("type")
    if kind == "text":
        return None
    if kind == "json_object":
        return {"type": "object"}
    if kind != "json_schema":
        refuse(
            "bad_request",
            message=f"Invalid value: {shown(kind)}. Supported values are: 'json_object', 'json_schema', and 'text'.",
            param="text.format.type",
            code="invalid_value",
        )
    if not isinstance(form.get("name"), str):
        missing("text.format.name", form.get("name"), "a string")
    schema = form.get("schema")
    if not isinstance(schema, dict):
        missing("text.format.schema", schema, "an object")
    return schema


def _read_tools(tools: list[Any]) -> tuple[Tool, ...]:
    """The functions that are offered, which stand flat here; tools that the vendor runs itself are passed over."""
    nested = []
    for index, tool in enumerate(tools):
        if not isinstance(tool, dict):
            wrong_type(f"tools[{index}]", "an object", tool)
        if not isinstance(tool.get("type"), str):
            missing(f"tools[{index}].type", tool.get("type"), "a string")
        if tool["type"] == "function":
            if not isinstance(tool.get("name"), str) or not tool["name"]:
                missing(f"tools[{index}].name", tool.get("name") or None, "a string")
            nested.append({"type": "function", "function": tool})
    return read_tools(nested)


def _read_choice(choice: Any, tools: tuple[Tool, ...]) -> str:
    """Every form of `tool_choice`; a function's name and the list of allowed tools stand flat here."""
    if isinstance(choice, dict):
        if choice.get("type") == "function" and "name" in choice:
            choice = {"type": "function", "function": {"name": choice["name"]}}
        elif choice.get("type") == "allowed_tools":
            listed = choice.get("tools")
            allowed = (
                [{"function": tool} for tool in listed if isinstance(tool, dict)] if isinstance(listed, list) else None
            )
            choice = {"type": "allowed_tools", "allowed_tools": {"mode": choice.get("mode"), "tools": allowed}}
        elif choice.get("type") not in ("function", "custom"):  # one of the vendor's own tools, which aren't played
            return "auto"
    if choice in ("auto", "none") and not tools:
        return str(choice)
    return read_choice(choice, tools)
