"""What the control API takes: one model a body, with units and bounds."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from .limits import RAMP_FLOOR, RAMP_WINDOW_S, Limits

PAGE_MAX: Final = 1000
"""Most entries of a list in one answer."""
WAIT_S_MAX: Final = 30.0
"""Longest wait, in seconds."""
NAME_CHARS_MAX: Final = 16_384
"""Longest name or credential."""
SECONDS_MAX: Final = 1e9
"""Longest time."""


class Body(BaseModel):
    """A body: a field that is not known is refused."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


def _name(what: str) -> Any:
    return Field(None, min_length=1, max_length=NAME_CHARS_MAX, description=what)


class Timed(Body):
    """When and how a change comes."""

    in_s: float = Field(0.0, ge=0, le=SECONDS_MAX, description="seconds until it begins")
    for_s: float | None = Field(None, gt=0, le=SECONDS_MAX, description="seconds until it ends by itself")
    share: float = Field(1.0, ge=0, le=1, description="share of credentials that it reaches")
    rollout_s: float = Field(0.0, ge=0, le=SECONDS_MAX, description="seconds over which that share grows from nothing")
    settle_s: float = Field(
        0.0, ge=0, le=SECONDS_MAX, description="seconds until every node knows; some requests pass till then"
    )
    details: dict[str, Any] = Field(default_factory=dict, description="details of the failure's words")

    def when(self) -> dict[str, Any]:
        """The words that a change of standing takes."""
        return {name: getattr(self, name) for name in Timed.model_fields}


class Customer(Body):
    """Somebody: a key, a project, an organisation, a region, or (none given) everyone."""

    key: str | None = _name("the credential it is about")
    project: str | None = _name("the project it is about")
    organisation: str | None = _name("the organisation it is about")
    region: str | None = _name("the region it is about: where requests come from, or are signed for")

    def whom(self) -> dict[str, Any]:
        """The level and name, as a change of standing takes them."""
        return {name: getattr(self, name) for name in Customer.model_fields}


class Standing(Customer, Timed):
    """A change of standing: of a key, a project, an organisation, a region, or (none given) of everyone."""

    state: str = Field(description='"ok" to reinstate, or a failure kind of the vendor')
    spread_s: float | None = Field(
        None, ge=0, le=SECONDS_MAX, description="seconds after which it spreads, and between two of `spread_to`"
    )
    spread_to: list[Literal["project", "organisation"]] = Field(
        ["organisation"], min_length=1, max_length=2, description="to what it spreads, in this order"
    )


class ModelStanding(Timed):
    """A change of a model's standing."""

    state: str = Field(description='"ok", or a failure kind of the vendor such as "model_retired"')
    model: str = Field(
        min_length=1, max_length=NAME_CHARS_MAX, description="the model, or a pattern such as `claude-3-*`"
    )
    organisation: str | None = _name("for whose customers; everyone's if left out")


class ThirdParty(Timed):
    """Whether third parties' clients may use a subscription's tokens."""

    state: str = Field("third_party_refused", description='"ok" to let them in, or how they are refused')
    allow: str | None = Field(
        None,
        max_length=1000,
        description="regular expression: whose system prompt it isn't found in is a third party; the vendor's own "
        "client's if neither is given",
    )
    block: str | None = Field(
        None, max_length=1000, description="regular expression: whose system prompt it is found in is a third party"
    )


class Placed(Body):
    """A network and the region it is in."""

    network: str = Field(min_length=1, max_length=100, description="an address, or a CIDR such as 127.0.0.2/32")
    region: str = Field(min_length=1, max_length=100)


class Whom(Body):
    """A key, and the organisation and project to enrol it in."""

    key: str = Field(min_length=1, max_length=NAME_CHARS_MAX)
    organisation: str | None = _name("its organisation; the project's, or the default one, if left out")
    project: str | None = _name("its project")


class Known(Body):
    """Which keys there are."""

    accept_unknown: bool = Field(description="whether a key that was never enrolled is as good as any")


class Login(Body):
    """A new OAuth grant."""

    organisation: str = Field("default", min_length=1, max_length=NAME_CHARS_MAX)
    project: str | None = _name("its project")
    access_token: str | None = _name("its access token; made up if left out")
    refresh_token: str | None = _name("its refresh token; made up if left out")
    expires_in_s: float | None = Field(None, gt=0, le=SECONDS_MAX, description="seconds the access token lives")


