"""A history in the terminal and in Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from .comparison import Change
from .recorded import told
from .result import Verdict
from .trends import HistoryOut, LineOut, TrendOut
from .writers.markdown import cell, table

FILE: Final = "history.md"
LETTERS: Final = {Verdict.PASS: "✓", Verdict.FAIL: "✗", Verdict.INCONCLUSIVE: "?"}
_SIGNS: Final = {Verdict.PASS: "✅", Verdict.FAIL: "❌", Verdict.INCONCLUSIVE: "⚠️"}
_ARROWS: Final = {Change.BETTER: " (better)", Change.WORSE: " (worse)"}
_BLOCKS: Final = "▁▂▃▄▅▆▇█"
STRIP_MAX: Final = 20
"""Most runs of a strip of verdicts, or of a line of blocks, in text."""


def text(history: HistoryOut) -> str:
    """The history as lines of text: a table, then what changed."""
    rows = [
        ("scenario", "target", "verdict", "runs", "last runs", "broke first"),
        *(
            (each.scenario, each.target, verdict(each), str(each.runs), strip(each), each.newest.first_broken or "")
            for each in history.lines
        ),
    ]
    lines = [f"{history.path}: {history.runs} runs", "", *_columns(rows)]
    for each in history.lines:
        lines += ["", f"{each.scenario} on {each.target}, newest {day(each.newest.started)}"]
        trends = [(f"  {one.measure}", blocks(one), spoken(one)) for one in each.measures]
        lines += _columns(trends)
        lines += [f"  changed: {one}" for one in each.changes]
    if history.left_out:
        lines += ["", *(f"left out: {each}" for each in history.left_out)]
    return "\n".join(lines) + "\n"


def markdown(history: HistoryOut) -> str:
    """The history for a job summary or a wiki; what runs and routers said is escaped."""
    rows = [
        (
            f"{_SIGNS[each.newest.verdict]} {verdict(each)}",
            each.scenario,
            each.target,
            each.runs,
            strip(each),
            each.newest.first_broken or "",
            "; ".join(each.changes),
        )
        for each in history.lines
    ]
    head = ("newest", "scenario", "target", "runs", "last runs", "broke first", "changed since the run before")
    parts = [f"## {history.runs} runs in {cell(history.path)}", table(head, rows)]
    for each in history.lines:
        trends = [(one.measure, blocks(one), spoken(one)) for one in each.measures]
        folded = table(("measure", "oldest to newest", "newest"), trends)
        name = f"{cell(each.scenario)} on {cell(each.target)}"
        parts.append(f"<details><summary>{name}</summary>\n\n{folded}\n\n</details>")
    if history.left_out:
        parts += ["### Left out", "\n".join(f"- {cell(each, 600)}" for each in history.left_out[:100])]
    return "\n\n".join(parts) + "\n"


def verdict(line: LineOut) -> str:
    """The newest verdict, and for how many runs it has stood."""
    word = line.newest.verdict.value
    if line.since == line.runs:
        return word if line.runs == 1 else f"{word}, always"
    return f"{word}, new" if line.since == 1 else f"{word} for {line.since} runs"


def strip(line: LineOut) -> str:
    """The verdicts, oldest first, a sign a run."""
    return "".join(LETTERS[each.verdict] for each in line.points[-STRIP_MAX:])


def blocks(trend: TrendOut) -> str:
    """The values as blocks of eight heights, from 0 (or the least, if that is below) to the largest."""
    values, unseen = trend.values[-STRIP_MAX:], trend.unseen[-STRIP_MAX:]
    known = [each for each in values if each is not None]
    low, high = min(0.0, *known, 0.0), max(known, default=0.0)
    signs = []
    for value, open_end in zip(values, unseen, strict=True):
        if value is None:
            signs.append("·")
        elif open_end:
            signs.append("↑")
        else:
            share = (value - low) / (high - low) if high > low else 0.0
            signs.append(_BLOCKS[min(int(share * len(_BLOCKS)), len(_BLOCKS) - 1)])
    return "".join(signs)


def spoken(trend: TrendOut) -> str:
    """The newest value, and how it stands to the run before."""
    value = trend.values[-1]
    if value is None:
        return "–"
    return ("≥ " if trend.unseen[-1] else "") + told(value, trend.unit) + _ARROWS.get(trend.change, "")


def day(started: str) -> str:
    """The day and minute of an ISO time."""
    return started[:16].replace("T", " ") or "at a time that is not known"


def _columns(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)] if rows else []
    for row in rows:
        yield "  ".join(f"{each:<{width}}" for each, width in zip(row, widths, strict=True)).rstrip()
