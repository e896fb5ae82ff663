"""Anthropic messages: reading a request as the vendor validates it, in both generations of the API.

Messages are worded as the vendor's validator words them ("max_tokens: Field required", tickernelz/opencode-mem#50).
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, NoReturn

import orjson

from ..answer import find_mark
from . import _anthropic_extras as extras
from . import _anthropic_failures as failures
from . import _tokens
from ._routes import Request
from .base import Ask, RequestRefused, Tool

VERSIONS: Final = frozenset({"2023-01-01", "2023-06-01", "2026-10-21"})
_WITHOUT_SAMPLING: Final = "2026-10-21"
"""The version from which sampling parameters are refused (platform.claude.com, migration-2026-10-21)."""
_SAMPLING: Final = ("temperature", "top_p", "top_k")


def refuse(kind: str, **details: Any) -> NoReturn:
    """Answer the request with a failure; the same complaint gets the same request id."""
    raise RequestRefused(failures.reply(kind, details, id_seed=zlib.crc32(repr(details).encode())))


def complain(message: str) -> NoReturn:
    """Refuse with 400 `invalid_request_error`."""
    refuse("bad_request", message=message)


def check_version(headers: Mapping[str, str]) -> str:
    """The API version that the request names."""
    version = headers.get("anthropic-version")
    if version is None:
        complain("anthropic-version: header is required")
    if version not in VERSIONS:
        complain(f'anthropic-version: "{version[:100]}" is not a valid version')
    return version


def read(request: Request) -> Ask:
    """Understand the body of ``POST /v1/messages``."""
    version = check_version(request.headers)
    document = _parse(request.body)
    ask = _read_prompt(document, request.body)
    max_tokens = _need(document, "max_tokens", int, "integer")
    if max_tokens < 1:
        complain("max_tokens: must be greater than or equal to 1")
    if version == _WITHOUT_SAMPLING:
        for name in _SAMPLING:
            if name in document:  # refused even at its default
                refuse("unsupported_parameter", param=name)
    thinking, complaint = extras.read_thinking(document)
    if complaint is not None:
        complain(complaint)
    return replace(
        ask,
        stream=_maybe(document, "stream", bool, "boolean") or False,
        max_tokens=max_tokens,
        stop=_read_stop(document),
        reasoning_tokens=thinking,
    )


def read_count(request: Request) -> Ask:
    """Understand the body of ``POST /v1/messages/count_tokens``: a prompt that nobody is to answer."""
    check_version(request.headers)
    return replace(_read_prompt(_parse(request.body), request.body), operation="count_tokens")


def _read_prompt(document: dict[str, Any], raw: bytes) -> Ask:
    model = _need(document, "model", str, "string")
    if not model:
        complain("model: String should have at least 1 character")
    messages = _need(document, "messages", list, "list")
    if not messages:
        complain("messages: at least one message is required")
    system = _content_text(document.get("system") or "", "system")
    text, letters, answered, after_tool = _read_messages(messages)
    tools = _read_tools(_maybe(document, "tools", list, "list") or [])
    input_tokens = _tokens.count(letters + len(system), len(messages), document.get("tools"))
    cached, written = extras.cache(raw, document, input_tokens)
    return Ask(
        model=model,
        stream=False,
        text=text,
        mark=find_mark(text),
        input_tokens=input_tokens,
        schema=_read_schema(document),
        tools=tools,
        tool_choice=_read_choice(_maybe(document, "tool_choice", dict, "object"), tools),
        after_tool_result=after_tool,
        first_turn=not answered,
        include_usage=True,
        cached_tokens=cached,
        cache_write_tokens=written,
        cache_write_1h_tokens=written if written and extras.lasts_an_hour(document) else 0,
        body=document,
    )


def _parse(body: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        complain(f"The request body is not valid JSON: {error}")
    if not isinstance(document, dict):
        complain("Input should be a valid dictionary")
    return document


def _read_messages(messages: list[Any]) -> tuple[str, int, bool, bool]:
    """The last user content's text; letters in all; an answer before; the last message brings a tool's result."""
    last_user = ""
    letters = 0
    answered = False
    after_tool = False
    for index, message in enumerate(messages):
        where = f"messages.{index}"
        if not isinstance(message, dict):
            complain(f"{where}: Input should be a valid dictionary")
        role = message.get("role")
        if role == "system":
            complain(
                'messages: Unexpected role "system". The Messages API accepts a top-level `system` parameter, not '
                '"system" as an input message role.'
            )
        if role not in ("user", "assistant"):
            complain(
                f"{where}.role: Input should be 'user' or 'assistant'" if role else f"{where}.role: Field required"
            )
        if "content" not in message:
            complain(f"{where}.content: Field required")
        content = message["content"]
        text = _content_text(content, f"{where}.content")
        letters += len(text)
        after_tool = False
        if role == "user":
            if isinstance(content, list):
                after_tool = any(block["type"] == "tool_result" for block in content)
            if text or not after_tool:  # a turn that only brings a tool's result leaves the question standing
                last_user = text
        else:
            answered = True
    return last_user, letters, answered, after_tool


def _content_text(content: Any, where: str) -> str:
    """The text of a string or of text blocks."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        complain(f"{where}: Input should be a valid string or list")
    texts = []
    for place, block in enumerate(content):
        if not isinstance(block, dict):
            complain(f"{where}.{place}: Input should be a valid dictionary")
        kind = block.get("type")
        if not isinstance(kind, str):
            complain(f"{where}.{place}.type: Field required")
        if kind == "text":
            text = block.get("text")
            if not isinstance(text, str):
                complain(f"{where}.{place}.text.text: Field required")
            texts.append(text)
    return "\n".join(texts)


