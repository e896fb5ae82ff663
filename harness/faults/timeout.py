"""The vendor gives up on its own backend."""

from __future__ import annotations

from pydantic import Field

from ...scenarios.units import Duration
from .base import Action, Context, Forward, Respond
from .spoken import Spoken


class Timeout(Spoken):
    """Keep every request waiting, then refuse it with the vendor's own timeout (Anthropic's is a 504, Bedrock's a 408).

    The caller is not told that anything is wrong until then: a router without a time limit of its own waits as long.
    """

    failure_kind = "timeout"
    in_flight = "left alone; a request that waits goes on waiting when the window closes"

    after: Duration = Field(default="5s", validate_default=True, description="how long the vendor tries")

    def on_request(self, context: Context) -> Action:
        """Refuse in the vendor's words, late."""
        return Respond(self.say(context), self.after) if self.concerns(context) else Forward()


FAULT = Timeout
