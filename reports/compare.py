"""Compares two sets of runs, paired by scenario and seed: pure functions of what their reports say.

Two runs of a pair had the same calls at the same moments and the same faults, so that their difference is what else
differed: the router, its settings, its version. Where a side has runs of several targets, target is paired too.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from .comparison import RUN_AGAIN, Change, ComparisonOut, DifferenceOut, GroupOut, PairOut, SetOut, SideOut, UnpairedOut
from .errors import ReportError
from .gate import gated
from .gather import Gathered
from .measures import keys
from .recorded import ALWAYS_HELD, Found, Pair, RecordedFinding, RecordedRun, RecordedValue, both_sides
from .result import Verdict
from .spread import estimate
from .tolerance import Tolerance

Key = tuple[str, str | None, int]
"""Scenario, target (None where runs are not paired by it), seed."""
NEGLIGIBLE: Final = 0.001
"""A difference of at most this share of the larger mean is none: it can't be seen in the digits that are shown."""
_RANK: Final = {Verdict.PASS: 0, Verdict.INCONCLUSIVE: 1, Verdict.FAIL: 2}
_PROSE: Final = frozenset({"seed", "title", "story", "source", "tags", "remedy", "version"})
"""Keys of a scenario that change nothing of what is played, or that a pair has in common."""


@dataclass(frozen=True, slots=True)
class Matched:
    """The pairs of two sides by scenario (and target), and the runs without a partner."""

    groups: dict[tuple[str, str | None], list[Pair]]
    unpaired: list[UnpairedOut]


def compare(a: Gathered, b: Gathered, tolerance: Tolerance | None = None) -> ComparisonOut:
    """The comparison of B with A; with what the gate says of it, if a tolerance is given.

    Raises:
        ReportError: when no run of one has a partner in the other.
    """
    matched = match(a, b)
    comparison = ComparisonOut(
        a=_set(a),
        b=_set(b),
        groups=[_group(key, pairs) for key, pairs in matched.groups.items()],
        unpaired=matched.unpaired,
    )
    return comparison if tolerance is None else gated(comparison, list(matched.groups.values()), tolerance)


def match(a: Gathered, b: Gathered) -> Matched:
    """Pairs runs by scenario and seed, and by target where a side has several.

    Raises:
        ReportError: when no run of one has a partner in the other.
    """
    by_target = max(len(_targets(each.runs)) for each in (a, b)) > 1
    left, old_a = _keyed(a.runs, by_target=by_target)
    right, old_b = _keyed(b.runs, by_target=by_target)
    common = [key for key in left if key in right]
    if not common:
        raise _nothing_in_common(a, b)
    groups: dict[tuple[str, str | None], list[Pair]] = {}
    for key in sorted(common, key=lambda each: (each[0], each[1] or "", each[2])):
        groups.setdefault(key[:2], []).append((left[key], right[key]))
    alone = "has no run of the same scenario and seed" + (" and target" if by_target else "")
    unpaired = [
        *(_unpaired("A", each, f"B {alone}") for key, each in left.items() if key not in right),
        *(_unpaired("B", each, f"A {alone}") for key, each in right.items() if key not in left),
        *(_unpaired("A", each, RUN_AGAIN) for each in old_a),
        *(_unpaired("B", each, RUN_AGAIN) for each in old_b),
    ]
    return Matched(groups, unpaired)


def _targets(runs: Iterable[Found]) -> list[str]:
    return sorted({each.recorded.run.target for each in runs})


def _keyed(runs: Sequence[Found], *, by_target: bool) -> tuple[dict[Key, Found], list[Found]]:
    """The newest run of each key, and those that it stands for; the runs are oldest first."""
    found: dict[Key, Found] = {}
    older: list[Found] = []
    for each in runs:
        run = each.recorded.run
        key = (run.scenario, run.target if by_target else None, run.seed)
        if key in found:
            older.append(found[key])
        found[key] = each
    return found, older


