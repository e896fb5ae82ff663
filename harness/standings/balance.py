"""Money that is left, and is spent by being used."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from ...fakes.quota import Refusal
from .base import Effect, Place, Standing

if TYPE_CHECKING:
    from ...fakes.dialects.base import Ask
    from ...scenarios.entry import Entry


class Balance(Standing):
    """Leave the account a balance of prepaid credit: once that is spent, all is refused.

    Each request is paid from it, of all keys that come to the provider or of `credential` alone. Answers under way are
    finished, so it may be overdrawn a little. At the end of the window the account is topped up.
    """

    phase: ClassVar[str] = "balance"
    selectors: ClassVar[frozenset[str]] = frozenset({"credential"})
    failure_kinds: ClassVar[tuple[str, ...]] = ("quota_exhausted", "billing_problem", "spend_capped")
    bites = "those that it refuses; one that is never spent bites nothing, so the run proves nothing"

    usd: float = Field(ge=0, allow_inf_nan=False, description="US dollars left when the window opens")

    def begin(self, place: Place) -> Effect:
        """Begin with the whole balance."""
        kind = next(kind for kind in self.failure_kinds if kind in place.failures)
        return _Spent(place, kind, self.usd)

    def whole(self, entry: Entry) -> bool:
        """Once it is spent, every request is refused."""
        return entry.credential is None


class _Spent(Effect):
    def __init__(self, place: Place, kind: str, left_usd: float) -> None:
        super().__init__(place)
        self._kind = kind
        self._left_usd = left_usd

    def _concerns(self, credential: str) -> bool:
        mine = self.place.entry.credential
        return mine is None or mine == credential

    def refuse(self, credential: str, ask: Ask) -> Refusal | None:
        """Refuse once nothing is left."""
        if self._left_usd > 0 or not self._concerns(credential):
            return None
        return Refusal(self._kind, {"credential": credential, "model": ask.model}, self.place.id)

    def settle(self, credential: str, ask: Ask, produced_tokens: int, usd: float) -> None:  # noqa: ARG002 - its signature
        """Pay."""
        if self._concerns(credential):
            self._left_usd -= usd


STANDING = Balance
