"""A model that declines."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ...fakes.dialects.base import UnknownFailureError
from .base import Context
from .rewritten import Rewritten

if TYPE_CHECKING:
    from ...fakes.dialects.base import Answer, Ask

WORDS: Final = ("I'm ", "sorry, ", "but ", "I ", "can't ", "help ", "with ", "that.")
"""What a model says that declines, in tokens."""
_VARIANTS: Final = ("refusal", "model", "answer")
"""Names that the vendors' own refusals in a 200 have, in `fakes/dialects`."""


class Refusal(Rewritten):
    """Let the model decline in place of its answer: a 200 in the vendor's own form for it, plain or streamed.

    OpenAI and Azure have a `refusal` in place of content, Anthropic a stop reason and no text, Gemini the finish reason
    SAFETY, Bedrock the stop reason content_filtered; the others' models decline in an ordinary text. A vendor bills
    such a call: the invoice is for what the model would have said.
    """

    def rewrite(self, context: Context, ask: Ask, answer: Answer) -> Answer | bytes:
        """The vendor's form if it has one, else a text."""
        told = {"now_s": context.wall_s, "input_tokens": ask.input_tokens}
        for variant in _VARIANTS:
            try:
                reply = context.dialect.failure(
                    "content_filtered", {**told, "variant": variant}, id_seed=context.id_seed, ask=ask
                )
            except UnknownFailureError:
                continue
            if reply.status == 200:
                return reply.body
        return replace(answer, pieces=WORDS, tool=None, calls=(), finish="stop", stop_sequence=None)


FAULT = Refusal
