"""What the control API answers with: one model an answer, for its OpenAPI document."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, RootModel

from .control_bodies import Figures

Whose = Annotated[str | None, Field(description="a key's fingerprint, or the project's or organisation's name")]


class Answer(BaseModel):
    """An answer: no field is left out."""

    model_config = ConfigDict(extra="forbid")


class Nothing(Answer):
    """It is done."""


class Problem(BaseModel):
    """A refusal (RFC 9457)."""

    type: str = Field(description="what is wrong, as a URN")
    title: str
    status: int
    detail: str = Field(description="what to do")
    errors: list[dict[str, str]] | None = Field(None, description="each wrong field: `pointer` and `detail`")
    allowed: list[str] | None = Field(None, description="the methods that the path takes")


class ProviderTold(Answer):
    """A provider."""

    dialect: str
    url: str = Field(description="up to the port")
    failures: list[str] = Field(description="the failure kinds that it has")
    oauth: bool = Field(description="whether it has grants and a token endpoint")
    accept_unknown: bool = Field(description="whether a key that was never enrolled is as good as any")


class Providers(RootModel[dict[str, ProviderTold]]):
    """The providers, by name."""


class Changed(Answer):
    """How somebody stands now."""

    state: str


class ChangeTold(Answer):
    """A change of standing."""

    state: str
    begins_in_s: float = Field(description="seconds until it begins; below 0 once it has begun")
    ends_in_s: float | None
    share: float
    rollout_s: float
    settle_s: float
    number: int = Field(description="its place among all changes")
    details: dict[str, Any]
    entry: str | None = Field(description="the timeline entry that made it")


class StandingTold(ChangeTold):
    """A change of somebody's standing."""

    level: str
    whose: Whose


class Standings(Answer):
    """How everyone stands, and every change."""

    everyone: str
    changes: list[StandingTold]


class ModelTold(ChangeTold):
    """A change of a model's standing."""

    model: str
    organisation: str | None


class Models(Answer):
    """Every change of a model's standing."""

    changes: list[ModelTold]


class Regions(RootModel[dict[str, str]]):
    """The region of each network."""


class KeyTold(Answer):
    """An enrolled key."""

    key: str = Field(description="its fingerprint")
    organisation: str
    project: str | None
    oauth: bool = Field(description="whether it is an access token")


class Keys(Answer):
    """The enrolled keys, at most a page of them."""

    accept_unknown: bool
    count: int
    keys: list[KeyTold]


class TokensTold(Answer):
    """What a login brings."""

    access_token: str
    refresh_token: str
    expires_in: int = Field(description="seconds")


class GrantTold(Answer):
    """A grant."""

    number: int
    organisation: str
    project: str | None
    federated: bool = Field(description="whether it came of a workload's identity")
    revoked: bool
    issued: int = Field(description="how often tokens were issued")
    access_tokens: list[str] = Field(description="their fingerprints, the newest last")
    refresh_expires_in_s: float | None


class GrantsTold(Answer):
    """The grants, at most a page of them, and whether the token endpoint is up."""

    token_endpoint: str = Field(description='"up" or "down"')
    count: int
    grants: list[GrantTold]


class Revoked(Answer):
    """How many grants were revoked."""

    revoked: int


class ThirdPartyTold(ChangeTold):
    """A change of third parties' standing."""

    allow: str | None
    block: str | None


class ThirdParties(Answer):
    """Every change of third parties' standing."""

    changes: list[ThirdPartyTold]


class RuleTold(Figures):
    """Limits."""

    level: str
    whose: Whose
    model: str | None
    entry: str | None = Field(description="the timeline entry that set them")


class Meter(Answer):
    """A bucket or window in use."""

    level: str
    whose: Whose
    model: str
    counted: str
    period_s: float
    limit: float
    remaining: float = Field(description="below 0 when an answer took more than there was")
    reset_s: float = Field(description="seconds until it is full")


class Spent(Answer):
    """What somebody spent."""

    level: str
    whose: Whose
    usd: float
    month_usd: float = Field(description="since the 1st of the month, 00:00 UTC")


class Quotas(Answer):
    """The limits, the meters in use, and what was spent, at most a page of each."""

    rules: list[RuleTold]
    meters: list[Meter]
    spent: list[Spent]


class Lifted(Answer):
    """Whether there was such a rule."""

    lifted: bool


class Invoice(Answer):
    """What a request is billed."""

    model_config = ConfigDict(extra="allow")

    number: int
    attempt: str | None
    provider: str
    model: str
    input_tokens: int
    cached_tokens: int
    produced_tokens: int
    usd: float
    priced: bool
    completed: bool
    at_ns: int = Field(description="nanoseconds of the fakes' monotonic clock")


class Invoices(Answer):
    """Invoices, in order."""

    invoices: list[Invoice]
    next: int = Field(description="`after` of the next page")
    count: int = Field(description="all that there were")


class Waited(Answer):
    """How a wait ended."""

    met: bool
    waited_s: float