class Revocation(Body):
    """Grants to revoke: the one of a token, the one with a number, or an organisation's."""

    token: str | None = _name("a refresh or access token")
    number: int | None = Field(None, ge=1, description="the grant's number")
    organisation: str | None = _name("whose grants, all of them")
    settle_s: float = Field(0.0, ge=0, le=SECONDS_MAX, description="seconds until every node knows")

    @model_validator(mode="after")
    def _one(self) -> Revocation:
        if [self.token, self.number, self.organisation].count(None) != 2:
            raise ValueError("give one of `token`, `number` and `organisation`")
        return self


class TokenEndpoint(Body):
    """Whether the token endpoint is up; access tokens work either way."""

    state: Literal["up", "down"]
    status: int = Field(503, ge=500, le=599, description="what it answers while it is down")
    in_s: float = Field(0.0, ge=0, le=SECONDS_MAX, description="seconds until it begins")
    for_s: float | None = Field(None, gt=0, le=SECONDS_MAX, description="seconds until it ends by itself")


class Figures(Body):
    """Limits; those left out are none."""

    requests_per_minute: float | None = Field(None, gt=0)
    requests_per_day: float | None = Field(None, gt=0)
    tokens_per_minute: float | None = Field(None, gt=0, description="of prompts and answers together")
    tokens_per_day: float | None = Field(None, gt=0, description="of prompts and answers together")
    input_tokens_per_minute: float | None = Field(None, gt=0)
    output_tokens_per_minute: float | None = Field(None, gt=0)
    spend_usd: float | None = Field(None, gt=0, description="a balance over all models, which does not fill again")
    spend_cap_usd: float | None = Field(None, gt=0, description="the customer's own cap a calendar month (UTC)")
    tier_cap_usd: float | None = Field(None, gt=0, description="the tier's cap a calendar month (UTC)")
    ramp_factor: float | None = Field(
        None, gt=1, description="how many times the requests of the window before a window may have"
    )
    ramp_window_s: float = Field(RAMP_WINDOW_S, gt=0, le=SECONDS_MAX, description="seconds of such a window")
    ramp_floor: float = Field(RAMP_FLOOR, gt=0, description="requests that a window may have in any case")
    window_5h_tokens: float | None = Field(None, gt=0, description="tokens in a subscription's five hours")
    window_7d_tokens: float | None = Field(None, gt=0, description="tokens in a subscription's seven days")

    def limits(self) -> Limits:
        """The limits."""
        return Limits(**{name: getattr(self, name) for name in Figures.model_fields})


class Ruled(Body):
    """Whose limits, and at which model."""

    key: str | None = _name("the key")
    project: str | None = _name("the project, whose keys share them")
    organisation: str | None = _name("the organisation, whose keys share them")
    level: Literal["key", "project", "organisation"] | None = Field(
        None, description="with nobody named: for each key (the default), project or organisation"
    )
    model: str | None = _name(
        "the model; each on its own if left out; a pattern such as `claude-*` for all it fits together"
    )

    def whose(self) -> dict[str, Any]:
        """The words that a quota's rule takes."""
        words = {name: getattr(self, name) for name in Ruled.model_fields}
        return {"credential": words.pop("key"), **words}


class Rule(Ruled, Figures):
    """Limits of a key, a project or an organisation (none named: of each) at a model; those left out are none."""


class Query(Body):
    """Which invoices; each field that is given must match."""

    provider: str | None = None
    attempt: str | None = None
    model: str | None = None
    completed: bool | None = None
    after: int = Field(0, ge=0, description="only those later than this number; an answer's `next`")
    limit: int = Field(100, ge=1, le=PAGE_MAX, description="at most so many")


class Awaited(Customer):
    """What to wait for: a number of invoices, or a standing."""

    provider: str | None = Field(None, description="whose invoices (left out: anybody's), or whose customer")
    invoices: int | None = Field(None, ge=1, description="until there are so many")
    state: str | None = Field(None, description="until the standing is this")
    timeout_s: float = Field(10.0, gt=0, le=WAIT_S_MAX)

    @model_validator(mode="after")
    def _one(self) -> Awaited:
        if (self.invoices is None) == (self.state is None):
            raise ValueError("give one of `invoices` and `state`")
        if self.state is not None and self.provider is None:
            raise ValueError("a standing needs its `provider`")
        return self
