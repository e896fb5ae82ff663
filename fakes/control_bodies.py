"""What the control API takes: one model a body, with units and bounds."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, model_validator

PAGE_MAX: Final = 1000
"""Invoices in one answer."""
WAIT_S_MAX: Final = 30.0
"""Longest wait, in seconds."""


class Body(BaseModel):
    """A body: a field that is not known is refused."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Standing(Body):
    """A change of standing: of a key, of an organisation, or (neither given) of everyone."""

    state: str = Field(description='"ok" to reinstate, or a failure kind of the vendor')
    key: str | None = Field(None, min_length=1, description="the credential it is about")
    organisation: str | None = Field(None, min_length=1, description="the organisation it is about")
    in_s: float = Field(0.0, ge=0, description="seconds until it begins")
    for_s: float | None = Field(None, gt=0, description="seconds until it ends by itself")
    share: float = Field(1.0, ge=0, le=1, description="share of credentials that it reaches")
    rollout_s: float = Field(0.0, ge=0, description="seconds over which that share grows from nothing")
    settle_s: float = Field(0.0, ge=0, description="seconds until every node knows; some requests pass till then")
    spread_s: float | None = Field(None, ge=0, description="seconds after which the key's organisation follows")
    details: dict[str, Any] = Field(default_factory=dict, description="details of the failure's words")


class Whom(Body):
    """A key and the organisation to enrol it in."""

    key: str = Field(min_length=1)
    organisation: str = Field("default", min_length=1)


class Login(Body):
    """A new OAuth grant."""

    organisation: str = Field("default", min_length=1)


class Rule(Body):
    """Limits of a credential (left out: of each) at a model (left out: at each); those left out are none."""

    key: str | None = Field(None, min_length=1)
    model: str | None = Field(None, min_length=1)
    requests_per_minute: float | None = Field(None, gt=0)
    requests_per_day: float | None = Field(None, gt=0)
    tokens_per_minute: float | None = Field(None, gt=0)
    tokens_per_day: float | None = Field(None, gt=0)
    input_tokens_per_minute: float | None = Field(None, gt=0)
    output_tokens_per_minute: float | None = Field(None, gt=0)
    spend_usd: float | None = Field(None, gt=0, description="a balance over all models, which does not fill again")


class Query(Body):
    """Which invoices; each field that is given must match."""

    provider: str | None = None
    attempt: str | None = None
    model: str | None = None
    completed: bool | None = None
    after: int = Field(0, ge=0, description="only those later than this number; an answer's `next`")
    limit: int = Field(100, ge=1, le=PAGE_MAX, description="at most so many")


class Awaited(Body):
    """What to wait for: a number of invoices, or a standing."""

    provider: str | None = Field(None, description="whose invoices (left out: anybody's), or whose customer")
    invoices: int | None = Field(None, ge=1, description="until there are so many")
    state: str | None = Field(None, description="until the standing is this")
    key: str | None = Field(None, min_length=1)
    organisation: str | None = Field(None, min_length=1)
    timeout_s: float = Field(10.0, gt=0, le=WAIT_S_MAX)

    @model_validator(mode="after")
    def _one(self) -> Awaited:
        if (self.invoices is None) == (self.state is None):
            raise ValueError("give one of `invoices` and `state`")
        if self.state is not None and self.provider is None:
            raise ValueError("a standing needs its `provider`")
        return self
