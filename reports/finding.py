"""What a measure found: a value a scope, its rows, and when a breach of an expectation became certain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from ..scenarios.expectation import Expectation, Unit

if TYPE_CHECKING:
    import pandas as pd

NS: int = 1_000_000_000
"""Nanoseconds a second."""
RUN_SCOPE = "run"
"""Scope of a value that speaks of the whole measured load."""
ROWS_MAX: int = 50
"""Most rows named under a value; their number is always given."""
Times = npt.NDArray[np.int64]
"""Instants of the machine's monotonic clock, in nanoseconds."""


class Breach(Protocol):
    """Knows from which instant on a breach of an expectation could no longer be undone."""

    def certain_ns(self, expectation: Expectation) -> int | None:
        """The instant; None when only the end of the run settles it."""


@dataclass(frozen=True, slots=True)
class AtEnd:
    """A ratio or a quantile: later calls could have mended it."""

    def certain_ns(self, expectation: Expectation) -> int | None:
        """Only the end of the run settles it."""
        del expectation
        return None


@dataclass(frozen=True, slots=True)
class Steps:
    """A total that only grows: it is over the limit from the step that crossed it."""

    at_ns: Times
    amounts: npt.NDArray[np.float64] | None = None  # None: each step counts 1
    unit: Unit = Unit.NUMBER

    def certain_ns(self, expectation: Expectation) -> int | None:
        """The instant of the step that crossed the limit."""
        if expectation.unit is not self.unit or expectation.op in {">", ">="} or not len(self.at_ns):
            return None
        order = np.argsort(self.at_ns, kind="stable")
        total = np.cumsum(np.ones(len(order)) if self.amounts is None else self.amounts[order])
        over = total >= expectation.limit if expectation.op == "<" else total > expectation.limit
        return int(self.at_ns[order[np.argmax(over)]]) if over.any() else None


@dataclass(frozen=True, slots=True)
class Candidates:
    """A time that ends at the first of many candidates that holds; each refuted one has an instant of refutation."""

    anchor_ns: int
    offsets_s: npt.NDArray[np.float64]  # of the refuted candidates, ascending
    refuted_ns: Times

    def certain_ns(self, expectation: Expectation) -> int | None:
        """When the last candidate within the limit was refuted, and the limit had passed."""
        if expectation.op in {">", ">="}:
            return None
        within = self.refuted_ns[self.offsets_s <= expectation.limit]
        passed_ns: int = self.anchor_ns + round(expectation.limit * NS)
        return max(passed_ns, *map(int, within)) if len(within) else passed_ns


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a ledger table that a value came from, or that speak against it."""

    table: str
    first: Sequence[int | str] = ()  # at most ROWS_MAX
    total: int = 0

    @classmethod
    def of(cls, table: str, ids: pd.Series[Any] | npt.NDArray[Any] | Sequence[int | str]) -> Rows:
        """The rows of these ids, of which only the first are kept."""
        few = ids[:ROWS_MAX] if isinstance(ids, Sequence) else np.asarray(ids[:ROWS_MAX], dtype=object).tolist()
        return cls(table, list(few), len(ids))


@dataclass(frozen=True, slots=True)
class Value:
    """A measure's value in one scope: the run, or an episode.

    `amounts` holds it in every unit it may be asked for. None means that it is not available, and `reason` says why;
    where `applies` is False the measure has nothing to say about this scope, and an expectation skips it. `censored`
    marks a lower bound: the end of that time was not seen.
    """

    scope: str
    amounts: dict[Unit, float] | None
    reason: str | None = None
    censored: bool = False
    applies: bool = True
    rows: Rows | None = None
    breach: Breach = field(default_factory=AtEnd)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a measure (or one statistic of it) found. `judged` are the values that an expectation is held against."""

    key: str
    by_scope: tuple[Value, ...]
    judged: tuple[str, ...]  # scopes

    def judged_values(self) -> list[Value]:
        """The values that an expectation is compared with; the worst of them decides."""
        return [each for each in self.by_scope if each.scope in self.judged]
