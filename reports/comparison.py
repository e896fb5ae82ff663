"""A comparison of two sets of runs, as data: compare.json is its dump; the text, Markdown and page are renderings."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Literal

from pydantic import Field

from ..scenarios.expectation import Unit
from .result import Verdict
from .result_value import Part
from .spread import METHOD

RUN_AGAIN: Final = "a later run of the same seed is compared"
"""Why a run has no partner whose place another one has taken."""


class Change(StrEnum):
    """What became of a measure, or a verdict, from A to B."""

    BETTER = "better"
    WORSE = "worse"
    SAME = "same"
    UNCLEAR = "unclear"  # the interval has 0 in it, or some pairs say one thing and some the other
    UNKNOWN = "unknown"  # no pair has it on both sides


class SideOut(Part):
    """One run of a pair."""

    folder: str
    verdict: Verdict
    first_broken: str | None
    command: str


class PairOut(Part):
    """Two runs of one scenario with one seed."""

    seed: int
    a: SideOut
    b: SideOut
    change: Change
    counted: bool = Field(description="false where one of them is inconclusive: its measures prove nothing")


class DifferenceOut(Part):
    """One measure over the counted pairs: B less A."""

    measure: str
    unit: Unit
    smaller_is_better: bool | None = Field(
        description="null: the best value is 1, and what is further from it is worse"
    )
    change: Change
    a: float | None = Field(description="mean of A's runs, over the pairs seen to their end on both sides, if any")
    b: float | None
    n: int = Field(description="pairs with a value on both sides")
    difference: float | None = Field(description="mean of the pairs' differences")
    low: float | None = Field(description="lower end of its interval; null with fewer than five pairs, or all alike")
    high: float | None
    note: str | None = Field(description="why there is no interval or no difference")
    a_unseen: int = Field(description="pairs in which A's time had no end that was seen, and B's had")
    b_unseen: int = Field(description="the other way round")
    neither_seen: int
    missing: int = Field(description="pairs in which one side has no value")
    held: bool = Field(
        default=False, description="whether a router is held to it: by a limit of the scenario, or always"
    )
    allowed: str | None = Field(default=None, description="how much worse the gate lets it become")
    beyond: str | None = Field(default=None, description="how it became worse than that; null if it did not")


class GroupOut(Part):
    """The pairs of one scenario (and one target, where runs are paired by it)."""

    scenario: str
    target: str | None
    title: str
    pairs: list[PairOut]
    differences: list[DifferenceOut]
    notes: list[str] = Field(description="what else differs between the two sides")


class UnpairedOut(Part):
    """A run that has no partner."""

    side: Literal["A", "B"]
    folder: str
    scenario: str
    target: str
    seed: int
    why: str


class SetOut(Part):
    """One side."""

    path: str
    runs: int
    targets: list[str]
    left_out: list[str] = Field(description="what of it could not be read, and why")


class GateOut(Part):
    """Whether B may replace A."""

    tolerance: str
    verdict: Verdict
    reasons: list[str]


class ComparisonOut(Part):
    """Two sets of runs, compared."""

    format: Literal[1] = 1
    method: str = METHOD
    a: SetOut
    b: SetOut
    groups: list[GroupOut]
    unpaired: list[UnpairedOut]
    gate: GateOut | None = None
