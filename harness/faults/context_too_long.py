"""A prompt that does not fit the model's context."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from ...scenarios.units import TokenLimit
from .base import Context
from .spoken import Spoken


class ContextTooLong(Spoken):
    """Refuse requests whose prompt does not fit the model's context, as after a fallback to a smaller model.

    Variants: OpenAI's `completion` counts the answer in, `responses` are its Responses API's words; Anthropic's
    `with_max_tokens`.
    """

    failure_kind = "context_too_long"

    above: TokenLimit = Field(
        default="0 tokens", validate_default=True, description="only requests whose prompt has more tokens than this"
    )

    @property
    def picks(self) -> bool:
        """Whether short prompts pass."""
        return self.above > 0

    def concerns(self, context: Context) -> bool:
        """Whether the prompt is too long; one that is not understood is not, unless all are."""
        return not self.picks or (context.ask is not None and context.ask.input_tokens > self.above)

    def told(self, context: Context) -> dict[str, Any]:
        """What fills the vendor's words: the true figures, if there is a limit."""
        told = super().told(context)
        if not self.picks or context.ask is None:
            return told
        answer = context.ask.max_tokens or 0
        figures = {
            "requested": context.ask.input_tokens,
            "maximum": self.above,
            "window": self.above,
            "in_messages": context.ask.input_tokens,
            "in_completion": answer,
            "prompted_whole": context.ask.input_tokens + answer,
        }
        return {**told, **figures}


FAULT = ContextTooLong
