"""Parts of a result that its other parts are made of: a value, and the rows it came from."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from ..scenarios.expectation import Unit


class Part(BaseModel):
    """Frozen, and without a field that nobody declared."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class RowsOut(Part):
    """The ledger rows that a value came from: the first of them, and how many there are."""

    table: str
    first: list[int | str]
    total: int


class ValueOut(Part):
    """A measure's value in one scope ("run" or an episode's name). `text` is what a person reads."""

    scope: str
    value: float | None
    text: str
    amounts: dict[Unit, float]
    censored: bool
    applies: bool
    reason: str | None
    rows: RowsOut | None
    doubt: str | None = Field(default=None, description="the check of our own that fell short where this was measured")
