"""Bedrock Converse: reading a request as the service validates it.

Members and their types: the service model in botocore 1.44. Complaints: the threads named where used, else the form
that the service gives to all violations of its model ("1 validation error detected: …", Portkey-AI/gateway#1124).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import orjson

from ..answer import find_mark
from . import _bedrock_extras as extras
from . import _bedrock_invoke as invoke
from . import _tokens
from ._bedrock_complaints import complain, maybe, parse, unlike
from ._routes import Request
from .base import Ask, Tool

_ROLES: Final = ("user", "assistant", "system")


def read_plain(request: Request) -> Ask:
    """Understand ``POST /model/{modelId}/converse``."""
    return _read(request.name, parse(request.body))


def read_stream(request: Request) -> Ask:
    """Understand ``POST /model/{modelId}/converse-stream``: the path alone says that it streams."""
    return replace(read_plain(request), stream=True)


def read_count(request: Request) -> Ask:
    """Understand ``POST /model/{modelId}/count-tokens``, of a Converse request or of a model's own body."""
    wanted = maybe(parse(request.body), "input", dict, "input") or {}
    invoked = maybe(wanted, "invokeModel", dict, "input.invokeModel")
    if invoked is not None:
        return invoke.read_counted(request.name, invoked.get("body"))
    converse = maybe(wanted, "converse", dict, "input.converse")
    if converse is None:
        complain("The input field must have one member: converse or invokeModel.")
    return replace(_read(request.name, converse), operation="count_tokens")


def _read(model: str, document: Mapping[str, Any]) -> Ask:
    messages = maybe(document, "messages", list, "messages")
    if not messages:  # strands and LiteLLM users know these words
        complain(
            "A conversation must start with a user message. Try again with a conversation that starts with a user "
            "message."
        )
    system = _content(document.get("system") or [], "system")
    text, letters, answered, after_tool, used_tools = _read_messages(messages)
    tools, choice = _read_tools(document)
    if used_tools and document.get("toolConfig") is None:  # langchain-ai/langchain-aws#591
        complain("The toolConfig field must be defined when using toolUse and toolResult content blocks.")
    max_tokens = _read_max_tokens(document)
    thinking, complaint = extras.read_thinking(document, max_tokens)
    complaint = complaint or extras.altered_thoughts(messages)
    if complaint is not None:
        complain(extras.FROM_THE_MODEL + complaint)
    input_tokens = _tokens.count(letters + system.letters, len(messages), document.get("toolConfig"))
    cached, written = extras.cache(document, input_tokens)
    return Ask(
        model=model,
        stream=False,
        text=text,
        mark=find_mark(text),
        input_tokens=input_tokens,
        max_tokens=max_tokens,
        schema=_read_schema(document),
        tools=tools,
        tool_choice=choice,
        after_tool_result=after_tool,
        first_turn=not answered,
        include_usage=True,
        stop=_read_stop(document),
        cached_tokens=cached,
        cache_write_tokens=written,
        reasoning_tokens=thinking,
        parallel=True,
        body=document,
    )


