"""OpenAI chat completions: reading a request as the vendor validates it."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any, Final, NoReturn

import orjson

from ..answer import find_mark
from . import _openai_failures as failures
from . import _tokens
from .base import Ask, RequestRefused, Tool

_ROLES: Final = ("system", "assistant", "user", "function", "tool", "developer")
_NOT_JSON: Final = (
    "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP library "
    "correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON. If you have trouble "
    "figuring out how to fix this, please contact us through our help center at help.openai.com.)"
)
_KINDS_OF_JSON: Final = {
    str: "a string",
    bool: "a boolean",
    int: "an integer",
    float: "a decimal",
    list: "an array",
    dict: "an object",
    type(None): "null",
}


def refuse(kind: str, **details: Any) -> NoReturn:
    """Answer the request with a failure; the same complaint gets the same request id."""
    raise RequestRefused(failures.reply(kind, details, id_seed=zlib.crc32(repr(details).encode())))


def parse(body: bytes) -> dict[str, Any]:
    """The body's JSON object."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        refuse("bad_request", message=_NOT_JSON)
    if not isinstance(document, dict):
        refuse("bad_request", message=_NOT_JSON)
    return document


def read(_: str, __: Mapping[str, str], body: bytes) -> Ask:
    """Understand the body of ``POST /v1/chat/completions``."""
    document = parse(body)
    model = document.get("model")
    if not isinstance(model, str) or not model:
        refuse("bad_request", message="you must provide a model parameter")
    messages = _need(document, "messages", list, "an array of objects")
    if not messages:
        refuse(
            "bad_request",
            message="Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array "
            "instead.",
            param="messages",
            code="empty_array",
        )
    text, letters, answered = _read_messages(messages)
    stream = _maybe(document, "stream", bool, "a boolean") or False
    options = _maybe(document, "stream_options", dict, "an object")
    if options is not None and not stream:
        refuse(
            "bad_request",
            message="The 'stream_options' parameter is only allowed when 'stream' is enabled.",
            param="stream_options",
        )
    tools = _read_tools(_maybe(document, "tools", list, "an array of objects") or [])
    return Ask(
        model=model,
        stream=stream,
        text=text,
        mark=find_mark(text),
        input_tokens=_tokens.count(letters, len(messages), document.get("tools")),
        max_tokens=_read_max_tokens(document),
        schema=_read_schema(document),
        tools=tools,
        tool_choice=_read_choice(document.get("tool_choice"), tools),
        after_tool_result=messages[-1]["role"] in {"tool", "function"},
        first_turn=not answered,
        include_usage=bool(options and options.get("include_usage")),
        body=document,
    )


def _read_messages(messages: list[Any]) -> tuple[str, int, bool]:
    """The last user content's text, how many letters there are in all, and whether there was an answer before."""
    last_user: str | None = None
    letters = 0
    answered = False
    for index, message in enumerate(messages):
        if not isinstance(message, dict):
            _wrong_type(f"messages[{index}]", "an object", message)
        role = message.get("role")
        if role not in _ROLES:
            _wrong_role(index, role)
        text = _content_text(message.get("content"), f"messages[{index}].content", role)
        letters += len(text)
        if role == "user":
            last_user = text
        elif role == "assistant":
            answered = True
            if message.get("tool_calls"):
                letters += len(orjson.dumps(message["tool_calls"]))
    return last_user or "", letters, answered


def _content_text(content: Any, where: str, role: str) -> str:
    """The text of a message's content, a string or parts."""
    if isinstance(content, str):
        return content
    if content is None and role in {"assistant", "function"}:
        return ""
    if not isinstance(content, list):
        _wrong_type(where, "one of a string or array of objects", content)
    texts = []
    for place, part in enumerate(content):
        if not isinstance(part, dict):
            _wrong_type(f"{where}[{place}]", "an object", part)
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
                _wrong_type(f"{where}[{place}].text", "a string", text)
            texts.append(text)
    return "\n".join(texts)


def _read_max_tokens(document: Mapping[str, Any]) -> int | None:
    for name in ("max_completion_tokens", "max_tokens"):
        value = document.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int):
            _wrong_type(name, "an integer", value)
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
    form = _maybe(document, "response_format", dict, "an object")
    if form is None or form.get("type") == "text":
        return None
    if form.get("type") == "json_object":
        return {"type": "object"}
    if form.get("type") != "json_schema":
        refuse(
            "bad_request",
            message=f"Invalid value: {_shown(form.get('type'))}. Supported values are: 'json_object', 'json_schema', "
            "and 'text'.",
            param="response_format.type",
            code="invalid_value",
        )
    wrapper = form.get("json_schema")
    if not isinstance(wrapper, dict):
        _missing("response_format.json_schema", wrapper, "an object")
    if not isinstance(wrapper.get("name"), str):
        _missing("response_format.json_schema.name", wrapper.get("name"), "a string")
    schema = wrapper.get("schema", {})
    if not isinstance(schema, dict):
        _wrong_type("response_format.json_schema.schema", "an object", schema)
    return schema


