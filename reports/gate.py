"""The regression gate: may B replace A? A pure function of a comparison and a tolerance.

Held are the measures that the scenario has a limit for, lost calls and silent losses, and those that the tolerance
names; the others are shown. A measure got worse where the mean of the pairs' differences is beyond the tolerance and,
from five pairs on, its interval does not have 0 in it. What A has shown and B has not leaves the gate undecided: else
whoever runs less, or is told less of, would pass more.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence
from typing import Final

from ..scenarios.expectation import Unit
from .comparison import RUN_AGAIN, Change, ComparisonOut, DifferenceOut, GateOut, GroupOut
from .recorded import Pair, RecordedFinding, both_sides, told
from .result import Verdict
from .tolerance import Amount, Tolerance

TOLERANCE: Final = "10%,50ms"
"""What is tolerated where nothing is said: a tenth, and of times what a busy machine's clock may be late by."""
SEEDS_NAMED_MAX: Final = 3
"""Most seeds that a reason names."""


def gated(comparison: ComparisonOut, pairs: Sequence[Sequence[Pair]], tolerance: Tolerance) -> ComparisonOut:
    """The comparison with what the gate says of it; `pairs` are those of its groups."""
    groups = [_group(each, its, tolerance) for each, its in zip(comparison.groups, pairs, strict=True)]
    worse = [reason for each in groups for reason in _worse(each)]
    unproved = [reason for each, its in zip(groups, pairs, strict=True) for reason in _unproved(each, its)]
    unproved += [*_without_partner(comparison)]
    unproved += [f"left out of B: {each}" for each in comparison.b.left_out]
    verdict = Verdict.FAIL if worse else Verdict.INCONCLUSIVE if unproved else Verdict.PASS
    gate = GateOut(tolerance=tolerance.text, verdict=verdict, reasons=[*worse, *unproved])
    return comparison.model_copy(update={"groups": groups, "gate": gate})


def _group(group: GroupOut, all_pairs: Sequence[Pair], tolerance: Tolerance) -> GroupOut:
    pairs = [pair for pair, out in zip(all_pairs, group.pairs, strict=True) if out.counted]
    if not pairs:
        return group
    found = {key: each for pair in pairs for one in pair for key, each in one.recorded.by_key.items()}
    outs = []
    for each in group.differences:
        key = each.measure
        if each.held or key in tolerance.named or key.partition(".")[0] in tolerance.named:
            amounts = tolerance.amounts(key)
            update = {
                "held": True,
                "allowed": " or ".join(one.text for one in amounts) or "nothing",
                "beyond": beyond(each, found[key], pairs, amounts),
            }
            outs.append(each.model_copy(update=update))
        else:
            outs.append(each)
    return group.model_copy(update={"differences": outs})


def beyond(
    difference: DifferenceOut, finding: RecordedFinding, pairs: Sequence[Pair], amounts: Sequence[Amount]
) -> str | None:
    """How a measure became worse than is tolerated; None if it did not."""
    if difference.change is not Change.WORSE:
        return None
    if difference.b_unseen:
        return f"its end was not seen in {difference.b_unseen} of B's runs, and was in A's"
    if any(_covers(each, difference, finding, pairs) for each in amounts):
        return None
    return f"{told(difference.a, difference.unit)} → {told(difference.b, difference.unit)}"


def _covers(each: Amount, difference: DifferenceOut, finding: RecordedFinding, pairs: Sequence[Pair]) -> bool:
    """Whether what became worse is no more than this amount."""
    if each.unit is None:
        worse = _worse_by(finding.unit, finding, pairs)
        room = each.value * abs(difference.a or 0.0)
    else:
        worse, room = _worse_by(each.unit, finding, pairs), each.value
    return worse is not None and (worse <= room or math.isclose(worse, room, rel_tol=1e-9))


def _worse_by(unit: Unit, finding: RecordedFinding, pairs: Sequence[Pair]) -> float | None:
    """By how much B is worse than A, in a unit; the mean over the pairs."""
    found = [
        finding.badness(b.amounts[unit]) - finding.badness(a.amounts[unit])
        for a, b in both_sides(finding.key, pairs)
        if a is not None and b is not None and unit in a.amounts and unit in b.amounts
    ]
    return statistics.fmean(found) if found else None


def _worse(group: GroupOut) -> Iterator[str]:
    name = label(group)
    for pair in group.pairs:
        if pair.b.verdict is Verdict.FAIL and pair.a.verdict is not Verdict.FAIL:
            broke = f", {pair.b.first_broken} broke first" if pair.b.first_broken else ""
            yield f"{name}, seed {pair.seed}: {pair.a.verdict.value} → fail{broke}"
    for each in group.differences:
        if each.beyond is not None:
            yield f"{name}: {each.measure} got worse: {each.beyond}; tolerated: {each.allowed} (n = {each.n})"


def _unproved(group: GroupOut, all_pairs: Sequence[Pair]) -> Iterator[str]:
    name = label(group)
    for pair in group.pairs:
        if pair.b.verdict is Verdict.INCONCLUSIVE and pair.a.verdict is not Verdict.INCONCLUSIVE:
            yield f"{name}, seed {pair.seed}: {pair.a.verdict.value} → inconclusive: run it again"
    if not any(pair.counted for pair in group.pairs):
        yield f"{name}: every pair has an inconclusive run, so that nothing is compared"
        return
    pairs = [pair for pair, out in zip(all_pairs, group.pairs, strict=True) if out.counted]
    for each in group.differences:
        if each.held and each.change is Change.UNKNOWN and _gone(each.measure, pairs):
            yield f"{name}: A has values of {each.measure}, B has none in their place"
        elif each.held and each.change is Change.UNCLEAR and each.b_unseen > each.a_unseen:
            runs = f"{each.b_unseen} of B's runs and {each.a_unseen} of A's"
            yield f"{name}: the end of {each.measure} was not seen in {runs}, each seen in the other's"


def _gone(key: str, pairs: Sequence[Pair]) -> bool:
    """Whether a pair has a value of A's and none of B's."""
    return any(a is not None and b is None for a, b in both_sides(key, pairs))


def _without_partner(comparison: ComparisonOut) -> Iterator[str]:
    """What of A nothing of B stands beside: whole scenarios by their name, else by target and seed."""
    compared = {each.scenario for each in comparison.groups}
    missing: dict[tuple[str, str], set[int]] = {}
    for each in comparison.unpaired:
        if each.side == "A" and each.why != RUN_AGAIN:
            missing.setdefault((each.scenario, each.target), set()).add(each.seed)
    for name in sorted({scenario for scenario, _ in missing} - compared):
        yield f"{name}: A has runs of it, B has none to compare them with"
    for (scenario, target), seeds in sorted(missing.items()):
        if scenario in compared:
            yield f"{scenario} on {target}, {_seeds(sorted(seeds))}: B has no run to compare with A's"


def _seeds(seeds: Sequence[int]) -> str:
    named = ", ".join(str(each) for each in seeds[:SEEDS_NAMED_MAX])
    more = f" and {len(seeds) - SEEDS_NAMED_MAX} more" if len(seeds) > SEEDS_NAMED_MAX else ""
    return f"{'seed' if len(seeds) == 1 else 'seeds'} {named}{more}"


def label(group: GroupOut) -> str:
    """What a group is called."""
    return group.scenario if group.target is None else f"{group.scenario} on {group.target}"
