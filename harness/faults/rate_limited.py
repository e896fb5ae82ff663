"""Too many requests, with or without a word on when to come back."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from ...scenarios.units import Duration
from .base import Action, Context, Fault, Respond


class RateLimited(Fault):
    """Refuse every request with a 429, with Retry-After if `retry_after` is given."""

    reaches_provider = False
    billed = False
    failure_kind = "rate_limited"

    retry_after: Duration | None = Field(
        default=None, description="how long the provider asks to wait; null sends no Retry-After at all"
    )

    def on_request(self, context: Context) -> Action:
        """Refuse in the vendor's words, at once."""
        details: dict[str, Any] = {} if self.retry_after is None else {"retry_after": self.retry_after}
        if context.ask is not None:
            details["model"] = context.ask.model
        return Respond(context.dialect.failure("rate_limited", details, id_seed=context.id_seed))


FAULT = RateLimited
