"""What every translation of a chat completions body begins with: what it can't express is refused or told.

Each dialect names the keys that it reads. Any other that carries a wish is noted, so none can vanish without a word:
not one that a caller made up, nor one that chat completions get next year.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Any

from .errors import Meaning, fail
from .messages import LLMRequest

ALWAYS_READ = frozenset(
    {"model", "messages", "stream", "stream_options", "n", "functions", "function_call", "max_tokens",
     "max_completion_tokens", "temperature", "top_p", "stop", "tools", "tool_choice", "response_format"}
)  # fmt: skip
"""Keys that every dialect reads, or that say nothing about the answer."""
_DEFAULTS: dict[str, Any] = {
    "frequency_penalty": 0,
    "include": [],
    "logit_bias": {},
    "logprobs": False,
    "metadata": {},
    "modalities": ["text"],
    "parallel_tool_calls": True,
    "presence_penalty": 0,
    "service_tier": "auto",
    "store": False,
    "thinking": {"type": "disabled"},
    "top_logprobs": 0,
    "truncation": "disabled",
}
"""Values that are what a caller who says nothing gets."""
KEYS_MAX = 20
"""Keys that are named; the others are counted."""
KEY_CHARS_MAX = 40
"""Longest part of a key that is named: a caller may have written anything, and it ends up in a header and in a log."""


def left_out(asked: dict[str, Any], read: AbstractSet[str]) -> list[str]:
    """The keys of a body that nobody read and that carry a wish: neither null nor the default.

    Args:
        asked: A caller's body.
        read: Keys that are translated, or that carry no wish for other reasons.
    """
    names = [
        name
        for name, value in asked.items()
        if name not in read and value is not None and (name not in _DEFAULTS or value != _DEFAULTS[name])
    ]
    shown = [ascii(name[:KEY_CHARS_MAX])[1:-1] for name in names[:KEYS_MAX]]
    return shown if len(names) <= KEYS_MAX else [*shown, f"{len(names) - KEYS_MAX} keys more"]


def read_chat(request: LLMRequest, read: AbstractSet[str]) -> tuple[dict[str, Any], list[str]]:
    """The body of a request to be translated.

    Args:
        request: What the caller asks.
        read: Keys that the dialect reads, `ALWAYS_READ` among them.

    Returns:
        The body, and a note on each key that is left out.

    Raises:
        AttemptFailed: Meaning `unfit`: several choices, or functions in their form of 2023, whose answers have a form
            of their own as well.
    """
    chat = request.chat()
    if (chat.get("n") or 1) != 1:
        raise fail(Meaning.UNFIT, "unsupported_parameter", "n > 1 can't be asked of this API")
    if chat.get("functions"):
        raise fail(Meaning.UNFIT, "unsupported_parameter", "`functions` can't be translated for this API: use `tools`")
    for message in chat.get("messages") or ():
        if message.get("role") == "function" or message.get("function_call"):
            said = "a `function_call` or its result can't be translated for this API: use `tool_calls`"
            raise fail(Meaning.UNFIT, "unsupported_parameter", said)
    return chat, [] if chat.keys() <= read else [f"dropped {name}" for name in left_out(chat, read)]


def stops(chat: dict[str, Any]) -> list[str]:
    """The stop sequences as a list."""
    stop = chat.get("stop")
    return [stop] if isinstance(stop, str) and stop else list(stop or ())


def stops_for_claude(chat: dict[str, Any], notes: list[str]) -> list[str]:
    """The stop sequences that Claude takes; on one of blanks alone it says "must contain non-whitespace" (a 400)."""
    found = stops(chat)
    taken = [each for each in found if each.strip()]
    if len(taken) < len(found):
        notes.append("dropped stop sequences of blanks alone")
    return taken


def top_p_for_claude(chat: dict[str, Any], notes: list[str]) -> Any:
    """`top_p` as Claude takes it: beside a temperature it is a 400 of current models (litellm issue 15097)."""
    top_p = chat.get("top_p")
    if top_p is None or chat.get("temperature") is None:
        return top_p
    notes.append("dropped top_p: not taken beside temperature")
    return None
