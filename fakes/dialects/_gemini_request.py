"""Gemini generateContent, streamGenerateContent and countTokens: reading a request as the vendor validates it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..answer import find_mark
from . import _tokens
from ._gemini_answer import ALT, SHOW_THOUGHTS
from ._gemini_complaints import complain_of, demand, field, invalid, listing, message_field, parse, unknown
from ._gemini_config import read_config
from ._gemini_contents import Conversation, read_contents, read_parts
from ._gemini_signatures import check, signs_calls
from ._gemini_tools import read_tools
from ._routes import Request
from .base import Ask

CACHE_TOKENS_MIN: Final = 1024
"""Shortest prompt that is cached without being asked, in tokens (ai.google.dev)."""
INPUT_TOKENS_MAX: Final = 1_048_576
"""Longest prompt, in tokens."""
_FIELDS: Final = frozenset(
    {
        "cachedContent",
        "contents",
        "continuationToken",
        "generationConfig",
        "labels",
        "model",
        "safetySettings",
        "serviceTier",
        "store",
        "systemInstruction",
        "toolConfig",
        "tools",
    }
)
"""The request's fields (google-genai 3.4, `_GenerateContentParameters_to_mldev`); the API refuses any other."""
_KNOWN: Final = _FIELDS | {
    "cached_content",
    "continuation_token",
    "generation_config",
    "safety_settings",
    "service_tier",
    "system_instruction",
    "tool_config",
}


def read(request: Request) -> Ask:
    """Understand the body of ``:generateContent``."""
    return _read(request, stream=False)


def read_stream(request: Request) -> Ask:
    """Understand the body of ``:streamGenerateContent``."""
    return _read(request, stream=True)


def read_count(request: Request) -> Ask:
    """Understand the body of ``:countTokens``: contents, or a whole request under `generateContentRequest`."""
    document = parse(request.body)
    whole = message_field(document, "generateContentRequest", "generate_content_request", "GenerateContentRequest")
    conversation, tokens = _read_prompt(whole or document, "")
    return Ask(
        request.name,
        stream=False,
        text=conversation.text,
        mark=None,
        input_tokens=tokens,
        operation="count_tokens",
        body=document,
    )


def _read(request: Request, *, stream: bool) -> Ask:
    document = parse(request.body)
    for name in document:
        if name not in _KNOWN:
            unknown(name)
    conversation, tokens = _read_prompt(document, request.name)
    if tokens > INPUT_TOKENS_MAX:
        complain_of("context_too_long", requested=tokens, maximum=INPUT_TOKENS_MAX)
    tools, choice = read_tools(document)
    config = read_config(document, request.name)
    if stream and not wants_events(request.query):
        document[ALT] = "json"
    if config.show_thoughts:
        document[SHOW_THOUGHTS] = True
    return Ask(
        model=request.name,
        stream=stream,
        text=conversation.text,
        mark=find_mark(conversation.text),
        input_tokens=tokens,
        max_tokens=config.max_tokens,
        schema=config.schema,
        tools=tools,
        tool_choice=choice,
        after_tool_result=conversation.after_tool,
        first_turn=not conversation.answered,
        include_usage=True,
        stop=config.stop,
        cached_tokens=_cached(document, conversation, tokens),
        reasoning_tokens=config.reasoning_tokens,
        choices=config.choices,
        parallel=True,
        body=document,
    )


def _cached(document: Mapping[str, Any], conversation: Conversation, tokens: int) -> int:
    """Tokens that come from the cache: what stands before the last answer was sent before (implicit caching)."""
    if not conversation.answered:
        return 0
    sent = _tokens.count(conversation.sent_letters, conversation.sent_contents, field(document, "tools"))
    return min(sent, tokens) if sent >= CACHE_TOKENS_MIN else 0


def wants_events(query: Mapping[str, str]) -> bool:
    """Whether a stream is asked for as server-sent events."""
    return query.get("alt", query.get("$alt", "")).partition(";")[0] == "sse"


def _read_prompt(document: Mapping[str, Any], model: str) -> tuple[Conversation, int]:
    contents = listing(field(document, "contents"))
    if not contents:
        demand("contents", "contents is not specified")
    instruction = field(document, "systemInstruction")
    letters = 0
    if instruction is not None:
        if not isinstance(instruction, dict):
            invalid("system_instruction", "Content", instruction)
        text, _, _ = read_parts(instruction, "system_instruction")
        letters = len(text)
    conversation = read_contents(contents)
    if signs_calls(model):
        check(contents)
    tokens = _tokens.count(letters + conversation.letters, len(contents), field(document, "tools"))
    return conversation, tokens
