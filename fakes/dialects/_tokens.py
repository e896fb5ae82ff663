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
    letters += len(orjson.dumps(tools)) if tools else 0
    return -(-letters // LETTERS_PER_TOKEN) + TOKENS_PER_MESSAGE * messages
