"""Somebody else's answer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ...fakes.compose import compose
from .base import Context
from .rewritten import Rewritten

if TYPE_CHECKING:
    from ...fakes.dialects.base import Answer, Ask


class SwappedAnswer(Rewritten):
    """Give each call the answer to the call before it, as providers and their caches have mixed up customers.

    It is an answer of the same shape and length, in a flawless envelope. Only marked calls can be told apart, so others
    keep their answer. The call is billed as ever.
    """

    def rewrite(self, context: Context, ask: Ask, answer: Answer) -> Answer | None:
        """The answer to the call before; to the one after, for the very first."""
        mark = ask.mark
        if mark is None:
            return None
        other = replace(mark, call=mark.call - 1 if mark.call else 1)
        return compose(replace(ask, mark=other), context.provider, id_seed=answer.id_seed, created_s=answer.created_s)


FAULT = SwappedAnswer
