"""Cohere chat, version 2: reading a request as the vendor validates it.

Fields: the vendor's API reference and the official SDK 7.3. Complaints begin as those on the vendor's page of errors do
("invalid request: …"); the page has no words for most of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ..answer import find_mark
from . import _tokens
from ._cohere_complaints import complain, count, maybe, model_of, parse, refuse
from ._routes import Request
from .base import Ask, Tool

THINKING_TOKENS: Final = 64
"""Tokens that are thought before an answer, when thinking is asked for: made up, and always the same."""
CACHE_TOKENS_MIN: Final = 1024
"""Shortest prompt that is cached, in tokens: a guess, since the vendor names none."""
STOPS_MAX: Final = 5
"""Most stop sequences that a request may have (the API reference)."""
_ROLES: Final = ("system", "user", "assistant", "tool")


def read(request: Request) -> Ask:
    """Understand the body of ``POST /v2/chat``."""
    document = parse(request.body)
    model = model_of(document)
    messages = maybe(document, "messages", list, "a list")
    if not messages:
        complain("messages must not be empty.")
    read_ = _read_messages(messages)
    documents = _documents(document)
    tools = _read_tools(maybe(document, "tools", list, "a list") or [])
    return Ask(
        model=model,
        stream=maybe(document, "stream", bool, "a boolean") or False,
        text=read_.text,
        mark=find_mark(read_.text),
        input_tokens=_tokens.count(read_.letters + documents, len(messages), document.get("tools")),
        max_tokens=count(document, "max_tokens"),
        schema=_read_schema(document, tools),
        tools=tools,
        tool_choice=_read_choice(document.get("tool_choice"), tools),
        after_tool_result=messages[-1]["role"] == "tool",
        first_turn=not read_.answered,
        include_usage=True,
        stop=_read_stop(document),
        cached_tokens=_cached(read_, documents, document),
        reasoning_tokens=_read_thinking(document),
        parallel=True,
        body=document,
    )


@dataclass(slots=True)
class _Conversation:
    """What the messages say; `sent_letters` in `sent_messages` stand before the last answer."""

    text: str = ""
    letters: int = 0
    answered: bool = False
    sent_letters: int = 0
    sent_messages: int = 0


def _read_messages(messages: list[Any]) -> _Conversation:
    read_ = _Conversation()
    for index, message in enumerate(messages):
        where = f"messages[{index}]"
        if not isinstance(message, dict):
            complain(f"{where} must be an object.")
        role = message.get("role")
        if role not in _ROLES:
            complain(f"Invalid role in {where}. Role must be one of the following: {', '.join(_ROLES)}")
        text = _content_text(message.get("content"), f"{where}.content", role)
        if role == "assistant":
            read_.sent_letters, read_.sent_messages = read_.letters, index
        read_.letters += len(text)
        if role == "user":
            read_.text = text
        elif role == "assistant":
            read_.answered = True
            for name in ("tool_calls", "tool_plan"):
                if message.get(name):
                    read_.letters += _tokens.written(message[name])
        elif role == "tool" and not isinstance(message.get("tool_call_id"), str):
            complain(f"{where}.tool_call_id is required.")
    return read_


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
    documents = maybe(document, "documents", list, "a list")
    return _tokens.written(documents) if documents else 0


def _cached(read_: _Conversation, documents: int, document: Mapping[str, Any]) -> int:
    """Tokens that come from the cache: what stands before the last answer was sent before."""
    if not read_.answered:
        return 0
    sent = _tokens.count(read_.sent_letters + documents, read_.sent_messages, document.get("tools"))
    return sent if sent >= CACHE_TOKENS_MIN else 0


def _read_stop(document: Mapping[str, Any]) -> tuple[str, ...]:
    stops = maybe(document, "stop_sequences", list, "a list") or []
    if len(stops) > STOPS_MAX:
        complain(f"stop_sequences can have at most {STOPS_MAX} entries.")
    if any(not isinstance(stop, str) for stop in stops):
        complain("stop_sequences must be a list of strings.")
    return tuple(stop for stop in stops if stop)


def _read_thinking(document: Mapping[str, Any]) -> int:
    """The tokens to think before the answer: the budget, if it is less than what is thought anyway."""
    thinking = maybe(document, "thinking", dict, "an object")
    if thinking is None or thinking.get("type") == "disabled":
        return 0
    if thinking.get("type") != "enabled":
        complain("thinking.type must be one of the following: enabled, disabled")
    budget = count(thinking, "token_budget", 0)
    return THINKING_TOKENS if budget is None else min(budget, THINKING_TOKENS)


def _read_schema(document: Mapping[str, Any], tools: tuple[Tool, ...]) -> Mapping[str, Any] | None:
    """The schema of a JSON answer; without one, the schema of any object."""
    form = maybe(document, "response_format", dict, "an object")
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
