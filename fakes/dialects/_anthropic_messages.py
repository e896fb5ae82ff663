"""Anthropic messages: reading a request as the vendor validates it, in both generations of the API.

Messages are worded as the vendor's validator words them ("max_tokens: Field required", tickernelz/opencode-mem#50).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from ..answer import find_mark
from . import _anthropic_extras as extras
from . import _tokens
from ._anthropic_complaints import complain, maybe, need, parse, refuse
from ._anthropic_limits import fit
from ._anthropic_turns import check_thinking_turn, content_text, read_messages
from ._routes import Request
from .base import Ask, Tool

VERSIONS: Final = frozenset({"2023-01-01", "2023-06-01", "2026-10-21"})
NEWEST: Final = "2026-10-21"
"""The version that refuses sampling parameters, even at their defaults (platform.claude.com, migration-2026-10-21)."""
_SAMPLING: Final = frozenset({"temperature", "top_p", "top_k"})
_COUNTED: Final = frozenset(
    {
        "betas",
        "cache_control",
        "context_management",
        "mcp_servers",
        "messages",
        "model",
        "output_config",
        "output_format",
        "speed",
        "system",
        "thinking",
        "tool_choice",
        "tools",
        "user_profile_id",
        "workspace_id",
    }
)
"""Fields of a prompt that is to be counted (SDK 0.125 and 2.10, betas included); the API refuses any other."""
_KNOWN: Final = _COUNTED | {
    "billing_policy",
    "compaction",
    "container",
    "diagnostics",
    "fallback_credit_token",
    "fallbacks",
    "inference_geo",
    "max_tokens",
    "metadata",
    "service_tier",
    "stop_sequences",
    "stream",
    "thread",
}
"""Fields of a request."""


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
    return read_document(parse(request.body), request.body, strict=version == NEWEST)


def read_document(document: dict[str, Any], raw: bytes, *, strict: bool) -> Ask:
    """Understand a request's `document`, the JSON of `raw`; `strict` is the newest version."""
    _check_fields(document, _KNOWN if strict else _KNOWN | _SAMPLING)
    ask = _read_prompt(document, raw, strict=strict)
    max_tokens = need(document, "max_tokens", int, "integer")
    if max_tokens < 1:
        complain("max_tokens: must be greater than or equal to 1")
    thinking, complaint = extras.read_thinking(document)
    if complaint is not None:
        complain(complaint)
    if thinking:
        if ask.tool_choice not in ("auto", "none"):  # langchain-ai/langchain and BerriAI/litellm know these words
            complain("Thinking may not be enabled when tool_choice forces tool use.")
        check_thinking_turn(document["messages"])
    return replace(
        ask,
        stream=maybe(document, "stream", bool, "boolean") or False,
        max_tokens=fit(ask.model, ask.input_tokens, max_tokens),
        stop=_read_stop(document),
        reasoning_tokens=thinking,
    )


def read_count(request: Request) -> Ask:
    """Understand the body of ``POST /v1/messages/count_tokens``: a prompt that nobody is to answer."""
    strict = check_version(request.headers) == NEWEST
    return read_counted(parse(request.body), request.body, strict=strict)


def read_counted(document: dict[str, Any], raw: bytes, *, strict: bool) -> Ask:
    """Understand a prompt's `document`, the JSON of `raw`."""
    _check_fields(document, _COUNTED)
    return replace(_read_prompt(document, raw, strict=strict), operation="count_tokens")


def _check_fields(document: Mapping[str, Any], known: frozenset[str]) -> None:
    for name in document:
        if name not in known:
            refuse("unsupported_parameter", param=name[:200])


def _read_prompt(document: dict[str, Any], raw: bytes, *, strict: bool) -> Ask:
    model = need(document, "model", str, "string")
    if not model:
        complain("model: String should have at least 1 character")
    messages = need(document, "messages", list, "list")
    if not messages:
        complain("messages: at least one message is required")
    system = content_text(document.get("system") or "", "system")
    conversation = read_messages(messages, strict=strict)
    tools = _read_tools(maybe(document, "tools", list, "list") or [])
    choice = maybe(document, "tool_choice", dict, "object")
    letters = conversation.letters + len(system)
    input_tokens = _tokens.count(letters, len(messages), document.get("tools"))
    cached, written = extras.cache(raw, document, input_tokens)
    return Ask(
        model=model,
        stream=False,
        text=conversation.text,
        mark=find_mark(conversation.text),
        input_tokens=input_tokens,
        schema=_read_schema(document),
        tools=tools,
        tool_choice=_read_choice(choice, tools),
        after_tool_result=conversation.after_tool,
        first_turn=not conversation.answered,
        include_usage=True,
        cached_tokens=cached,
        cache_write_tokens=written,
        cache_write_1h_tokens=written if written and extras.lasts_an_hour(document) else 0,
        parallel=choice is None or choice.get("disable_parallel_tool_use") is not True,
        body=document,
    )


def _read_stop(document: Mapping[str, Any]) -> tuple[str, ...]:
    stops = maybe(document, "stop_sequences", list, "list") or []
    for place, stop in enumerate(stops):
        if not isinstance(stop, str):
            complain(f"stop_sequences.{place}: Input should be a valid string")
        if not stop.strip():
            complain("stop_sequences: each stop sequence must contain non-whitespace")
    return tuple(stops)


def _read_schema(document: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The schema of a JSON answer: `output_config.format`, or the older beta's `output_format`."""
    config = maybe(document, "output_config", dict, "object")
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
