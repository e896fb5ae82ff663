"""What Bedrock reads out of a Converse request beyond its words: stop sequences, cache points, and whether to think.

The cache is the rule that `_anthropic_extras.py` describes, up to the last `cachePoint`; thinking and its signatures
are those of Anthropic's models, which say themselves what they can't do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from . import _anthropic_extras as anthropic
from . import _tokens
from ._anthropic_signatures import holds

STOPS_MAX: Final = 2500
"""Most stop sequences (the service model)."""
FROM_THE_MODEL: Final = "The model returned the following errors: "
"""What stands before a complaint of the model's (daisuke-awaji/moca#254)."""


def cache(document: Mapping[str, Any], input_tokens: int) -> tuple[int, int]:
    """How many of a prompt's `input_tokens` are read from the cache, and how many are written to it."""
    letters = messages = marked = sent_before = 0
    for role, block in _blocks(document):
        if block is None:  # a message begins
            if role == "assistant":
                sent_before = _tokens.count(letters, messages, None)
            messages += 1
        elif "cachePoint" in block:
            marked = _tokens.count(letters, messages, None)
        elif isinstance(block.get("text"), str):
            letters += len(block["text"])
        elif "toolUse" in block or "toolResult" in block or "toolSpec" in block:
            letters += _tokens.written(block)
    marked = min(marked, input_tokens)
    if marked < anthropic.CACHE_TOKENS_MIN:
        return 0, 0
    read = min(marked, sent_before)
    return read, marked - read


def read_thinking(document: Mapping[str, Any], max_tokens: int | None) -> tuple[int, str | None]:
    """The tokens to think before the answer, and the model's complaint if the request can't be granted."""
    more = document.get("additionalModelRequestFields")
    if not isinstance(more, dict) or more.get("thinking") is None:
        return 0, None
    return anthropic.read_thinking({"thinking": more["thinking"], "max_tokens": max_tokens or 2**31})


def altered_thoughts(messages: list[Any]) -> str | None:
    """The model's complaint about thoughts that don't come back as they were given."""
    for index, message in enumerate(messages):
        for place, block in enumerate(message["content"]):
            thought = block.get("reasoningContent")
            said = thought.get("reasoningText") if isinstance(thought, dict) else None
            if not isinstance(said, dict) or "signature" not in said:
                continue
            if not holds(str(said.get("text")), str(said["signature"])):
                return f"messages.{index}.content.{place}: Invalid `signature` in `thinking` block"
    return None


def _blocks(document: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any] | None]]:
    """Everything that the prompt consists of, in the order of the cache; (role, None) where a message begins."""
    for tool in (document.get("toolConfig") or {}).get("tools") or []:
        yield "tool", tool
    for block in document.get("system") or []:
        yield "system", block
    for message in document["messages"]:
        yield message["role"], None
        for block in message["content"]:
            yield message["role"], block