def _read_tools(tools: list[Any]) -> tuple[Tool, ...]:
    read_tools = []
    for index, tool in enumerate(tools):
        if not isinstance(tool, dict):
            _wrong_type(f"tools[{index}]", "an object", tool)
        if tool.get("type") == "custom":  # free-form input; nothing to fill a schema for
            continue
        if tool.get("type") != "function":
            refuse(
                "bad_request",
                message=f"Invalid value: {_shown(tool.get('type'))}. Supported values are: 'function' and 'custom'.",
                param=f"tools[{index}].type",
                code="invalid_value",
            )
        function = tool.get("function")
        if not isinstance(function, dict):
            _missing(f"tools[{index}].function", function, "an object")
        name = function.get("name")
        if not isinstance(name, str) or not name:
            _missing(f"tools[{index}].function.name", name, "a string")
        parameters = function.get("parameters")
        if parameters is not None and not isinstance(parameters, dict):
            _wrong_type(f"tools[{index}].function.parameters", "an object", parameters)
        read_tools.append(Tool(name, parameters or {"type": "object", "properties": {}}))
    return tuple(read_tools)


def _read_choice(choice: Any, tools: tuple[Tool, ...]) -> str:
    if choice is None:
        return "auto"
    if not tools and choice != "none":
        refuse(
            "bad_request",
            message="Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.",
            param="tool_choice",
        )
    if choice in ("auto", "none"):
        return str(choice)
    if choice == "required":
        return "any"
    if isinstance(choice, dict):
        if choice.get("type") == "allowed_tools":
            return _read_allowed(choice.get("allowed_tools"))
        function = choice.get("function")
        name = function.get("name") if isinstance(function, dict) else None
        if choice.get("type") == "function" and isinstance(name, str):
            if all(tool.name != name for tool in tools):
                refuse(
                    "bad_request",
                    message=f"Tool choice '{name}' not found in 'tools' parameter.",
                    param="tool_choice",
                )
            return f"tool:{name}"
    refuse(
        "bad_request",
        message=f"Invalid value: {_shown(choice)}. Supported values are: 'none', 'auto', and 'required'.",
        param="tool_choice",
        code="invalid_value",
    )


def _read_allowed(allowed: Any) -> str:
    """`allowed_tools` narrows the choice: one allowed tool that is required is a forced tool."""
    if not isinstance(allowed, dict) or not isinstance(allowed.get("tools"), list):
        _missing("tool_choice.allowed_tools", allowed, "an object")
    if allowed.get("mode") != "required":
        return "auto"
    functions = [tool.get("function") for tool in allowed["tools"] if isinstance(tool, dict)]
    names = [function.get("name") for function in functions if isinstance(function, dict)]
    return f"tool:{names[0]}" if names else "any"


def _need(document: Mapping[str, Any], name: str, kind: type, wanted: str) -> Any:
    if name not in document:
        _missing(name, None, wanted)
    value = document[name]
    if not isinstance(value, kind):
        _wrong_type(name, wanted, value)
    return value


def _maybe(document: Mapping[str, Any], name: str, kind: type, wanted: str) -> Any:
    value = document.get(name)
    if value is not None and not isinstance(value, kind):
        _wrong_type(name, wanted, value)
    return value


def _missing(name: str, value: Any, wanted: str) -> NoReturn:
    if value is not None:
        _wrong_type(name, wanted, value)
    refuse(
        "bad_request",
        message=f"Missing required parameter: '{name}'.",
        param=name,
        code="missing_required_parameter",
    )


def _wrong_type(name: str, wanted: str, value: Any) -> NoReturn:
    found = _KINDS_OF_JSON[type(value)]
    refuse(
        "bad_request",
        message=f"Invalid type for '{name}': expected {wanted}, but got {found} instead.",
        param=name,
        code="invalid_type",
    )


def _wrong_role(index: int, role: Any) -> NoReturn:
    if not isinstance(role, str):
        _missing(f"messages[{index}].role", role, "a string")
    refuse(
        "bad_request",
        message=f"Invalid value: {_shown(role)}. Supported values are: 'system', 'assistant', 'user', 'function', "
        "'tool', and 'developer'.",
        param=f"messages[{index}].role",
        code="invalid_value",
    )


def _shown(value: Any) -> str:
    """A value as OpenAI's messages quote it, at most 200 letters of it."""
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return f"'{text[:200]}'"
