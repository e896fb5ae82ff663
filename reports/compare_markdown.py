"""compare.md: a comparison for a pull request or a job summary."""

from __future__ import annotations

from typing import Final

from .compare_words import GATE, by, heading, sentence, sides, sign, verdicts
from .comparison import Change, ComparisonOut, DifferenceOut, GroupOut
from .result import Verdict
from .writers.markdown import BYTES_MAX, cell, code, table

FILE: Final = "compare.md"
_SIGNS: Final = {Verdict.PASS: "✅", Verdict.FAIL: "❌", Verdict.INCONCLUSIVE: "⚠️"}
_HEAD: Final = ("measure", "A", "B", "B − A", "")


def render(comparison: ComparisonOut) -> str:
    """The comparison; what runs and routers said is escaped."""
    parts = [_title(comparison), cell(sentence(comparison), 2000)]
    if comparison.gate is not None and comparison.gate.reasons:
        parts.append("\n".join(f"- {cell(each, 600)}" for each in comparison.gate.reasons[:100]))
    for group in comparison.groups:
        parts += _group(group)
    if comparison.unpaired:
        rows = [(each.side, each.scenario, each.target, each.seed, each.why) for each in comparison.unpaired]
        parts += ["### Not compared", table(("side", "scenario", "target", "seed", "why"), rows)]
    parts += [_sides(comparison), f"Intervals in brackets: {comparison.method}."]
    text = "\n\n".join(parts) + "\n"
    if len(text.encode()) > BYTES_MAX:
        text = text.encode()[: BYTES_MAX - 200].decode("utf-8", "ignore") + "\n\n</details>\n\n(cut off)\n"
    return text


def _title(comparison: ComparisonOut) -> str:
    gate = comparison.gate
    if gate is None:
        return "## B against A"
    return f"## {_SIGNS[gate.verdict]} {gate.verdict.value}: {GATE[gate.verdict]} ({cell(gate.tolerance or 'none')})"


def _group(group: GroupOut) -> list[str]:
    shown = [each for each in group.differences if each.change is not Change.SAME]
    same = [each for each in group.differences if each.change is Change.SAME]
    parts = [f"### {cell(heading(group))}", f"Verdict: {cell(verdicts(group))}."]
    parts += ["\n".join(f"- {cell(each, 600)}" for each in group.notes)] if group.notes else []
    parts += [table(_HEAD, map(_row, shown))] if shown else []
    parts += [f"The same: {', '.join(code(each.measure) for each in same)}."] if same else []
    pairs = [(each.seed, each.a.verdict, each.a.folder, each.b.verdict, each.b.folder) for each in group.pairs]
    folded = table(("seed", "A", "", "B", ""), pairs)
    return [*parts, f"<details><summary>The runs</summary>\n\n{folded}\n\n</details>"]


def _row(each: DifferenceOut) -> tuple[str, ...]:
    return (each.measure, *sides(each), by(each), sign(each))


def _sides(comparison: ComparisonOut) -> str:
    lines = []
    for name, each in (("A", comparison.a), ("B", comparison.b)):
        lines.append(f"- {name}: {code(each.path)}, {each.runs} runs of {cell(', '.join(each.targets))}")
        lines += [f"  - left out: {cell(one, 600)}" for one in each.left_out[:100]]
    return "\n".join(lines)
