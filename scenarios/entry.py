"""A timeline entry: what happens between two moments, where, to which requests, and in what rhythm."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from .growth import GrowingShare, Growth
from .units import Duration, Share

DUTY: Final = 0.5
"""Part of each period in which a flapping entry is on, unless `duty` says otherwise."""
HEADERS_MAX: Final = 16
"""Headers that an entry may select by."""
NTH_MAX: Final = 1_000_000
"""Highest number of a request that an entry may name."""
SECRET_HEADERS: Final = frozenset(
    {"authorization", "proxy-authorization", "cookie", "x-api-key", "api-key", "x-goog-api-key"}
)
"""Headers that hold a credential, by which an entry selects under its own key: there it is never written down."""
KINDS: Final = ("fault", "standing", "event")
"""What an entry may be; its name stands under one of these keys."""
RHYTHM: Final = ("every", "duty", "stagger", "together", "share_of")
"""Keys that say when and by whose draw a fault is on."""


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _as_numbers(value: Any) -> Any:
    return [value] if isinstance(value, int) and not isinstance(value, bool) else value


_ON_SCHEMA: Final = {
    "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1, "uniqueItems": True}]
}
_NUMBER: Final = {"type": "integer", "minimum": 1, "maximum": NTH_MAX}
_NUMBERS: Final = {"anyOf": [_NUMBER, {"type": "array", "items": _NUMBER, "minItems": 1, "maxItems": 1000}]}
Numbers = Annotated[
    list[Annotated[int, Field(strict=True, ge=1, le=NTH_MAX)]],
    BeforeValidator(_as_numbers),
    Field(min_length=1, max_length=1000),
    WithJsonSchema(_NUMBERS),
]
"""A number from 1, or a list of them."""


class Entry(BaseModel):
    """A timeline entry: what happens at some providers between two moments.

    A fault is played by the injector, from the request and the clock alone. A standing changes the fake provider's own
    state, for what must be consistent or depends on what was spent. An event happens to the router or its callers.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True)

    at: Duration = Field(description="start, after the first measured call")
    until: Duration | None = Field(default=None, description="end; the end of the load if absent")
    on: Annotated[list[str], BeforeValidator(_as_list), WithJsonSchema(_ON_SCHEMA)] = Field(
        default_factory=list, description="provider, or list of providers; an event on the system has none"
    )
    fault: str | None = Field(default=None, description="name of a fault, see `banstorm list faults`")
    standing: str | None = Field(default=None, description="name of a standing, see `banstorm list standings`")
    event: str | None = Field(
        default=None, description="name of an event on the router or its callers, see `banstorm list events`"
    )
    with_: dict[str, Any] = Field(
        default_factory=dict, alias="with", description="the fault's or the standing's parameters"
    )
    share: GrowingShare = Field(
        default=1.0,
        description="share of matching requests that a fault bites, or of credentials that a standing reaches, "
        "decided by the seed; a fault's may change in a straight line over its window: {from: 0%, to: 100%}",
    )
    share_of: Literal["request", "call", "credential", "caller"] = Field(
        default="request",
        description="what a fault's share is one of: requests, calls (all attempts of a call fare alike), credentials "
        "or callers; with a share that grows, the last two are a staged roll-out",
    )
    every: Duration | None = Field(
        default=None, description="the fault comes and goes: a period, of which it is on for the part `duty`"
    )
    duty: Share | None = Field(default=None, description="part of each period in which the fault is on; 50% if absent")
    stagger: Duration | None = Field(
        default=None, description="each further provider of `on` is reached this much later; all end together"
    )
    together: bool = Field(
        default=False,
        description="the same draw at every provider of `on`: who is bitten at one is bitten at all of them",
    )
    model: str | None = Field(default=None, description="only requests for this model")
    stream: bool | None = Field(default=None, strict=True, description="only streamed (true) or plain (false) requests")
    credential: str | None = Field(default=None, description="only requests with this API key")
    path: str | None = Field(default=None, description="only requests whose path starts with this")
    region: str | None = Field(
        default=None,
        min_length=1,
        max_length=100,
        description="only requests to this region, as their signature, path or host names it",
    )
    header: dict[Annotated[str, Field(min_length=1, max_length=200)], Annotated[str, Field(max_length=1000)]] | None = (
        Field(
            default=None,
            min_length=1,
            max_length=HEADERS_MAX,
            description="only requests whose headers have these values; * stands for any text, ? for any sign",
        )
    )
    nth: Numbers | None = Field(
        default=None, description="only these of the matching requests at the provider in the window, counted from 1"
    )
    first: Annotated[int, Field(strict=True, ge=1, le=NTH_MAX)] | None = Field(
        default=None, description="only so many of the matching requests at the provider in the window, the first ones"
    )
    attempt: Numbers | None = Field(
        default=None, description="only these attempts of a call at the provider: 1 is its first, 2 its first retry"
    )

    @model_validator(mode="after")
    def _forward(self) -> Entry:
        given = [kind for kind in KINDS if getattr(self, kind) is not None]
        if not given:
            raise ValueError("the key 'fault' or 'standing' is missing: an entry needs one of them, or an event")
        if len(given) > 1:
            raise ValueError(f"an entry has either {' or '.join(given)}: write two entries")
        if self.event is None and not self.on:
            raise ValueError("the key 'on' is missing: a fault or a standing needs a provider")
        if self.event is not None and (self.on or self.with_):
            raise ValueError(f"an event has no {'on' if self.on else 'with'}: it happens to the router or its callers")
        if self.until is not None and self.until <= self.at:
            raise ValueError("until must be later than at: an empty window can't bite")
        if len(set(self.on)) != len(self.on):
            raise ValueError("on names a provider twice")
        return self

    @model_validator(mode="after")
    def _rhythm(self) -> Entry:
        if self.duty is not None and self.every is None:
            raise ValueError("duty needs every: it is the part of a period in which the fault is on")
        if self.every is not None and not self.every > 0:
            raise ValueError("every must be above 0: it is the length of a period")
        if self.duty is not None and not 0 < self.duty < 1:
            raise ValueError("duty must lie between 0% and 100%: the fault comes and goes")
        for name in ("stagger", "together"):
            if getattr(self, name) and len(self.on) < 2:
                raise ValueError(f"{name} needs two providers or more in on")
        return self

    @model_validator(mode="after")
    def _selected(self) -> Entry:
        if self.nth is not None and self.first is not None:
            raise ValueError("an entry has either nth or first: they count the same requests")
        for name in self.header or {}:
            if name.lower() in SECRET_HEADERS:
                raise ValueError(f"the header {name!r} holds a credential: select by credential")
        return self

    @property
    def kind(self) -> Literal["fault", "standing", "event"]:
        """Which of the three it is: the key under which its name stands."""
        if self.event is not None:
            return "event"
        return "standing" if self.fault is None else "fault"

    @property
    def name(self) -> str:
        """The name of its fault, of its standing or of its event."""
        return self.fault or self.standing or self.event or ""

    def id_at(self, index: int) -> str:
        """What the ledger calls it, `index` being its place in the timeline from 0: ``0:org_disabled``."""
        return f"{index}:{self.name}"

    @property
    def share_max(self) -> float:
        """Its share, the larger end of one that changes."""
        return max(self.share.begin, self.share.end) if isinstance(self.share, Growth) else self.share

    def share_at(self, progress: float) -> float:
        """Its share when this part (0 to 1) of the window has passed."""
        return self.share.at(progress) if isinstance(self.share, Growth) else self.share

    def lag_s(self, provider: str) -> float:
        """Seconds after its start at which it reaches a provider of `on`."""
        return self.stagger * self.on.index(provider) if self.stagger else 0.0

    @property
    def given(self) -> frozenset[str]:
        """The keys that narrow it down or give it a rhythm, as far as they say anything."""
        found = {name for name in SELECTORS if getattr(self, name) is not None}
        found |= {name for name in RHYTHM if getattr(self, name) not in (None, False, "request")}
        return frozenset(found | ({"share"} if self.share != 1 else set()))

    @property
    def selector(self) -> tuple[Any, ...]:
        """What the entry selects by, besides the provider."""
        return tuple(_plain(getattr(self, name)) for name in SELECTORS)

    @property
    def picks(self) -> bool:
        """Whether requests as those that it bites pass while it is open: by turns, by number, or by a header."""
        return any(each is not None for each in (self.every, self.header, self.nth, self.first, self.attempt)) or (
            isinstance(self.share, Growth)
        )


SELECTORS: Final = ("model", "stream", "credential", "path", "region", "header", "nth", "first", "attempt")
"""Keys that say which requests an entry means, besides the provider and a share of them."""


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return tuple(sorted((name.lower(), text) for name, text in value.items()))
    return tuple(sorted(value)) if isinstance(value, list) else value
