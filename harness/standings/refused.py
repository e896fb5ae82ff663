"""The standings that are one failure of the vendor each: an account in bad standing, a model that is gone.

One mechanism under the name of each failure, instead of a file each; what a failure means is said where it is named.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, ClassVar, Final

from pydantic import Field

from ...fakes.account import Accounts
from ...fakes.dialects._kinds import KINDS
from ...fakes.quota import Refusal
from ...scenarios.registry import Complaint
from ...scenarios.units import Duration, format_duration
from .base import Effect, Place, Standing

if TYPE_CHECKING:
    from ...fakes.dialects.base import Ask
    from ...scenarios.entry import Entry

DETAILS_MAX: Final = 16
"""Details of the vendor's words that an entry may name."""

ACCOUNT_KINDS: Final = (
    "bad_key",
    "billing_problem",
    "daily_limited",
    "key_expired",
    "oauth_expired",
    "oauth_revoked",
    "org_disabled",
    "permission_denied",
    "quota_exhausted",
    "region_blocked",
    "spend_capped",
    "third_party_refused",
    "tier_capped",
    "window_drained",
)
"""Failures that say how an account stands."""
MODEL_KINDS: Final = ("model_not_found", "model_retired")
"""Failures that say that a model is gone."""


class Refused(Standing):
    """Refuses requests, in the vendor's words for one failure."""

    selectors: ClassVar[frozenset[str]] = frozenset({"share", "credential"})
    kind: ClassVar[str]
    """The failure."""
    bites = "those that it refuses"

    settle: Duration = Field(
        default="0s",
        validate_default=True,
        description="time from the start to reach every node of the vendor; until then ever fewer requests pass",
    )
    rollout: Duration = Field(
        default="0s",
        validate_default=True,
        description="time from the start in which the share of credentials it reaches grows to `share`",
    )
    details: dict[str, str | int | float | bool] = Field(
        default_factory=dict, max_length=DETAILS_MAX, description="details of the vendor's words, by name"
    )

    def whole(self, entry: Entry) -> bool:
        """Unless it reaches some of the keys only, or not all of the nodes at once."""
        return entry.share_max >= 1 and entry.credential is None and not self.settle and not self.rollout

    def reach(self, accounts: Accounts, place: Place, spread_s: float | None = None) -> None:
        """Change the standing of whom it reaches, as its parameters and selectors say."""
        if place.for_s > 0:
            accounts.change(
                self.kind,
                key=place.entry.credential,
                in_s=place.in_s,
                for_s=place.for_s,
                share=place.entry.share_max,
                rollout_s=self.rollout,
                settle_s=self.settle,
                spread_s=spread_s,
                details=self.details,
                entry=place.id,
            )


class AccountRefused(Refused):
    """Refuses an account's requests, in the vendor's words for one failure.

    It reaches the keys that come to the provider: all of them, or `credential` alone. With `spread` a ban that began
    with one key becomes its organisation's: `on` names a provider for each of the organisation's keys.
    """

    phase = "standing of the account"

    spread: Duration | None = Field(
        default=None,
        description="after this a ban of one key becomes its organisation's: it begins with the first provider of `on` "
        "(or with `credential`) and then reaches all others",
    )

    def begin(self, place: Place) -> Effect:
        """Change the standing of the provider's accounts."""
        self.reach(place.accounts, place, self.spread if place.entry.credential is not None else None)
        return Effect(place)

    def late_s(self, entry: Entry, provider: str) -> float:
        """A ban that spreads reaches the providers after the first one later."""
        first = entry.credential is not None or provider == entry.on[0]
        return 0.0 if self.spread is None or first else self.spread

    def complaints(self, entry: Entry, window_s: float) -> Iterator[Complaint]:
        """A spread needs somewhere to spread to, and the time for it."""
        place = ("with", "spread")
        if self.spread is None:
            return
        if entry.credential is None and len(entry.on) < 2:
            advice = "name a second provider in on, which stands for another key of the organisation, or a credential"
            yield Complaint(place, "a ban spreads from one key to others, and there is only one here", advice)
        if self.spread >= window_s:
            what = f"the window ends after {format_duration(window_s)}, before the ban has spread"
            yield Complaint(place, what, "let it spread sooner, or let until be later")


class ModelRefused(Refused):
    """Refuses requests for a model, in the vendor's words for one failure; other models go on.

    It is about `model`, or about the model that the scenario gives the provider.
    """

    phase = "models"
    selectors = frozenset({"share", "credential", "model"})

    def begin(self, place: Place) -> Effect:
        """Take the model away."""
        return _ModelGone(self, place)


class _ModelGone(Effect):
    def __init__(self, refused: Refused, place: Place) -> None:
        super().__init__(place)
        self._model = place.entry.model or place.model
        # who is reached, when, and by which nodes is decided as it is for accounts
        self._reached = Accounts(place.failures, seed=place.seed, clock=place.clock)
        refused.reach(self._reached, place)

    def refuse(self, credential: str, ask: Ask) -> Refusal | None:
        """Refuse a request for the model."""
        if ask.model != self._model:
            return None
        refusal = self._reached.refusal(credential)
        if refusal is None:
            return None
        return Refusal(refusal.kind, {"model": ask.model, **refusal.details}, refusal.entry)


def _class(kind: str, base: type[Refused]) -> type[Refused]:
    meaning = KINDS[kind]
    doc = f"{meaning[0].upper()}{meaning[1:]}.\n{(base.__doc__ or '').partition(chr(10))[2]}"
    name = "".join(part.capitalize() for part in kind.split("_"))
    return type(name, (base,), {"__doc__": doc, "__module__": __name__, "kind": kind, "failure_kinds": (kind,)})


def every() -> Iterable[tuple[str, type[Refused]]]:
    """The standings of this file, with their names."""
    for kind in ACCOUNT_KINDS:
        yield kind, _class(kind, AccountRefused)
    for kind in MODEL_KINDS:
        yield kind, _class(kind, ModelRefused)
