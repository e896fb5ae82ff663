"""A model that stops sooner than it was asked to."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import Field

from ...fakes.compose import compose
from ...scenarios.units import Tokens
from .base import Context
from .rewritten import Rewritten

if TYPE_CHECKING:
    from ...fakes.dialects.base import Answer, Ask


class AnswerShortened(Rewritten):
    """Cap answers at so many tokens, whatever was asked for: they end early, and properly, for reasons of length.

    The usage that it reports is that of the short answer. The provider is not told of the cap: a plain answer is billed
    whole, a stream for what was produced when the short one ended. (`max_tokens_lowered` refuses requests that ask for
    more.)
    """

    ends_early = True

    to: Tokens = Field(default="8 tokens", validate_default=True, description="tokens that an answer has at most")

    @property
    def picks(self) -> bool:
        """Whether answers within the cap pass."""
        return True

    def rewrite(self, context: Context, ask: Ask, answer: Answer) -> Answer | None:
        """The answer to a request with that cap."""
        if ask.max_tokens is not None and ask.max_tokens <= self.to:
            return None
        short = compose(
            replace(ask, max_tokens=self.to), context.provider, id_seed=answer.id_seed, created_s=answer.created_s
        )
        return short if short.finish == "length" else None


FAULT = AnswerShortened
