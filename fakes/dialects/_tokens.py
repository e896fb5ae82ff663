"""How many tokens a prompt counts: a plain rule, the same for every vendor, so that bills can be checked by hand."""

from __future__ import annotations

from typing import Any, Final

import orjson

LETTERS_PER_TOKEN: Final = 4
"""Letters of prompt text that count as one token."""
TOKENS_PER_MESSAGE: Final = 4
"""Tokens that each message costs on top of its text."""


def count(letters: int, messages: int, tools: Any) -> int:
    """Input tokens of a prompt with `letters` letters in `messages` messages that offers `tools` (None for none)."""
    letters += written(tools) if tools else 0
    return -(-letters // LETTERS_PER_TOKEN) + TOKENS_PER_MESSAGE * messages


def written(document: Any) -> int:
    """How many letters a JSON document has; none if it is nested deeper than any prompt of use is (254 levels)."""
    try:
        return len(orjson.dumps(document))
    except orjson.JSONEncodeError:  # parsing goes deeper than writing does
        return 0
