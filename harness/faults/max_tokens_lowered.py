"""A model that gives fewer tokens at most than it did."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from ...scenarios.units import TokenLimit
from .base import Context
from .spoken import Spoken


class MaxTokensLowered(Spoken):
    """Refuse requests that ask for more output tokens than the model gives, as after a fallback to a smaller model."""

    failure_kind = "max_tokens_too_high"

    to: TokenLimit = Field(
        default="0 tokens",
        validate_default=True,
        description="only requests that ask for more output tokens than this; 0 tokens refuses all",
    )

    @property
    def picks(self) -> bool:
        """Whether modest requests pass."""
        return self.to > 0

    def concerns(self, context: Context) -> bool:
        """Whether too much is asked for; a request that names no number asks for what there is."""
        return not self.picks or (context.ask is not None and (context.ask.max_tokens or 0) > self.to)

    def told(self, context: Context) -> dict[str, Any]:
        """What fills the vendor's words: the true figures, if there is a limit."""
        told = super().told(context)
        if not self.picks or context.ask is None:
            return told
        asked = context.ask.max_tokens or 0
        return {**told, "asked_tokens": asked, "most_tokens": self.to, "requested": asked, "output": self.to}


FAULT = MaxTokensLowered
