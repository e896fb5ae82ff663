"""An account that was refused is let in again, before what refused it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from ...fakes.account import OK
from ...scenarios.units import Duration
from .base import Effect, Place, Standing

if TYPE_CHECKING:
    from ...scenarios.entry import Entry


class Reinstated(Standing):
    """Let an account in again while another entry still refuses it: an appeal that reaches the vendor's nodes in turn.

    Let it begin inside the ban's window and end with it: from its start on more and more requests pass, and with the
    end of the ban all do. A router that trusts the first good answer is thrown back by the next node. It lifts what was
    done to the same customers: `credential` for a ban of that key alone, none for a ban of all.
    """

    phase: ClassVar[str] = "reinstatement"
    selectors: ClassVar[frozenset[str]] = frozenset({"share", "credential"})
    bites = "those that are answered and that another entry would have refused"

    settle: Duration = Field(
        default=0.0,
        description="time from the start to reach every node of the vendor; until then ever more requests pass",
    )
    rollout: Duration = Field(
        default="0s",
        validate_default=True,
        description="time from the start in which the share of credentials it reaches grows to `share`",
    )

    def begin(self, place: Place) -> Effect:
        """Put the provider's accounts back in good standing."""
        if place.for_s > 0:
            place.accounts.change(
                OK,
                key=place.entry.credential,
                in_s=place.in_s,
                for_s=place.for_s,
                share=place.entry.share_max,
                rollout_s=self.rollout,
                settle_s=self.settle,
                entry=place.id,
            )
        return _LetIn(place)


class _LetIn(Effect):
    def lets_in(self, credential: str) -> bool:
        """Whether it is about this credential."""
        entry: Entry = self.place.entry
        return entry.credential is None or entry.credential == credential


STANDING = Reinstated