def _nothing_in_common(a: Gathered, b: Gathered) -> ReportError:
    told = []
    for each in (a, b):
        runs = [f"{one.recorded.run.scenario} with seed {one.recorded.run.seed}" for one in each.runs]
        more = f" and {len(runs) - 3} more" if len(runs) > 3 else ""
        told.append(", ".join(runs[:3]) + more)
    return ReportError(
        f"no two runs have the same scenario and seed: A has {told[0]}; B has {told[1]}",
        f"{a.path} and {b.path}",
        "run the same scenario again with the same --seed (and --repeat), and compare that",
    )


def _unpaired(side: Literal["A", "B"], each: Found, why: str) -> UnpairedOut:
    run = each.recorded.run
    return UnpairedOut(side=side, folder=each.name, scenario=run.scenario, target=run.target, seed=run.seed, why=why)


def _set(each: Gathered) -> SetOut:
    left_out = [f"{one.where}: {one.why}" for one in each.left_out]
    return SetOut(path=str(each.path), runs=len(each.runs), targets=_targets(each.runs), left_out=left_out)


def _group(key: tuple[str, str | None], pairs: Sequence[Pair]) -> GroupOut:
    outs = [_pair(each) for each in pairs]
    counted = [pair for pair, out in zip(pairs, outs, strict=True) if out.counted]
    return GroupOut(
        scenario=key[0],
        target=key[1],
        title=pairs[-1][1].recorded.run.title,
        pairs=outs,
        differences=differences(counted or pairs),
        notes=[*_notes(pairs), *_uncounted(len(pairs), len(counted))],
    )


def _uncounted(pairs: int, counted: int) -> list[str]:
    if counted == pairs:
        return []
    if not counted:
        return ["every pair has an inconclusive run: the differences prove nothing"]
    return [f"{pairs - counted} of {pairs} pairs have an inconclusive run and count for no difference"]


def _pair(pair: Pair) -> PairOut:
    a, b = (each.recorded for each in pair)
    return PairOut(
        seed=a.run.seed,
        a=_side(pair[0]),
        b=_side(pair[1]),
        change=verdict_change(a.verdict, b.verdict),
        counted=Verdict.INCONCLUSIVE not in {a.verdict, b.verdict},
    )


def _side(each: Found) -> SideOut:
    it = each.recorded
    return SideOut(folder=each.name, verdict=it.verdict, first_broken=it.first_broken, command=it.run.command)


def verdict_change(a: Verdict, b: Verdict) -> Change:
    """Pass is better than fail. To and from inconclusive nothing got better or worse for certain, but pass to it."""
    if a is b:
        return Change.SAME
    if Verdict.INCONCLUSIVE in {a, b}:
        return Change.UNCLEAR
    return Change.BETTER if _RANK[b] < _RANK[a] else Change.WORSE


def _notes(pairs: Sequence[Pair]) -> list[str]:
    """What differs between the sides, besides what they found."""
    notes = []
    for what, of in _CIRCUMSTANCES.items():
        left, right = (", ".join(sorted({of(pair[side].recorded.run) for pair in pairs})) for side in (0, 1))
        if left != right:
            notes.append(f"{what}: {left} → {right}")
    changed = sorted({key for a, b in pairs for key in _scenario_changes(a.scenario, b.scenario)})
    if changed:
        notes.append(f"the scenario itself is not the same: {', '.join(changed)}")
    return notes


def _machine(run: RecordedRun) -> str:
    return ", ".join(str(run.machine[key]) for key in ("processor", "system") if run.machine.get(key)) or "unknown"


_CIRCUMSTANCES: Final[dict[str, Callable[[RecordedRun], str]]] = {
    "target": lambda run: f"{run.target} ({run.target_detail})" if run.target_detail else run.target,
    "banstorm": lambda run: run.banstorm,
    "faults are played by": lambda run: run.host or "unknown",
    "rate": lambda run: f"{run.rate:g}/s",
    "tolerance": lambda run: run.tolerance or "none",
    "machine": _machine,
}


