"""A model whose context is shorter than it was."""

from __future__ import annotations

from pydantic import Field

from ...scenarios.units import TokenLimit
from .context_too_long import ContextTooLong


class ShorterContext(ContextTooLong):
    """Shorten the model's context: prompts above it are refused as too long, in the vendor's words; others pass.

    It is `context_too_long` with a limit that lets ordinary prompts pass.
    """

    above: TokenLimit = Field(
        default="8192 tokens", validate_default=True, description="tokens of the longest prompt that still passes"
    )


FAULT = ShorterContext
