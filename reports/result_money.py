"""The cost report as a part of the result: what was billed, for what, and what another choice would have cost."""

from __future__ import annotations

from pydantic import Field

from .result_value import Part, RowsOut


class CostOut(Part):
    """What one provider's model billed."""

    provider: str
    model: str
    priced: bool
    invoices: int
    input_tokens: int
    cached_tokens: int
    produced_tokens: int
    usd: float
    wasted_usd: float
    hidden_usd: float


class PhaseCostOut(Part):
    """What one provider's model billed in one phase of the run."""

    phase: str
    provider: str
    model: str
    invoices: int
    usd: float
    wasted_usd: float


class WasteOut(Part):
    """Billed for nothing good, by why."""

    why: str = Field(description="failed, truncated, late, abandoned, hedged, retried, background")
    meaning: str
    invoices: int
    usd: float
    share: float = Field(description="of all that was billed")
    rows: RowsOut


class ProjectionOut(Part):
    """The user's own month with one outage such as an episode. Null where `reason` says that the run can't tell."""

    episode: str
    volume_per_day: float
    outage_s: float
    basis: str = Field(description="where volume, outage and prices come from, and what was assumed")
    month_usd: float | None = Field(description="without an outage")
    outage_usd: float | None = Field(description="billed while the outage lasts")
    usual_usd: float | None = Field(description="billed in the same time without it")
    extra_usd: float | None
    lost_answers: float | None
    reason: str | None = None


class BookOut(Part):
    """One of the router's accounts of what was used, beside what was billed."""

    source: str = Field(description="answers' usage, or the name of a metric of the router's")
    what: str = Field(description="output tokens, input tokens, USD")
    said: float | None
    billed: float | None
    ratio: float | None
    off: int | None = Field(description="calls whose number differs from the invoice's; null: it has no calls")
    reason: str | None = None
    rows: RowsOut | None = None


class LockInOut(Part):
    """What the same good answers would have cost had one provider's model given all of them."""

    provider: str
    model: str
    usd: float | None
    usd_per_answer: float | None
    factor: float | None = Field(description="of what those answers were really billed")
    reason: str | None = None


class MoneyOut(Part):
    """The cost report."""

    billed_usd: float
    wasted_usd: float
    hidden_usd: float
    usd_per_answer: float | None
    baseline_usd_per_answer: float | None
    by_phase: list[PhaseCostOut]
    wasted: list[WasteOut] = Field(description="adds up to wasted_usd")
    projections: list[ProjectionOut]
    books: list[BookOut]
    lock_in: list[LockInOut]
    lock_in_basis: str
