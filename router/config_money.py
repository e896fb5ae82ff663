"""What `router.yaml` may say about money: prices, budgets, and the ceiling on a failover's cost."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .part import Part
from .prices import Price as PriceRow
from .prices import read_price
from .units import Seconds, Share


class Rates(Part):
    """US dollars per million tokens."""

    input: float = Field(ge=0, description="Fresh input.")
    output: float = Field(ge=0, description="Output, reasoning included.")
    cached: float | None = Field(default=None, ge=0, description="Input from the cache; like fresh input unless given.")
    cache_write: float | None = Field(default=None, ge=0, description="Input put there for minutes; the same.")
    cache_write_1h: float | None = Field(
        default=None, ge=0, description="Input put there for an hour; as for minutes unless given."
    )


class LongPrice(Rates):
    """What a long prompt costs, with its answer."""

    above_tokens: int = Field(gt=0, description="Longest prompt that costs the usual, cached tokens included.")


class Price(Rates):
    """US dollars per million tokens, instead of the shipped table's (`router/prices.yaml`)."""

    long: LongPrice | None = Field(default=None, description="Other prices for long prompts.")

    def row(self) -> PriceRow:
        """As the policies know it."""
        return read_price(self.model_dump(exclude_none=True))


class Budget(Part):
    """What may be spent in a period. Kept in memory: a restart begins a new period."""

    usd: float = Field(gt=0, description="Limit of a period, in US dollars.")
    per: Seconds = Field(default=86_400.0, description="Length of a period, from the start on.")
    alerts: list[Share] = Field(
        default=[0.5, 0.8, 1.0], max_length=10, description="Shares of the limit that are told when they are passed."
    )
    hard: bool = Field(default=True, description="Whether nothing is asked any more once it is spent.")


class FailoverCost(Part):
    """How much dearer than the preferred provider another may be, so that a ban doesn't become a bill."""

    times_max: float = Field(gt=0, description="Times the preferred provider's price; three tokens in for one out.")
    action: Literal["refuse", "warn"] = Field(default="refuse", description="Don't ask it, or ask it and say so.")
