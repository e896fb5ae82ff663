"""Gemini generateContent, streamGenerateContent and countTokens: reading a request as the vendor validates it."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from ..answer import find_mark
from . import _gemini_failures as failures
from . import _tokens
from ._gemini_answer import ALT
from ._gemini_complaints import complain, demand, field, integer, invalid, listing, message_field, parse, unknown
from ._gemini_schema import to_json_schema
from ._gemini_tools import read_tools
from ._routes import Request
from .base import Ask

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
_BESIDE_DATA: Final = frozenset(
    {"thought", "thoughtSignature", "thought_signature", "videoMetadata", "video_metadata", "partMetadata"}
)
"""Keys of a part that say something about its data and are none."""
_SIGNATURES_ACCEPTED: Final = frozenset({"context_engineering_is_the_way_to_go", "skip_thought_signature_validator"})
"""What the vendor documents for histories of other models (ai.google.dev, "Thought signatures")."""


@dataclass(slots=True)
class _Conversation:
    """What the contents say: the last user content's text, letters in all, and how the conversation stands."""

    text: str = ""
    letters: int = 0
    answered: bool = False
    after_tool: bool = False


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
    tools, choice = read_tools(document)
    config = message_field(document, "generationConfig", "generation_config", "GenerationConfig")
    max_tokens = integer(field(config, "maxOutputTokens"), "generation_config.max_output_tokens")
    if max_tokens is not None and max_tokens < 1:
        demand("generation_config.max_output_tokens", "max_output_tokens must be positive.")
    if stream and not wants_events(request.query):
        document[ALT] = "json"
    return Ask(
        model=request.name,
        stream=stream,
        text=conversation.text,
        mark=find_mark(conversation.text),
        input_tokens=tokens,
        max_tokens=max_tokens,
        schema=_read_schema(config),
        tools=tools,
        tool_choice=choice,
        after_tool_result=conversation.after_tool,
        first_turn=not conversation.answered,
        include_usage=True,
        body=document,
    )


def wants_events(query: Mapping[str, str]) -> bool:
    """Whether a stream is asked for as server-sent events."""
    return query.get("alt", query.get("$alt", "")).partition(";")[0] == "sse"


def _read_prompt(document: Mapping[str, Any], model: str) -> tuple[_Conversation, int]:
    contents = listing(field(document, "contents"))
    if not contents:
        demand("contents", "contents is not specified")
    instruction = field(document, "systemInstruction")
    letters = 0
    if instruction is not None:
        if not isinstance(instruction, dict):
            invalid("system_instruction", "Content", instruction)
        text, _, _ = _read_parts(instruction, "system_instruction")
        letters = len(text)
    conversation = _read_contents(contents)
    if failures.signs_calls(model):
        _check_signatures(contents)
    tokens = _tokens.count(letters + conversation.letters, len(contents), field(document, "tools"))
    return conversation, tokens


def _read_contents(contents: list[Any]) -> _Conversation:
    read = _Conversation()
    open_calls = 0
    for index, content in enumerate(contents):
        where = f"contents[{index}]"
        if not isinstance(content, dict):
            invalid(where, "Content", content)
        role = content.get("role") or "user"
        if role not in ("user", "model", "function"):
            complain("Please use a valid role: user, model.")
        text, calls, results = _read_parts(content, where)
        read.letters += len(text) + _letters_of_functions(content)
        if (open_calls and not results) or results > open_calls:
            _miscounted()
        open_calls -= results  # results may come in several contents, one after the other
        read.after_tool = False
        if role == "model":
            read.answered = True
            open_calls = calls
        else:
            read.after_tool = results > 0
            if text or not results:  # a turn that only brings a function's result leaves the question standing
                read.text = text
    if read.after_tool and open_calls:
        _miscounted()
    return read


def _miscounted() -> None:
    # google-gemini/gemini-cli#16984
    complain(
        "Please ensure that the number of function response parts is equal to the number of function call parts of "
        "the function call turn."
    )


def _read_parts(content: Mapping[str, Any], where: str) -> tuple[str, int, int]:
    """A content's text, without thoughts; how many functions it calls; how many results it brings."""
    parts = listing(content.get("parts"))
    if not parts:  # evalstate/fast-agent#205
        demand(f"{where}.parts", "contents.parts must not be empty.")
    texts = []
    calls = results = 0
    for place, part in enumerate(parts):
        if not isinstance(part, dict):
            invalid(f"{where}.parts[{place}]", "Part", part)
        if part.keys() <= _BESIDE_DATA:  # boldsoftware/sketch#68
            demand(f"{where}.parts[{place}].data", "required oneof field 'data' must have one initialized field")
        text = part.get("text")
        if text is not None:
            if not isinstance(text, str):
                invalid(f"{where}.parts[{place}]", "TYPE_STRING", text)
            if part.get("thought") is not True:
                texts.append(text)
        calls += field(part, "functionCall") is not None
        results += field(part, "functionResponse") is not None
    return "\n".join(texts), calls, results


def _letters_of_functions(content: Mapping[str, Any]) -> int:
    """Letters that calls and results add to the prompt, as JSON."""
    found = 0
    for part in listing(content.get("parts")):
        for name in ("functionCall", "functionResponse"):
            value = field(part, name)
            if value is not None:
                found += len(orjson.dumps(value))
    return found


def _check_signatures(contents: list[Any]) -> None:
    """Each step of the current turn must bring back the signature of its first function call (BerriAI/litellm#16893).

    The turn begins after the last user content that has something else than results.
    """
    for index in range(len(contents) - 1, -1, -1):
        content = contents[index]
        parts = listing(content.get("parts"))
        if content.get("role") != "model":
            if any(field(part, "functionResponse") is None for part in parts):
                return
            continue
        call = next((part for part in parts if field(part, "functionCall") is not None), None)
        if call is not None:
            _check_signature(call, index + 1)


def _check_signature(part: Mapping[str, Any], position: int) -> None:
    signature = field(part, "thoughtSignature")
    if not signature:
        call = field(part, "functionCall")
        name = call.get("name") if isinstance(call, dict) else None
        complain(
            "Function call is missing a thought_signature in functionCall parts. This is required for tools to work "
            "correctly, and missing thought_signature may lead to degraded model performance. Additional data, "
            f"function call `default_api:{name}` , position {position}. Please refer to "
            "https://ai.google.dev/gemini-api/docs/thought-signatures for more details."
        )
    try:
        if signature not in _SIGNATURES_ACCEPTED:
            base64.b64decode(str(signature).replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError, TypeError):  # anomalyco/opencode#4832
        complain("Corrupted thought signature.")


def _read_schema(config: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The schema of a JSON answer: in the vendor's own form, or as a JSON schema."""
    given = field(config, "responseJsonSchema")
    if isinstance(given, dict):
        return given
    own = field(config, "responseSchema")
    if own is not None:
        return to_json_schema(own)
    return {"type": "object"} if field(config, "responseMimeType") == "application/json" else None
