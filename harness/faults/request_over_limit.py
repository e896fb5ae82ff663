"""One request that is larger than the limit a minute."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from ...scenarios.units import TokenLimit
from .base import Context
from .spoken import Spoken


class RequestOverLimit(Spoken):
    """Refuse requests that are larger than the limit a minute: a 429 (Groq: 413) that never passes by waiting."""

    failure_kind = "request_over_limit"

    above: TokenLimit = Field(
        default="0 tokens", validate_default=True, description="only requests whose prompt has more tokens than this"
    )

    @property
    def picks(self) -> bool:
        """Whether small requests pass."""
        return self.above > 0

    def concerns(self, context: Context) -> bool:
        """Whether the prompt is too large; one that is not understood is not, unless all are."""
        return not self.picks or (context.ask is not None and context.ask.input_tokens > self.above)

    def told(self, context: Context) -> dict[str, Any]:
        """What fills the vendor's words: the true figures, if there is a limit."""
        told = super().told(context)
        if not self.picks or context.ask is None:
            return told
        return {**told, "ceiling": self.above, "requested": context.ask.input_tokens}


FAULT = RequestOverLimit
