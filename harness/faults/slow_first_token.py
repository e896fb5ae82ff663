"""A provider that thinks for too long before it begins."""

from __future__ import annotations

from pydantic import Field

from ...scenarios.units import Duration
from .base import Action, Context, Fault, Forward


class SlowFirstToken(Fault):
    """Hold each request back, so that its first token comes later and the pace after it stays."""

    phase = "latency"
    reaches_provider = True
    billed = True

    delay: Duration = Field(default="2s", validate_default=True, description="added to the time to first token")

    def on_request(self, context: Context) -> Action:
        """Forward later. Delaying the request, not the response, keeps the provider's own pace intact."""
        return Forward(delay_s=self.delay)


FAULT = SlowFirstToken
