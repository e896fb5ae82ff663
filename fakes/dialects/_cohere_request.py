"""Cohere chat, version 2: reading a request as the vendor validates it.

Fields: the vendor's API reference and the official SDK 7.3. Complaints begin as those on the vendor's page of errors do
("invalid request: …"); the page has no words for most of them.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any, Final, NoReturn

import orjson

from ..answer import find_mark
from . import _cohere_failures as failures
from . import _tokens
from ._routes import Request
from .base import Ask, RequestRefused, Tool

_ROLES: Final = ("system", "user", "assistant", "tool")


def refuse(kind: str, **details: Any) -> NoReturn:
    """Answer the request with a failure; the same complaint gets the same ids."""
    raise RequestRefused(failures.reply(kind, details, id_seed=zlib.crc32(repr(details).encode())))


def complain(message: str) -> NoReturn:
    """Refuse with 400."""
    refuse("bad_request", message=f"invalid request: {message}")


def read(request: Request) -> Ask:
    """Understand the body of ``POST /v2/chat``."""
    document = _parse(request.body)
    model = document.get("model")
    if not isinstance(model, str) or not model:
        refuse("bad_request", message="a model parameter is required for this endpoint.")
    messages = _maybe(document, "messages", list, "a list")
    if not messages:
        complain("messages must not be empty.")
    text, letters, answered = _read_messages(messages)
    tools = _read_tools(_maybe(document, "tools", list, "a list") or [])
    return Ask(
        model=model,
        stream=_maybe(document, "stream", bool, "a boolean") or False,
        text=text,
        mark=find_mark(text),
        input_tokens=_tokens.count(letters + _documents(document), len(messages), document.get("tools")),
        max_tokens=_read_max_tokens(document),
        schema=_read_schema(document, tools),
        tools=tools,
        tool_choice=_read_choice(document.get("tool_choice"), tools),
        after_tool_result=messages[-1]["role"] == "tool",
        first_turn=not answered,
        include_usage=True,
        body=document,
    )


def _parse(body: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        refuse("bad_request", message="invalid json syntax: the body can not be parsed")
    if not isinstance(document, dict):
        refuse("bad_request", message="invalid type: the body must be an object")
    return document


def _read_messages(messages: list[Any]) -> tuple[str, int, bool]:
    """The last user content's text, how many letters there are in all, and whether there was an answer before."""
    last_user = ""
    letters = 0
    answered = False
    for index, message in enumerate(messages):
        where = f"messages[{index}]"
        if not isinstance(message, dict):
            complain(f"{where} must be an object.")
        role = message.get("role")
        if role not in _ROLES:
            complain(f"Invalid role in {where}. Role must be one of the following: {', '.join(_ROLES)}")
        text = _content_text(message.get("content"), f"{where}.content", role)
        letters += len(text)
        if role == "user":
            last_user = text
        elif role == "assistant":
            answered = True
            for name in ("tool_calls", "tool_plan"):
                if message.get(name):
                    letters += _tokens.written(message[name])
        elif role == "tool" and not isinstance(message.get("tool_call_id"), str):
            complain(f"{where}.tool_call_id is required.")
    return last_user, letters, answered


def _content_text(content: Any, where: str, role: str) -> str:
    """The text of a message's content: a string, or blocks of which some are text."""
    if isinstance(content, str):
        return content
    if content is None and role == "assistant":
        return ""
    if not isinstance(content, list):
        complain(f"{where} must be a string or a list of content blocks.")
    texts = []
    for place, block in enumerate(content):
        if not isinstance(block, dict) or not isinstance(block.get("type"), str):
            complain(f"{where}[{place}] must be a content block with a type.")
        if block["type"] == "text":
            if not isinstance(block.get("text"), str):
                complain(f"{where}[{place}].text must be a string.")
            texts.append(block["text"])
        elif block["type"] == "document":
            document = block.get("document")
            data = document.get("data") if isinstance(document, dict) else None
            if isinstance(data, str):
                texts.append(data)
    return "\n".join(texts)


def _documents(document: Mapping[str, Any]) -> int:
    """Letters of the documents that the answer may cite; they are billed as input."""
    documents = _maybe(document, "documents", list, "a list")
    return _tokens.written(documents) if documents else 0


def _read_max_tokens(document: Mapping[str, Any]) -> int | None:
    value = document.get("max_tokens")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        complain("max_tokens must be an integer.")
    if value < 1:
        complain("max_tokens must be at least 1.")
    return value


def _read_schema(document: Mapping[str, Any], tools: tuple[Tool, ...]) -> Mapping[str, Any] | None:
    """The schema of a JSON answer; without one, the schema of any object."""
    form = _maybe(document, "response_format", dict, "an object")
    if form is None or form.get("type") == "text":
        return None
    if form.get("type") != "json_object":
        complain("response_format.type must be one of the following: text, json_object")
    if document.get("documents"):
        refuse("unsupported_parameter")
    if tools:  # the API reference says so; the words are ours
        refuse("unsupported_parameter", message="invalid request: response_format is not supported with tools.")
    # the older name is version 1's, which version 2 took for a while
    schema = form.get("json_schema", form.get("schema"))
    if schema is None:
        return {"type": "object"}
    if not isinstance(schema, dict):
        complain("response_format.json_schema must be an object.")
    return schema


def _read_tools(tools: list[Any]) -> tuple[Tool, ...]:
    read_tools = []
    for index, tool in enumerate(tools):
        where = f"tools[{index}]"
        if not isinstance(tool, dict) or tool.get("type", "function") != "function":
            complain(f"{where}.type must be function.")
        function = tool.get("function")
        if not isinstance(function, dict):
            complain(f"{where}.function is required.")
        name = function.get("name")
        if not isinstance(name, str) or not name:
            complain(f"{where}.function.name is required.")
        parameters = function.get("parameters")
        if parameters is not None and not isinstance(parameters, dict):
            complain(f"{where}.function.parameters must be an object.")
        read_tools.append(Tool(name, parameters or {"type": "object", "properties": {}}))
    return tuple(read_tools)


def _read_choice(choice: Any, tools: tuple[Tool, ...]) -> str:
    """REQUIRED or NONE; no tool can be forced by its name."""
    if choice is None:
        return "auto"
    if choice not in ("REQUIRED", "NONE"):
        complain("tool_choice must be one of the following: REQUIRED, NONE")
    if not tools:
        complain("tool_choice is only supported with tools.")
    return "any" if choice == "REQUIRED" else "none"


def _maybe(document: Mapping[str, Any], name: str, kind: type, wanted: str) -> Any:
    value = document.get(name)
    if value is not None and not isinstance(value, kind):
        complain(f"{name} must be {wanted}.")
    return value
