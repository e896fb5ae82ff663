"""A folder of runs over time: what became of each scenario on each target. A pure function of what the reports say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from pydantic import Field

from ..scenarios.expectation import Unit
from .compare import difference, verdict_change
from .comparison import Change
from .gather import Gathered
from .measures import keys
from .recorded import Found, RecordedFinding, told
from .result import Verdict
from .result_value import Part

RUNS_SHOWN_MAX: Final = 60
"""Most runs of one scenario and target that are told, the newest."""
LINES_MAX: Final = 200
"""Most scenarios and targets that are told, fails first."""
MEASURES: Final = ("silent_losses", "lost_calls", "time_to_fail_over", "outage", "time_to_recover", "cost_increase")
"""Measures whose trend is told of every scenario, besides those that it has a limit for."""


class PointOut(Part):
    """One run of a trend."""

    folder: str
    started: str
    seed: int
    verdict: Verdict
    first_broken: str | None
    banstorm: str
    target_detail: str | None
    tolerance: str


class TrendOut(Part):
    """One measure over the runs, oldest first; a time whose end was not seen is a lower bound."""

    measure: str
    unit: Unit
    smaller_is_better: bool | None
    values: list[float | None]
    unseen: list[bool]
    change: Change = Field(description="from the run before to the newest; it is a difference, not a cause")


class LineOut(Part):
    """One scenario on one target."""

    scenario: str
    target: str
    title: str
    runs: int = Field(description="how many there are; `points` are the newest of them")
    points: list[PointOut]
    measures: list[TrendOut]
    since: int = Field(description="how many runs the newest verdict has stood for")
    change: Change = Field(description="of the verdict, from the run before to the newest")
    changes: list[str] = Field(description="what changed since the run before")

    @property
    def newest(self) -> PointOut:
        """The newest run."""
        return self.points[-1]


class HistoryOut(Part):
    """A folder of runs."""

    format: Literal[1] = 1
    path: str
    runs: int
    lines: list[LineOut] = Field(description="fails first, then by name")
    left_out: list[str]


_ORDER: Final = {Verdict.FAIL: 0, Verdict.INCONCLUSIVE: 1, Verdict.PASS: 2}


def history(found: Gathered) -> HistoryOut:
    """The trends of the runs in a folder."""
    lines: dict[tuple[str, str], list[Found]] = {}
    for each in found.runs:
        lines.setdefault((each.recorded.run.scenario, each.recorded.run.target), []).append(each)
    outs = [_line(runs) for runs in lines.values()]
    outs.sort(key=lambda each: (_ORDER[each.newest.verdict], each.scenario, each.target))
    left_out = [f"{each.where}: {each.why}" for each in found.left_out]
    more = len(outs) - LINES_MAX
    left_out += [f"{more} more scenarios and targets: {LINES_MAX} are told"] if more > 0 else []
    return HistoryOut(path=str(found.path), runs=len(found.runs), lines=outs[:LINES_MAX], left_out=left_out)


def _line(runs: Sequence[Found]) -> LineOut:
    shown = runs[-RUNS_SHOWN_MAX:]
    newest = shown[-1].recorded
    before = shown[-2].recorded if len(shown) > 1 else None
    return LineOut(
        scenario=newest.run.scenario,
        target=newest.run.target,
        title=newest.run.title,
        runs=len(runs),
        points=[_point(each) for each in shown],
        measures=_measures(shown),
        since=standing([each.recorded.verdict for each in runs]),
        change=Change.SAME if before is None else verdict_change(before.verdict, newest.verdict),
        changes=[] if before is None else changes(shown[-2], shown[-1]),
    )


def _point(each: Found) -> PointOut:
    it, run = each.recorded, each.recorded.run
    return PointOut(
        folder=each.name,
        started=run.started,
        seed=run.seed,
        verdict=it.verdict,
        first_broken=it.first_broken,
        banstorm=run.banstorm,
        target_detail=run.target_detail,
        tolerance=run.tolerance,
    )


def standing(verdicts: Sequence[Verdict]) -> int:
    """How many of the last runs had the newest verdict, without another between them."""
    count = 0
    for each in reversed(verdicts):
        if each is not verdicts[-1]:
            break
        count += 1
    return count


def changes(before: Found, newest: Found) -> list[str]:
    """What changed from one run to the next: verdict, what broke first, what was run, measures with a limit."""
    a, b = before.recorded, newest.recorded
    told_changes = [f"verdict: {a.verdict.value} → {b.verdict.value}"] if a.verdict is not b.verdict else []
    if a.first_broken != b.first_broken and b.first_broken is not None:
        told_changes.append(f"broke first: {b.first_broken}" + (f", was {a.first_broken}" if a.first_broken else ""))
    for what, left, right in (
        ("banstorm", a.run.banstorm, b.run.banstorm),
        ("target", a.run.target_detail or "–", b.run.target_detail or "–"),
        ("rate", f"{a.run.rate:g}/s", f"{b.run.rate:g}/s"),
        ("tolerance", a.run.tolerance or "none", b.run.tolerance or "none"),
        ("seed", str(a.run.seed), str(b.run.seed)),
    ):
        told_changes += [f"{what}: {left} → {right}"] if left != right else []
    if before.scenario and newest.scenario:
        parts = sorted(
            key
            for key in ("providers", "load", "timeline", "expect")
            if before.scenario.get(key) != newest.scenario.get(key)
        )
        told_changes += [f"the scenario itself: {', '.join(parts)}"] if parts else []
    for key in [each for each in keys() if each in b.expected]:
        finding = b.by_key.get(key)
        out = None if finding is None else difference(finding, [(before, newest)])
        if out is not None and out.change in {Change.BETTER, Change.WORSE}:
            told_changes.append(f"{key}: {_of(a.by_key.get(key))} → {_of(finding)}, {out.change.value}")
    return told_changes


def _of(finding: RecordedFinding | None) -> str:
    value = None if finding is None else finding.of_run
    if finding is None or value is None or value.value is None:
        return "–"
    return ("≥ " if value.censored else "") + told(value.value, finding.unit)


def _measures(runs: Sequence[Found]) -> list[TrendOut]:
    wanted = {*MEASURES, *(key for each in runs for key in each.recorded.expected)}
    findings = {key: each for run in runs for key, each in run.recorded.by_key.items() if key in wanted}
    outs = []
    for key in keys():
        if key not in findings:
            continue
        of_runs = [each.recorded.by_key.get(key) for each in runs]
        values = [each.of_run if each is not None else None for each in of_runs]
        if not any(each is not None and each.value is not None for each in values):
            continue
        last = difference(findings[key], [(runs[-2], runs[-1])]) if len(runs) > 1 else None
        outs.append(
            TrendOut(
                measure=key,
                unit=findings[key].unit,
                smaller_is_better=findings[key].smaller_is_better,
                values=[None if each is None else each.value for each in values],
                unseen=[each is not None and each.censored for each in values],
                change=Change.UNKNOWN if last is None else last.change,
            )
        )
    return outs
