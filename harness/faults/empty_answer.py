"""A model that says nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from .base import Context
from .rewritten import Rewritten, written

if TYPE_CHECKING:
    from ...fakes.dialects.base import Answer, Ask


class EmptyAnswer(Rewritten):
    """Let the answer be empty: a valid 200 that ended properly and holds no content.

    The usage that it reports, and the invoice, are those of the answer that the model would have given.
    """

    def rewrite(self, context: Context, ask: Ask, answer: Answer) -> Answer:
        """No pieces, or an empty one where a stream would otherwise have no event that says how it ended."""
        empty = replace(answer, pieces=(), tool=None, calls=(), finish="stop", stop_sequence=None)
        said = any(b"{" in piece for piece in written(context.dialect, ask, empty))
        return empty if said else replace(empty, pieces=("",))


FAULT = EmptyAnswer