def _read_stop(document: Mapping[str, Any]) -> tuple[str, ...]:
    stops = _maybe(document, "stop_sequences", list, "list") or []
    for place, stop in enumerate(stops):
        if not isinstance(stop, str):
            complain(f"stop_sequences.{place}: Input should be a valid string")
        if not stop.strip():
            complain("stop_sequences: each stop sequence must contain non-whitespace")
    return tuple(stops)


def _read_schema(document: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The schema of a JSON answer: `output_config.format`, or the older beta's `output_format`."""
    config = _maybe(document, "output_config", dict, "object")
    where, form = "output_config.format", config.get("format") if config else None
    if form is None:
        where, form = "output_format", document.get("output_format")
    if form is None:
        return None
    if not isinstance(form, dict) or form.get("type") != "json_schema":
        complain(f"{where}.type: Input should be 'json_schema'")
    schema = form.get("schema")
    if not isinstance(schema, dict):
        complain(f"{where}.schema: Field required" if schema is None else f"{where}.schema: Input should be an object")
    return schema


def _read_tools(tools: list[Any]) -> tuple[Tool, ...]:
    read_tools = []
    for index, tool in enumerate(tools):
        if not isinstance(tool, dict):
            complain(f"tools.{index}: Input should be a valid dictionary")
        name = tool.get("name")
        if not isinstance(name, str) or not name:
            complain(f"tools.{index}.custom.name: Field required")
        if tool.get("type", "custom") not in ("custom", None):  # one that the vendor runs itself (web search, …)
            continue
        schema = tool.get("input_schema")
        if not isinstance(schema, dict):
            complain(f"tools.{index}.custom.input_schema: Field required")
        read_tools.append(Tool(name, schema))
    return tuple(read_tools)


def _read_choice(choice: Mapping[str, Any] | None, tools: tuple[Tool, ...]) -> str:
    if choice is None:
        return "auto"
    kind = choice.get("type")
    if kind not in ("auto", "any", "tool", "none"):
        complain(
            "tool_choice: Input tag found using 'type' does not match any of the expected tags: 'auto', 'any', "
            "'tool', 'none'"
        )
    if kind == "none":
        return "none"
    if not tools:
        complain("tool_choice: may only be specified while providing tools")
    if kind != "tool":
        return str(kind)
    name = choice.get("name")
    if not isinstance(name, str):
        complain("tool_choice.tool.name: Field required")
    if all(tool.name != name for tool in tools):
        complain(f"Tool '{name[:200]}' not found in provided tools")
    return f"tool:{name}"


def _need(document: Mapping[str, Any], name: str, kind: type, wanted: str) -> Any:
    if name not in document:
        complain(f"{name}: Field required")
    value = document[name]
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        complain(f"{name}: Input should be a valid {wanted}")
    return value


def _maybe(document: Mapping[str, Any], name: str, kind: type, wanted: str) -> Any:
    return None if document.get(name) is None else _need(document, name, kind, wanted)
