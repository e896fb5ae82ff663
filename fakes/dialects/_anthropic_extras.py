"""What Anthropic reads out of a request beyond its words: the prompt's cache, and whether to think first.

The cache is a rule instead of a memory, so that bills can be checked by hand. A prompt is cached up to its last
`cache_control`, if that is 1,024 tokens or more (the vendor's guide on prompt caching). What stands before the
conversation's last answer was sent before: it is read from the cache, and the rest is written to it. A first turn thus
writes everything. Thinking takes a fixed number of tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from . import _tokens

CACHE_TOKENS_MIN: Final = 1024
"""Shortest prefix that is cached, in tokens."""
THINKING_TOKENS: Final = 64
"""Tokens that are thought before an answer, when thinking is asked for."""
THINKING_BUDGET_MIN: Final = 1024
"""Least `budget_tokens` that the vendor takes."""
_KEY: Final = b'"cache_control"'


def cache(raw: bytes, document: Mapping[str, Any], input_tokens: int) -> tuple[int, int]:
    """How many of a prompt's `input_tokens` are read from the cache, and how many are written to it."""
    if _KEY not in raw:
        return 0, 0
    letters = messages = 0
    marked = sent_before = 0
    for role, block in _blocks(document):
        if block is None:  # a message begins
            if role == "assistant":
                sent_before = _tokens.count(letters, messages, None)
            messages += 1
            continue
        letters += len(block["text"]) if isinstance(block.get("text"), str) else 0
        if role == "tool":
            letters += _tokens.written(block)
        if block.get("cache_control") is not None:
            marked = _tokens.count(letters, messages, None)
    if document.get("cache_control") is not None:  # up to the last block, wherever that is
        marked = input_tokens
    marked = min(marked, input_tokens)
    if marked < CACHE_TOKENS_MIN:
        return 0, 0
    read = min(marked, sent_before)
    return read, marked - read


def lasts_an_hour(document: Mapping[str, Any]) -> bool:
    """Whether what is written to the cache stays for an hour instead of five minutes."""
    marks = [document.get("cache_control"), *(block.get("cache_control") for _, block in _blocks(document) if block)]
    return any(isinstance(mark, dict) and mark.get("ttl") == "1h" for mark in marks)


def read_thinking(document: Mapping[str, Any]) -> tuple[int, str | None]:
    """The tokens to think before the answer, and a complaint if the request can't be granted."""
    thinking = document.get("thinking")
    if thinking is None:
        return 0, None
    kind = thinking.get("type") if isinstance(thinking, dict) else None
    if kind not in ("enabled", "disabled", "adaptive"):
        return 0, (
            "thinking: Input tag found using 'type' does not match any of the expected tags: 'disabled', 'enabled', "
            "'adaptive'"
        )
    if kind == "enabled":
        budget = thinking.get("budget_tokens")
        if isinstance(budget, bool) or not isinstance(budget, int):
            return 0, "thinking.enabled.budget_tokens: Field required"
        if budget < THINKING_BUDGET_MIN:
            return 0, (
                f"thinking.enabled.budget_tokens: Input should be greater than or equal to {THINKING_BUDGET_MIN}"
            )
        if document["max_tokens"] <= budget:
            return 0, "`max_tokens` must be greater than `thinking.budget_tokens`"
    return (0 if kind == "disabled" else THINKING_TOKENS), None


def _blocks(document: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any] | None]]:
    """Everything that the prompt consists of, in the order of the cache; (role, None) where a message begins."""
    for tool in document.get("tools") or []:
        yield "tool", tool
    yield from _of("system", document.get("system"))
    for message in document["messages"]:
        yield message["role"], None
        yield from _of(message["role"], message["content"])


def _of(role: str, content: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if isinstance(content, str):
        yield role, {"text": content}
    for block in content if isinstance(content, list) else []:
        yield role, block
