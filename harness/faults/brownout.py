"""A provider that fails more and more, and slower and slower."""

from __future__ import annotations

from typing import Self

from pydantic import Field

from ...scenarios.units import Duration, Share
from ..chance import chance
from .base import Action, Context, Forward, Respond
from .spoken_wait import SpokenWait


class Brownout(SpokenWait):
    """Refuse a growing share of the requests as overloaded, and let all of them wait longer and longer.

    Both grow evenly from nothing when the window opens to `refused` and `delay`; the entry's `share` says how many
    requests take part.
    """

    failure_kind = "overloaded"
    reaches_provider = True
    billed = True

    refused: Share = Field(default="50%", validate_default=True, description="share that is refused at its worst")
    delay: Duration = Field(default="2s", validate_default=True, description="added before each answer at its worst")
    full_after: Duration | None = Field(
        default=None, gt=0, description="from the window's start to its worst; the whole window if absent"
    )

    @property
    def picks(self) -> bool:
        """Some requests are answered."""
        return True

    def in_window(self, since_s: float, window_s: float) -> Self:
        """As bad as it is by then."""
        part = min(1.0, since_s / (window_s if self.full_after is None else self.full_after))
        return self.model_copy(update={"refused": self.refused * part, "delay": self.delay * part})

    def on_request(self, context: Context) -> Action:
        """Refuse or forward, either way late; who is refused is the seed's choice."""
        if chance(context.id_seed, "brownout") < self.refused:
            return Respond(self.say(context), self.delay)
        return Forward(self.delay)


FAULT = Brownout
