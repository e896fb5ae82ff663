"""The provider sheds load."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pydantic import Field

from ...scenarios.registry import Complaint
from .base import Context
from .spoken_wait import SpokenWait

if TYPE_CHECKING:
    from ...fakes.dialects.base import Dialect

_CAUSE = "overloaded"


class Overloaded(SpokenWait):
    """Refuse every request because the provider is overloaded (Anthropic's is a 529).

    Variants: OpenAI's `429` and `engine`, Gemini's `2025`, the words that routers still match on.
    """

    failure_kind = "overloaded"

    in_200: bool = Field(
        default=False,
        description="say it with status 200, in the body or as the stream's first event, as OpenAI's Responses do",
    )

    @property
    def kind(self) -> str:
        """The failure, or the 200 that it is in."""
        return "error_in_200" if self.in_200 else "overloaded"

    def told(self, context: Context) -> dict[str, Any]:
        """What fills the vendor's words."""
        told = super().told(context)
        return {**told, "cause": _CAUSE} if self.in_200 else told

    def complaints(self, dialect: Dialect) -> Iterator[Complaint]:
        """A vendor that never says it in a 200."""
        found = False
        if self.in_200 and "error_in_200" in dialect.failures:
            replies = [dialect.failure("error_in_200", each, id_seed=0) for each in ({}, {"cause": _CAUSE})]
            found = replies[0] == replies[1]
        if self.in_200 and (found or "error_in_200" not in dialect.failures):
            what = f"{dialect.name!r} never says that it is overloaded with a status 200"
            yield Complaint(("with", "in_200"), what, "leave it out for this provider")
        else:
            yield from super().complaints(dialect)


FAULT = Overloaded
