"""A comparison in the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from .compare_words import GATE, by, heading, sentence, sides, sign, verdicts
from .comparison import Change, ComparisonOut, GroupOut, SetOut

UNPAIRED_MAX: Final = 20
"""Most runs without a partner that are named; the others are counted."""
_HEAD: Final = ("measure", "A", "B", "B − A", "")


def render(comparison: ComparisonOut) -> str:
    """The comparison as lines of text."""
    lines = [*_set("A", comparison.a), *_set("B", comparison.b), "", sentence(comparison)]
    for group in comparison.groups:
        lines += ["", *_group(group)]
    lines += _unpaired(comparison)
    gate = comparison.gate
    if gate is not None:
        lines += ["", f"{gate.verdict.value.upper()}  {GATE[gate.verdict]} ({gate.tolerance or 'none'})"]
        lines += [f"  {each}" for each in gate.reasons]
    return "\n".join(lines) + "\n"


def _set(name: str, each: SetOut) -> Iterator[str]:
    yield f"{name}  {each.path}: {each.runs} run{'s' * (each.runs != 1)} of {', '.join(each.targets)}"
    yield from (f"   left out: {one}" for one in each.left_out[:UNPAIRED_MAX])
    more = len(each.left_out) - UNPAIRED_MAX
    if more > 0:
        yield f"   and {more} more left out"


def _group(group: GroupOut) -> Iterator[str]:
    yield f"{heading(group)}: {verdicts(group)}"
    yield from (f"  note: {each}" for each in group.notes)
    shown = [each for each in group.differences if each.change is not Change.SAME]
    if shown:
        rows = [_HEAD, *((each.measure, *sides(each), by(each), sign(each)) for each in shown)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            yield ("  " + "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))).rstrip()
    same = [each.measure for each in group.differences if each.change is Change.SAME]
    if same:
        yield f"  the same: {', '.join(same)}"


def _unpaired(comparison: ComparisonOut) -> Iterator[str]:
    if not comparison.unpaired:
        return
    yield ""
    for each in comparison.unpaired[:UNPAIRED_MAX]:
        yield f"not compared: {each.side}'s {each.scenario} on {each.target}, seed {each.seed}: {each.why}"
    more = len(comparison.unpaired) - UNPAIRED_MAX
    if more > 0:
        yield f"not compared: {more} more runs"