def _scenario_changes(a: Mapping[str, object], b: Mapping[str, object]) -> set[str]:
    if not a or not b:
        return set()
    return {key for key in {*a, *b} - _PROSE if a.get(key) != b.get(key)}


def differences(pairs: Sequence[Pair]) -> list[DifferenceOut]:
    """Each measure that either side of any pair has, in the order of reports."""
    found: dict[str, RecordedFinding] = {}
    for pair in pairs:
        for side in pair:
            found.update(side.recorded.by_key)
    order = {key: index for index, key in enumerate(keys())}
    names = sorted(found, key=lambda key: (order.get(key, len(order)), key))
    outs = [difference(found[key], pairs) for key in names]
    return [each for each in outs if each is not None]


def difference(finding: RecordedFinding, pairs: Sequence[Pair]) -> DifferenceOut | None:
    """One measure over the pairs; None where no run has a value."""
    rows = both_sides(finding.key, pairs)
    if not any(side is not None for row in rows for side in row):
        return None
    known = [(a, b) for a, b in rows if a is not None and b is not None]
    whole = [(a.value or 0.0, b.value or 0.0) for a, b in known if not a.censored and not b.censored]
    a_unseen = sum(a.censored and not b.censored for a, b in known)
    b_unseen = sum(b.censored and not a.censored for a, b in known)
    spread = estimate([_less(b, a) for a, b in whole])
    worse = estimate([_less(finding.badness(b), finding.badness(a)) for a, b in whole])
    unseen = len(known) - len(whole)
    # The pairs that were seen whole are the better ones: their mean would flatter, and has no interval.
    note = f"in {unseen} of {len(known)} pairs the end was not seen" if unseen else spread.note if spread else None
    a_mean, b_mean = (statistics.fmean(each) for each in zip(*whole, strict=True)) if whole else (None, None)
    worse_by = worse.mean if worse else None
    if worse_by is not None and abs(worse_by) <= NEGLIGIBLE * max(abs(a_mean or 0.0), abs(b_mean or 0.0)):
        worse_by = 0.0
    return DifferenceOut(
        measure=finding.key,
        unit=finding.unit,
        smaller_is_better=finding.smaller_is_better,
        change=_change(worse_by, a_unseen, b_unseen, unclear=bool(worse and worse.unclear)),
        a=a_mean if whole else _mean([a for a, _ in known]),
        b=b_mean if whole else _mean([b for _, b in known]),
        n=len(whole),
        difference=spread.mean if spread else None,
        low=spread.low if spread and not unseen else None,
        high=spread.high if spread and not unseen else None,
        note=note or (None if whole else "no pair has a value on both sides"),
        a_unseen=a_unseen,
        b_unseen=b_unseen,
        neither_seen=unseen - a_unseen - b_unseen,
        missing=len(rows) - len(known),
        held=finding.key in ALWAYS_HELD
        or any(finding.key in each.recorded.expected for pair in pairs for each in pair),
    )


def _mean(values: Sequence[RecordedValue]) -> float | None:
    """The mean of those whose end was seen."""
    seen = [each.value for each in values if each.value is not None and not each.censored]
    return statistics.fmean(seen) if seen else None


def _less(b: float, a: float) -> float:
    """The difference b - a, without what is only the rounding of floating point."""
    return 0.0 if math.isclose(a, b, rel_tol=1e-9) else b - a


def _change(worse_by: float | None, a_unseen: int, b_unseen: int, *, unclear: bool) -> Change:
    """A time that ended in A and was not seen to end in B became worse, whatever the others did."""
    if a_unseen or b_unseen:
        return Change.UNCLEAR if a_unseen and b_unseen else Change.WORSE if b_unseen else Change.BETTER
    if worse_by is None:
        return Change.UNKNOWN
    if worse_by == 0:
        return Change.SAME
    return Change.UNCLEAR if unclear else Change.WORSE if worse_by > 0 else Change.BETTER
