"""The same scenario several times, each with a seed of its own, as one result: the worst verdict, measures over runs.

repeat.json is the dump of `RepeatOut`. The replicate is the run: within a run only quantiles are told, and an interval
says how far the mean over such runs may be off.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final, Literal

from pydantic import Field

from ..scenarios.expectation import Unit
from .measures import keys
from .recorded import ALWAYS_HELD, Recorded, RecordedFinding, told
from .result import Verdict
from .result_value import Part
from .spread import METHOD, estimate

WORST_FIRST: Final = (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS)
_BOUNDS: Final = {"availability": (0.0, 1.0), "caller_fairness": (0.0, 1.0)}
_BELOW_ZERO: Final = frozenset({"added_latency"})
"""Measures that may be negative; no other can."""


class RepeatRunOut(Part):
    """One of the runs. Where none could be judged, `sentence` says why."""

    folder: str = Field(description="its name; it stands beside the folder of the repeat")
    seed: int
    verdict: Verdict
    first_broken: str | None = None
    sentence: str


class OverRunsOut(Part):
    """One measure over the runs that were not inconclusive."""

    measure: str
    unit: Unit
    held: bool = Field(description="whether a router is held to it: by a limit of the scenario, or always")
    n: int = Field(description="runs that have a value whose end was seen")
    mean: float | None = Field(description="null where a run's end was not seen: the mean of the others would flatter")
    low: float | None = Field(
        description="lower end of the mean's interval; null with fewer than five runs, or all alike"
    )
    high: float | None
    least: float | None
    most: float | None
    unseen: int = Field(description="runs in which its end was not seen")
    missing: int = Field(description="runs without a value")
    note: str | None = Field(description="why there is no interval, or no mean")


class RepeatedOut(Part):
    """One scenario's runs."""

    scenario: str
    title: str
    target: str
    verdict: Verdict = Field(description="the worst of the runs'")
    runs: list[RepeatRunOut]
    measures: list[OverRunsOut]


class RepeatOut(Part):
    """Every scenario that was repeated."""

    format: Literal[1] = 1
    method: str = METHOD
    command: str
    repeat: int = Field(description="runs of each scenario that were asked for")
    complete: bool = Field(description="false where it was interrupted")
    verdict: Verdict = Field(description="the worst of all")
    scenarios: list[RepeatedOut]


def repeated(scenario: str, target: str, runs: Sequence[RepeatRunOut], recorded: Sequence[Recorded]) -> RepeatedOut:
    """The runs of one scenario together.

    Args:
        scenario: Its name.
        target: The router's.
        runs: All of them, in the order of their seeds.
        recorded: What those left that were judged.
    """
    title = recorded[0].run.title if recorded else scenario
    counted = [each for each in recorded if each.verdict is not Verdict.INCONCLUSIVE]
    verdict = worst([each.verdict for each in runs])
    return RepeatedOut(
        scenario=scenario, title=title, target=target, verdict=verdict, runs=list(runs), measures=over_runs(counted)
    )


def worst(verdicts: Sequence[Verdict]) -> Verdict:
    """Fail before inconclusive before pass; of none, inconclusive."""
    return min(verdicts, key=WORST_FIRST.index, default=Verdict.INCONCLUSIVE)


def over_runs(runs: Sequence[Recorded]) -> list[OverRunsOut]:
    """Each measure that one of the runs has, in the order of reports."""
    found = {key: each for run in runs for key, each in run.by_key.items()}
    order = {key: index for index, key in enumerate(keys())}
    outs = [over(found[key], runs) for key in sorted(found, key=lambda key: (order.get(key, len(order)), key))]
    return [each for each in outs if each is not None]


def over(finding: RecordedFinding, runs: Sequence[Recorded]) -> OverRunsOut | None:
    """One measure over the runs; None where no run has a value."""
    values = [each.of_run if (each := run.by_key.get(finding.key)) is not None else None for run in runs]
    known = [each for each in values if each is not None and each.value is not None]
    if not known:
        return None
    unseen = sum(each.censored for each in known)
    seen = [each.value or 0.0 for each in known if not each.censored]
    least, most = _bounds(finding.key)
    spread = None if unseen else estimate(seen, least=least, most=most)
    return OverRunsOut(
        measure=finding.key,
        unit=finding.unit,
        held=finding.key in ALWAYS_HELD or any(finding.key in run.expected for run in runs),
        n=len(seen),
        mean=spread.mean if spread else None,
        low=spread.low if spread else None,
        high=spread.high if spread else None,
        least=min(seen, default=None),
        most=max(seen, default=None),
        unseen=unseen,
        missing=len(runs) - len(known),
        note=f"in {unseen} of {len(known)} runs the end was not seen" if unseen else spread.note if spread else None,
    )


def _bounds(key: str) -> tuple[float, float]:
    name = key.partition(".")[0]
    return _BOUNDS.get(name, (float("-inf") if name in _BELOW_ZERO else 0.0, float("inf")))


def counts(each: RepeatedOut) -> str:
    """How many runs came to which verdict, the worst first."""
    found = Counter(run.verdict for run in each.runs)
    return ", ".join(f"{found[verdict]} {verdict.value}" for verdict in WORST_FIRST if found[verdict])


def spread_of(each: OverRunsOut) -> str:
    """A measure over the runs, as a person reads it: the mean, its interval or why there is none, least and most."""
    if each.mean is None:
        return each.note or "–"
    text = told(each.mean, each.unit)
    if each.low is not None and each.high is not None:
        text += f" [{told(each.low, each.unit)} … {told(each.high, each.unit)}]"
    elif each.note:
        text += f", {each.note}"
    if each.least != each.most:
        text += f"; from {told(each.least, each.unit)} to {told(each.most, each.unit)}"
    return text
