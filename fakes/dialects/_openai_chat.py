"""OpenAI chat completions: reading a request as the vendor validates it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NoReturn

from ..answer import find_mark
from . import _tokens
from ._openai_complaints import maybe, missing, need, parse, refuse, shown, wrong_type
from ._openai_tools import read_choice, read_functions, read_tools
from ._routes import Request
from .base import Ask

_ROLES: Final = ("system", "assistant", "user", "function", "tool", "developer")
_RESULTS: Final = frozenset({"tool", "function"})
_BESIDE: Final = frozenset(
    {
        "stream",
        "stream_options",
        "functions",
        "function_call",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "response_format",
        "max_completion_tokens",
        "max_tokens",
    }
)
"""What a request may say that is read beside its model and messages."""


def read(request: Request) -> Ask:
    """Understand the body of ``POST /v1/chat/completions``; a path that names the model goes before the body."""
    document = parse(request.body)
    return read_document(document, request.name or document.get("model"))


def read_document(document: dict[str, Any], model: Any) -> Ask:
    """Understand a request whose body has been parsed; `model` is what it names as its model."""
    if not isinstance(model, str) or not model:
        refuse("bad_request", message="you must provide a model parameter")
    messages = need(document, "messages", list, "an array of objects")
    if not messages:
        refuse(
            "bad_request",
            message="Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array "
            "instead.",
            param="messages",
            code="empty_array",
        )
    text, letters, answered = _read_messages(messages)
    if document.keys().isdisjoint(_BESIDE):  # nothing is asked for but an answer
        return Ask(
            model,
            False,  # noqa: FBT003 - by place, since most requests come by here
            text,
            find_mark(text),
            _tokens.count(letters, len(messages), None),
            after_tool_result=messages[-1]["role"] in _RESULTS,
            first_turn=not answered,
            body=document,
        )
    stream = maybe(document, "stream", bool, "a boolean") or False
    options = maybe(document, "stream_options", dict, "an object")
    if options is not None and not stream:
        refuse(
            "bad_request",
            message="The 'stream_options' parameter is only allowed when 'stream' is enabled.",
            param="stream_options",
        )
    if "functions" in document and "tools" not in document:
        tools, choice = read_functions(document)
        parallel = False
    else:
        tools = read_tools(maybe(document, "tools", list, "an array of objects") or [])
        choice = read_choice(document.get("tool_choice"), tools)
        parallel = bool(tools) and maybe(document, "parallel_tool_calls", bool, "a boolean") is not False
    return Ask(
        model=model,
        stream=stream,
        text=text,
        mark=find_mark(text),
        input_tokens=_tokens.count(letters, len(messages), document.get("tools")),
        max_tokens=_read_max_tokens(document),
        schema=_read_schema(document),
        tools=tools,
        tool_choice=choice,
        after_tool_result=messages[-1]["role"] in _RESULTS,
        first_turn=not answered,
        include_usage=bool(options and options.get("include_usage")),
        parallel=parallel,
        body=document,
    )


def _read_messages(messages: list[Any]) -> tuple[str, int, bool]:
    """The last user content's text, how many letters there are in all, and whether there was an answer before."""
    last_user: str | None = None
    letters = 0
    answered = False
    for index, message in enumerate(messages):
        if not isinstance(message, dict):
            wrong_type(f"messages[{index}]", "an object", message)
        role = message.get("role")
        if role not in _ROLES:
            _wrong_role(index, role)
        content = message.get("content")
        text = content if isinstance(content, str) else _content_text(content, f"messages[{index}].content", role)
        letters += len(text)
        if role == "user":
            last_user = text
        elif role == "assistant":
            answered = True
            if message.get("tool_calls"):
                letters += _tokens.written(message["tool_calls"])
    return last_user or "", letters, answered


def _content_text(content: Any, where: str, role: str) -> str:
    """The text of a message's content that is no string: parts, or nothing."""
    if content is None and role in {"assistant", "function"}:
        return ""
    if not isinstance(content, list):
        wrong_type(where, "one of a string or array of objects", content)
    texts = []
    for place, part in enumerate(content):
        if not isinstance(part, dict):
            wrong_type(f"{where}[{place}]", "an object", part)
        kind = part.get("type")
        if not isinstance(kind, str):
            refuse(
                "bad_request",
                message=f"Missing required parameter: '{where}[{place}].type'.",
                param=f"{where}[{place}].type",
                code="missing_required_parameter",
            )
        if kind == "text":
            text = part.get("text")
            if not isinstance(text, str):
                wrong_type(f"{where}[{place}].text", "a string", text)
            texts.append(text)
    return "\n".join(texts)


def _read_max_tokens(document: Mapping[str, Any]) -> int | None:
    for name in ("max_completion_tokens", "max_tokens"):
        value = document.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int):
            wrong_type(name, "an integer", value)
        if value < 1:
            refuse(
                "bad_request",
                message=f"Invalid '{name}': integer below minimum value. Expected a value >= 1, but got {value} "
                "instead.",
                param=name,
                code="integer_below_min_value",
            )
        return value
    return None


def _read_schema(document: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The schema of a JSON answer; `json_object` is the schema of any object."""
    form = maybe(document, "response_format", dict, "an object")
    if form is None or form.get("type") == "text":
        return None
    if form.get("type") == "json_object":
        return {"type": "object"}
    if form.get("type") != "json_schema":
        refuse(
            "bad_request",
            message=f"Invalid value: {shown(form.get('type'))}. Supported values are: 'json_object', 'json_schema', "
            "and 'text'.",
            param="response_format.type",
            code="invalid_value",
        )
    wrapper = form.get("json_schema")
    if not isinstance(wrapper, dict):
        missing("response_format.json_schema", wrapper, "an object")
    if not isinstance(wrapper.get("name"), str):
        missing("response_format.json_schema.name", wrapper.get("name"), "a string")
    schema = wrapper.get("schema", {})
    if not isinstance(schema, dict):
        wrong_type("response_format.json_schema.schema", "an object", schema)
    return schema


def _wrong_role(index: int, role: Any) -> NoReturn:
    if not isinstance(role, str):
        missing(f"messages[{index}].role", role, "a string")
    refuse(
        "bad_request",
        message=f"Invalid value: {shown(role)}. Supported values are: 'system', 'assistant', 'user', 'function', "
        "'tool', and 'developer'.",
        param=f"messages[{index}].role",
        code="invalid_value",
    )
