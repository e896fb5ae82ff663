"""summary.md: the verdict for a job summary or a pull request."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from ..result import Result, State, Verdict

FILE: Final = "summary.md"
BYTES_MAX: Final = 1024 * 1024
"""Largest job summary that forges accept, in bytes."""
ROWS_MAX: Final = 200
"""Most rows of one table."""
CELL_CHARS_MAX: Final = 300
"""Most characters of one cell."""
_SIGNS: Final = {Verdict.PASS: "✅", Verdict.FAIL: "❌", Verdict.INCONCLUSIVE: "⚠️"}
_STATES: Final = {State.MET: "✅ met", State.BROKEN: "❌ broken", State.UNKNOWN: "⚠️ can't tell"}


def render(result: Result) -> str:
    """The summary; what providers and routers said is escaped."""
    parts = [
        f"## {_SIGNS[result.verdict]} {result.verdict.value}: {cell(result.run.title)}",
        cell(result.sentence, 2000),
        *_reasons(result),
        _headlines(result),
        "### Expectations",
        _expectations(result),
        *_episodes(result),
        *_integrity(result),
        *_cost(result),
        *_checks(result),
        *_repeat(result),
    ]
    text = "\n\n".join(parts) + "\n"
    if len(text.encode()) > BYTES_MAX:
        text = text.encode()[: BYTES_MAX - 200].decode("utf-8", "ignore") + "\n\n(cut off: see report.html)\n"
    return text


def cell(value: object, chars: int = CELL_CHARS_MAX) -> str:
    """A value on one line, without anything that Markdown or HTML would act on."""
    text = re.sub(r"\s+", " ", str(value))[:chars]
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_{}\[\]#|~@])", r"\\\1", text)


def code(value: object) -> str:
    """A value as inline code."""
    text = re.sub(r"\s+", " ", str(value))[:2000]
    ticks = "`" * (max((len(run) for run in re.findall(r"`+", text)), default=0) + 1)
    return f"{ticks} {text} {ticks}" if "`" in text else f"{ticks}{text}{ticks}"


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table of at most `ROWS_MAX` rows; the cells are data."""
    body = [f"| {' | '.join(cell(each) for each in row)} |" for row in rows]
    left_out = [f"\n{len(body) - ROWS_MAX} more rows in report.html"] if len(body) > ROWS_MAX else []
    return "\n".join([f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *body[:ROWS_MAX], *left_out])


def _reasons(result: Result) -> list[str]:
    if result.verdict is Verdict.PASS:
        return []
    return ["\n".join(f"- {cell(each, 600)}" for each in result.reasons[:ROWS_MAX])]


def _headlines(result: Result) -> str:
    labels = [each.label for each in result.headlines]
    return table(labels, [[each.text for each in result.headlines], [each.note for each in result.headlines]])


def _expectations(result: Result) -> str:
    rows = []
    for each in result.expectations:
        note = "broke first" if each.measure == result.first_broken else each.note or ""
        rows.append((_STATES[each.state], each.measure, each.wanted, each.found, each.scope or "", note))
    return table(["", "measure", "wanted", "found", "where", ""], rows)


def _episodes(result: Result) -> list[str]:
    parts = []
    for each in result.episodes:
        bites = Counter[str]()
        for window in each.windows:
            bites[window.entry] += window.bites
        faults = ", ".join(f"{entry} ({count} bites)" for entry, count in bites.items())
        rows = [(key, value.text, value.reason or "") for key, value in each.times.items() if value.applies]
        parts.append(
            f"### {cell(each.id).capitalize()}\n\n{cell(faults)}, from {each.from_s:.2f} s to {each.until_s:.2f} s; "
            f"{each.calls_lost} of {each.calls_due} calls lost.\n\n" + table(["measure", "found", ""], rows)
        )
    return parts


def _integrity(result: Result) -> list[str]:
    rows = [(each.outcome, each.calls, f"{each.share:.2%}", each.silent, each.meaning) for each in result.outcomes]
    return ["### What the callers got", table(["outcome", "calls", "share", "silent", "meaning"], rows)]


def _cost(result: Result) -> list[str]:
    rows = [
        (each.provider, each.model, each.invoices, each.produced_tokens, f"${each.usd:.4f}", f"${each.wasted_usd:.4f}")
        for each in result.costs
    ]
    head = ["provider", "model", "invoices", "tokens out", "billed", "wasted"]
    return ["### Cost", table(head, rows)] if rows else []


def _checks(result: Result) -> list[str]:
    short = [each for each in result.checks if not each.ok]
    head = f"### Could this run prove anything? {len(result.checks) - len(short)} of {len(result.checks)} checks passed"
    if not short:
        return [head]
    return [head, table(["check", "found", "needed"], [(each.name, each.found, each.needed) for each in short])]


def _repeat(result: Result) -> list[str]:
    run = result.run
    lines = [f"Repeat it: {code(run.command)} (seed {run.seed})", f"Target: {cell(run.target)}; {cell(run.witnesses)}."]
    return ["### Repeat", "\n".join(lines)]