class _Content:
    """What content blocks hold: their text, the letters of all they say, and which kinds of block there are."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.letters = 0
        self.kinds: set[str] = set()

    @property
    def text(self) -> str:
        """The text blocks, a line each."""
        return "\n".join(self.texts)


def _content(blocks: Any, where: str) -> _Content:
    if not isinstance(blocks, list):
        unlike(where, "a list")
    content = _Content()
    for place, block in enumerate(blocks):
        if not isinstance(block, dict) or not block:
            unlike(f"{where}.{place}", "a content block")
        content.kinds.update(block)
        if "text" in block:
            text = block["text"]
            if not isinstance(text, str):
                unlike(f"{where}.{place}.text", "a string")
            if not text.strip():  # langchain-ai/langchain-aws and many others
                complain(
                    f"The text field in the ContentBlock object at {where}.{place} is blank. Add text to the text "
                    "field, and try again."
                )
            content.texts.append(text)
            content.letters += len(text)
        elif "toolUse" in block or "toolResult" in block:
            content.letters += _tokens.written(block)
    return content


def _read_messages(messages: list[Any]) -> tuple[str, int, bool, bool, bool]:
    """The last user content's text; letters in all; an answer before; ends in a tool's result; tools were used."""
    last_user = ""
    letters = 0
    answered = after_tool = used_tools = False
    for index, message in enumerate(messages):
        where = f"messages.{index}"
        if not isinstance(message, dict):
            unlike(where, "a message")
        role = message.get("role")
        if role not in _ROLES:
            shown = role[:100] if isinstance(role, str) else "null"
            complain(
                f"1 validation error detected: Value '{shown}' at '{where}.role' failed to satisfy constraint: Member "
                "must satisfy enum value set: [assistant, system, user]"
            )
        content = _content(message.get("content"), f"{where}.content")
        if not content.kinds:
            complain(
                f"The content field in the Message object at {where} is empty. Add a ContentBlock object to the "
                "content field and try again."
            )
        letters += content.letters
        after_tool = "toolResult" in content.kinds
        used_tools |= after_tool or "toolUse" in content.kinds
        if role == "user" and (content.texts or not after_tool):  # a mere result leaves the question standing
            last_user = content.text
        elif role == "assistant":
            if not answered and not any(each.get("role") == "user" for each in messages[:index]):
                complain(
                    "A conversation must start with a user message. Try again with a conversation that starts with a "
                    "user message."
                )
            answered = True
    return last_user, letters, answered, after_tool, used_tools


def _read_max_tokens(document: Mapping[str, Any]) -> int | None:
    config = maybe(document, "inferenceConfig", dict, "inferenceConfig") or {}
    value = config.get("maxTokens")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        unlike("inferenceConfig.maxTokens", "an integer")
    if value < 1:
        complain(
            f"1 validation error detected: Value '{value}' at 'inferenceConfig.maxTokens' failed to satisfy "
            "constraint: Member must have value greater than or equal to 1"
        )
    return value


def _read_stop(document: Mapping[str, Any]) -> tuple[str, ...]:
    config = maybe(document, "inferenceConfig", dict, "inferenceConfig") or {}
    stops = maybe(config, "stopSequences", list, "inferenceConfig.stopSequences") or []
    for place, stop in enumerate(stops):
        if not isinstance(stop, str):
            unlike(f"inferenceConfig.stopSequences.{place}", "a string")
        if not stop:
            complain(
                f"1 validation error detected: Value '' at 'inferenceConfig.stopSequences.{place}' failed to satisfy "
                "constraint: Member must have length greater than or equal to 1"
            )
    if len(stops) > extras.STOPS_MAX:
        complain(
            "1 validation error detected: Value at 'inferenceConfig.stopSequences' failed to satisfy constraint: "
            f"Member must have length less than or equal to {extras.STOPS_MAX}"
        )
    return tuple(stops)


def _read_schema(document: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The schema of a JSON answer, which `outputConfig.textFormat` carries as JSON text."""
    config = maybe(document, "outputConfig", dict, "outputConfig") or {}
    form = maybe(config, "textFormat", dict, "outputConfig.textFormat")
    if form is None:
        return None
    if form.get("type") != "json_schema":
        complain(
            "1 validation error detected: Value at 'outputConfig.textFormat.type' failed to satisfy constraint: Member "
            "must satisfy enum value set: [json_schema]"
        )
    where = "outputConfig.textFormat.structure.jsonSchema"
    structure = maybe(form, "structure", dict, "outputConfig.textFormat.structure") or {}
    text = (maybe(structure, "jsonSchema", dict, where) or {}).get("schema")
    if not isinstance(text, str):
        unlike(f"{where}.schema", "a string")
    try:
        schema = orjson.loads(text)
    except orjson.JSONDecodeError:
        schema = None
    if not isinstance(schema, dict):
        complain(f"The value at {where}.schema is not a valid JSON schema.")
    return schema


def _read_tools(document: Mapping[str, Any]) -> tuple[tuple[Tool, ...], str]:
    """The tools that are offered, and which of them is wanted."""
    config = maybe(document, "toolConfig", dict, "toolConfig")
    if config is None:
        return (), "auto"
    offered = maybe(config, "tools", list, "toolConfig.tools")
    if not offered:  # Portkey-AI/gateway#1124
        complain(
            "1 validation error detected: Value at 'toolConfig.tools' failed to satisfy constraint: Member must have "
            "length greater than or equal to 1"
        )
    tools = []
    for place, each in enumerate(offered):
        where = f"toolConfig.tools.{place}"
        if not isinstance(each, dict):
            unlike(where, "a tool")
        spec = maybe(each, "toolSpec", dict, f"{where}.toolSpec")
        if spec is None:  # one that the service runs itself, or a mark for its cache
            continue
        name, schema = spec.get("name"), (maybe(spec, "inputSchema", dict, f"{where}.inputSchema") or {}).get("json")
        if not isinstance(name, str) or not name:
            unlike(f"{where}.toolSpec.name", "a string")
        if not isinstance(schema, dict):
            unlike(f"{where}.toolSpec.inputSchema.json", "an object")
        tools.append(Tool(name, schema))
    return tuple(tools), _read_choice(maybe(config, "toolChoice", dict, "toolConfig.toolChoice"), tools)


def _read_choice(choice: Mapping[str, Any] | None, tools: list[Tool]) -> str:
    if choice is None or "auto" in choice:
        return "auto"
    if "any" in choice:
        return "any"
    wanted = choice.get("tool")
    name = wanted.get("name") if isinstance(wanted, dict) else None
    if not isinstance(name, str):
        complain("The toolChoice field must have one member: auto, any or tool.")
    if all(tool.name != name for tool in tools):
        complain(f"The tool {name[:64]} that toolChoice names is not in toolConfig.tools.")
    return f"tool:{name}"
