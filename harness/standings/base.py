"""What a standing is: a parameter model, and what it does to a fake provider's own state while its window is open.

Faults are played in front of a provider and know one request. A standing changes the provider itself, for whatever
must be consistent (a ban that every request of a key meets) or depends on what was used (a quota, a balance). It is
decided by comparing clocks, as faults are, and needs no timer. A standing's file defines ``STANDING``, a subclass of
`Standing`; its name is the file's name. Its docstring and its fields' descriptions are the documentation that the
catalogue and the schema show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from ...fakes.account import Accounts
    from ...fakes.dialects.base import Ask, Headers
    from ...fakes.quota import Refusal
    from ...scenarios.entry import Entry
    from ...scenarios.registry import Complaint
    from .staged_grants import StagedGrants


@dataclass(frozen=True, slots=True)
class Place:
    """A provider that an entry changes, and when.

    Attributes:
        id: The entry's id.
        entry: The entry.
        model: The model that the router shall ask this provider for.
        from_s: When its window opens here, in seconds of `clock`.
        until_s: When it closes.
        accounts: The provider's customers.
        failures: The failure kinds that its vendor has.
        clock: Seconds that never go back.
        seed: Seed of who is reached first.
        grants: The logins of its customers, None if they come with keys.
    """

    id: str
    entry: Entry
    model: str
    from_s: float
    until_s: float
    accounts: Accounts
    failures: frozenset[str]
    clock: Callable[[], float]
    seed: int
    grants: StagedGrants | None = None

    @property
    def in_s(self) -> float:
        """Seconds until its window opens, 0 if it is open."""
        return max(0.0, self.from_s - self.clock())

    @property
    def for_s(self) -> float:
        """Seconds its window lasts, from now on if it is open."""
        return self.until_s - max(self.from_s, self.clock())


@dataclass(frozen=True, slots=True)
class Used:
    """What a request is billed for; `input_tokens` include `cached_tokens`."""

    model: str
    input_tokens: int
    cached_tokens: int
    output_tokens: int


class Effect:
    """What an entry does at one provider to the requests that come while its window is open. Override what it does."""

    def __init__(self, place: Place) -> None:
        self.place = place

    def refuse(self, credential: str, ask: Ask) -> Refusal | None:  # noqa: ARG002 - for those that override it
        """What a request that was understood is refused with, None if it is not."""
        return None

    def settle(self, credential: str, ask: Ask, produced_tokens: int, usd: float) -> None:
        """Take note of what a request produced and cost, in US dollars."""

    def headers(self, credential: str, ask: Ask, headers: Headers) -> Headers:  # noqa: ARG002 - as above
        """An answer's headers as they are under it."""
        return headers

    def lets_in(self, credential: str) -> bool:  # noqa: ARG002 - as above
        """Whether it is what lets this credential in, given that its account would else be refused."""
        return False

    def shows(self, ask: Ask) -> bool:  # noqa: ARG002 - as above
        """Whether an answer to this request shows it, though it is refused nothing: that is a bite then."""
        return False

    def price(self, used: Used, listed: tuple[float, bool]) -> tuple[float, bool] | None:  # noqa: ARG002 - as above
        """What a request costs, in US dollars, and whether its model has a price; None leaves it as `listed`."""
        return None


class Standing(BaseModel):
    """A standing's parameters."""

    # Strict: true is no number, and neither is "5". A field of a type that YAML lacks, as a date, says strict=False.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    phase: ClassVar[str]
    """What of an account it changes; two of one phase can't hold at one provider at once."""
    selectors: ClassVar[frozenset[str]] = frozenset()
    """The entry's selectors that mean something for it."""
    failure_kinds: ClassVar[tuple[str, ...]] = ()
    """Failures of which the vendor needs one; the first that it has is played."""
    needs_login: ClassVar[bool] = False
    """Whether it is about a provider's `login`."""
    bites: ClassVar[str]
    """Which attempts it bites, for people."""

    def begin(self, place: Place) -> Effect:
        """Change the provider, from `place.from_s` to `place.until_s`."""
        raise NotImplementedError

    def whole(self, entry: Entry) -> bool:  # noqa: ARG002 - for those that override it
        """Whether from its first bite to its end it refuses every request, so that a router can only leave."""
        return False

    def late_s(self, entry: Entry, provider: str) -> float:  # noqa: ARG002 - as above
        """Seconds after the entry's start until it begins at a provider."""
        return 0.0

    def complaints(self, entry: Entry, window_s: float) -> Iterable[Complaint]:  # noqa: ARG002 - as above
        """What is wrong with an entry that has these parameters and lasts `window_s` seconds."""
        return ()
