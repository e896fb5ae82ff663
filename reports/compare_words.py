"""A comparison in words: what every rendering of it says alike."""

from __future__ import annotations

from collections import Counter
from typing import Final

from ..scenarios.expectation import Unit
from .comparison import Change, ComparisonOut, DifferenceOut, GroupOut, PairOut
from .recorded import told
from .result import Verdict

SIGNS: Final = {
    Change.BETTER: "✓ better",
    Change.WORSE: "✗ worse",
    Change.SAME: "= same",
    Change.UNCLEAR: "? unclear",
    Change.UNKNOWN: "– can't tell",
}
SHARE_MIN: Final = 0.01
"""Smallest difference, as a share of A's value, that is told as one."""
GATE: Final = {
    Verdict.PASS: "the gate is open: nothing got worse beyond the tolerance",
    Verdict.FAIL: "the gate is shut: something got worse",
    Verdict.INCONCLUSIVE: "the gate can't tell",
}


def sentence(comparison: ComparisonOut) -> str:
    """What changed, in one sentence."""
    pairs = [pair for group in comparison.groups for pair in group.pairs]
    scenarios = len({group.scenario for group in comparison.groups})
    where = comparison.groups[0].scenario if scenarios == 1 else f"{scenarios} scenarios"
    changes = Counter(pair.change for pair in pairs)
    verdicts = ", ".join(
        f"{changes[each]} {word}"
        for each, word in (
            (Change.BETTER, "better"),
            (Change.WORSE, "worse"),
            (Change.SAME, "unchanged"),
            (Change.UNCLEAR, "to or from inconclusive"),
        )
        if changes[each]
    )
    measures = f"; {_measures(comparison.groups[0])}" if len(comparison.groups) == 1 else ""
    return f"B against A, {counted(len(pairs), 'pair')} of {where}: verdicts {verdicts}{measures}."


def _measures(group: GroupOut) -> str:
    """Which of the measures that a router is held to went which way."""
    parts = []
    for change in (Change.BETTER, Change.WORSE):
        found = [each.measure for each in group.differences if each.held and each.change is change]
        parts += [f"{change.value}: {', '.join(found)}"] if found else []
    return "; ".join(parts) or "no measure with a limit changed for certain"


def counted(number: int, what: str) -> str:
    """``1 pair``, ``2 pairs``."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def heading(group: GroupOut) -> str:
    """A group's scenario, target, pairs and seeds."""
    seeds = [pair.seed for pair in group.pairs]
    told_seeds = f"seed {seeds[0]}" if len(seeds) == 1 else f"seeds {seeds[0]}…{seeds[-1]}"
    on = "" if group.target is None else f" on {group.target}"
    return f"{group.scenario}{on}: {counted(len(seeds), 'pair')}, {told_seeds}"


def verdicts(group: GroupOut) -> str:
    """How often each change of verdict happened."""
    counts = Counter(_verdict(pair) for pair in group.pairs)
    return ", ".join(f"{count} × {text}" if len(group.pairs) > 1 else text for text, count in counts.items())


def _verdict(pair: PairOut) -> str:
    if pair.change is Change.SAME:
        return f"{pair.b.verdict.value} as before"
    return f"{pair.a.verdict.value} → {pair.b.verdict.value}"


def by(each: DifferenceOut) -> str:
    """The difference, its share of A, and its interval or why it has none."""
    if each.difference is None:
        return each.note or "–"
    parts = [told(each.difference, each.unit, sign=True)]
    share = each.difference / abs(each.a) if each.a and each.unit is not Unit.SHARE else 0.0
    if abs(share) >= SHARE_MIN:
        parts.append(f"({share:+.0%})".replace("-", "−"))
    if each.low is not None and each.high is not None:
        parts.append(f"[{told(each.low, each.unit, sign=True)} … {told(each.high, each.unit, sign=True)}]")
    elif each.difference or (each.note and not each.note.startswith("the same")):
        parts[-1] += f", {each.note}" if each.note else ""
    return " ".join(parts)


def side(each: DifferenceOut, value: float | None, unseen: int) -> str:
    """One side's mean; ``never ended`` where its end was never seen."""
    if value is not None:
        return told(value, each.unit)
    return "never ended" if unseen or each.neither_seen else "–"


def sides(each: DifferenceOut) -> tuple[str, str]:
    """Both sides' means."""
    return side(each, each.a, each.a_unseen), side(each, each.b, each.b_unseen)


def sign(each: DifferenceOut) -> str:
    """Which way it went, and whether the gate lets it pass."""
    if each.beyond is not None:
        return f"{SIGNS[each.change]}, beyond {each.allowed}"
    if each.allowed is not None and each.change is Change.WORSE:
        return f"{SIGNS[each.change]}, within {each.allowed}"
    return SIGNS[each.change]
