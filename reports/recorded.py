"""What a finished run left in its report.json, as far as runs are compared: verdict, run, expectations, findings.

Read more leniently than written: what another version of banstorm added is passed over, what it lacks is a default.
Light, so that two folders can be compared where no pandas is installed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from ..scenarios.expectation import Unit, format_value
from .result import Result, State, ValueOut, Verdict

RUN_SCOPE: Final = "run"
JUDGED_BY_EPISODE: Final = frozenset({"retry_amplification"})
"""Measures that have a value of the run too, but are held to their limit in each episode."""
ALWAYS_HELD: Final = frozenset({"lost_calls", "silent_losses"})
"""Measures that every router is held to, whatever its scenario's limits are."""
DIGITS: Final = 4
"""Significant digits of a value on a page that compares; a difference has one less."""


class _Read(BaseModel):
    # A value that is no number can be neither compared nor drawn; our own reports have none.
    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class RecordedValue(_Read):
    """A measure's value in one scope, as in `ValueOut`."""

    scope: str
    value: float | None = None
    amounts: dict[Unit, float] = Field(default_factory=dict)
    censored: bool = False
    applies: bool = True
    reason: str | None = None


V = TypeVar("V", RecordedValue, ValueOut)
"""A value, as it is written or as it was read back."""


class RecordedFinding(_Read):
    """What a measure found."""

    key: str
    unit: Unit
    smaller_is_better: bool | None = True
    values: list[RecordedValue] = Field(default_factory=list)

    def badness(self, value: float) -> float:
        """A value turned so that more is worse. Where the best value lies in between it is 1, the exact ratio."""
        if self.smaller_is_better is None:
            return abs(value - 1)
        return value if self.smaller_is_better else -value

    @property
    def of_run(self) -> RecordedValue | None:
        """The one value that stands for the run: its own, else that of its worst episode; None if it never applied."""
        return worst(self.key, self.values, self.badness)


def worst(key: str, values: Iterable[V], badness: Callable[[float], float]) -> V | None:
    """The one of a measure's values that stands for a run; see `RecordedFinding.of_run`."""
    applying = [each for each in values if each.applies]
    whole = [each for each in applying if each.scope == RUN_SCOPE]
    episodes = [each for each in applying if each.scope != RUN_SCOPE]
    chosen = episodes if episodes and (key in JUDGED_BY_EPISODE or not whole) else whole
    known = [each for each in chosen if each.value is not None]
    if not known:
        return chosen[0] if chosen else None
    # A time whose end was not seen is worse than any that has one.
    return max(known, key=lambda each: (each.censored, badness(each.value or 0.0)))


class RecordedExpectation(_Read):
    """What became of a limit."""

    measure: str
    wanted: str
    found: str
    state: State
    tolerated: bool = False


class RecordedRun(_Read):
    """What was run, against what, where."""

    run: str = ""
    folder: str = ""
    scenario: str
    title: str = ""
    target: str
    target_detail: str | None = None
    host: str = ""
    seed: int
    command: str = ""
    started: str = ""
    rate: float = 0.0
    banstorm: str = "unknown"
    machine: dict[str, Any] = Field(default_factory=dict)
    tolerance: str = ""


class Recorded(_Read):
    """A run's report.json."""

    format: int
    verdict: Verdict
    sentence: str = ""
    first_broken: str | None = None
    run: RecordedRun
    expectations: list[RecordedExpectation] = Field(default_factory=list)
    findings: list[RecordedFinding] = Field(default_factory=list)

    @property
    def by_key(self) -> dict[str, RecordedFinding]:
        """The findings by their measure's key."""
        return {each.key: each for each in self.findings}

    @property
    def expected(self) -> set[str]:
        """The keys that the scenario has a limit for."""
        return {each.measure for each in self.expectations}


@dataclass(frozen=True, slots=True)
class Found:
    """A recorded run and where it was found. `scenario` is the one that run.json has; empty if there is none."""

    recorded: Recorded
    path: Path
    scenario: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What a person calls it: its folder."""
        return self.path.name


Pair = tuple[Found, Found]
"""A run of A and one of B, of the same scenario with the same seed."""


def both_sides(key: str, pairs: Sequence[Pair]) -> list[tuple[RecordedValue | None, RecordedValue | None]]:
    """A measure's value on either side, a pair a row; None where the run has none."""
    rows = []
    for pair in pairs:
        of = [each.recorded.by_key.get(key) for each in pair]
        values = [each.of_run if each is not None else None for each in of]
        known = [each if each is not None and each.value is not None else None for each in values]
        rows.append((known[0], known[1]))
    return rows


def recorded_of(result: Result) -> Recorded:
    """What `report.json` of this result says."""
    return Recorded.model_validate(result.model_dump(mode="json", exclude={"timeline", "worst", "slices"}))


def told(value: float | None, unit: Unit, *, sign: bool = False) -> str:
    """A value with few digits, as a person writes it; with its sign, if it is a difference."""
    if value is None:
        return "–"
    rounded = value if float(value).is_integer() else float(f"{value:.{DIGITS - sign}g}")
    text = format_value(abs(rounded), unit)
    if "e-" in text:  # a price of a few millionths is no number for people as a power of ten
        sign_before, _, number = text.rpartition("$")
        text = f"{sign_before}${Decimal(number):f}" if unit is Unit.USD else text
    return ("−" if rounded < 0 else "+" if sign and rounded > 0 else "") + text
