"""How much Anthropic's models take and give: context windows, and output tokens at most.

Figures: the vendor's page of models, as BerriAI/litellm's table has them; models that neither names count as the
newest do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ._anthropic_complaints import refuse

WINDOW_TOKENS: Final = 1_000_000
"""Context window of the newest models, in tokens."""
OUTPUT_TOKENS: Final = 128_000
"""Most output tokens of the newest models."""
_SMALLER: Final[Mapping[str, tuple[int, int]]] = MappingProxyType(
    {
        r"claude-3-(opus|sonnet|haiku)": (200_000, 4_096),
        r"claude-3-5": (200_000, 8_192),
        r"claude-3": (200_000, 64_000),
        r"claude-opus-4(-[01])?(-\d{8}|$)": (200_000, 32_000),
        r"claude-(sonnet-4(-0)?(-\d{8}|$)|(sonnet|haiku|opus)-4-5)": (200_000, 64_000),
    }
)
_STRICT: Final = re.compile(r"claude-(3|(opus|sonnet)-4(-[01])?(-\d{8}|$))")
"""Models that refuse what may not fit; later ones answer until their window is full."""


def most_tokens(model: str) -> tuple[int, int]:
    """A model's context window, and its output tokens at most."""
    return next(
        (found for pattern, found in _SMALLER.items() if re.match(pattern, model)), (WINDOW_TOKENS, OUTPUT_TOKENS)
    )


def fit(model: str, input_tokens: int, max_tokens: int) -> int:
    """How many tokens the answer may have: `max_tokens`, or what is left of the window.

    Raises:
        RequestRefused: when the prompt doesn't fit, or more is asked for than the model ever gives.
    """
    window, output = most_tokens(model)
    if max_tokens > output:
        refuse("max_tokens_too_high", asked_tokens=max_tokens, most_tokens=output, model=model[:200])
    if input_tokens >= window:
        refuse("context_too_long", requested=input_tokens, maximum=window)
    left = window - input_tokens
    if max_tokens > left and _STRICT.match(model):
        figures = {"in_messages": input_tokens, "in_completion": max_tokens, "window": window}
        refuse("context_too_long", variant="with_max_tokens", **figures)
    return min(max_tokens, left)
