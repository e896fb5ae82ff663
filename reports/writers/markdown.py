"""summary.md: the verdict for a job summary or a pull request."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from ...scenarios.expectation import Unit, format_value
from ..advice import advice
from ..plain import headline, plain, reworded, wanted
from ..result import Result, State, Verdict

FILE: Final = "summary.md"
BYTES_MAX: Final = 1024 * 1024
"""Largest job summary that forges accept, in bytes."""
ROWS_MAX: Final = 200
"""Most rows of one table."""
CELL_CHARS_MAX: Final = 300
"""Most characters of one cell."""
RUN_SCOPE: Final = "run"
_SIGNS: Final = {Verdict.PASS: "✅", Verdict.FAIL: "❌", Verdict.INCONCLUSIVE: "⚠️"}
_STATES: Final = {State.MET: "✅ met", State.BROKEN: "❌ broken", State.UNKNOWN: "⚠️ can't tell"}


def render(result: Result) -> str:
    """The summary; what providers and routers said is escaped."""
    parts = [
        f"## {_SIGNS[result.verdict]} {result.verdict.value}: {cell(result.run.title)}",
        cell(headline(result), 2000),
        *_first(result),
        *_reasons(result),
        *_advice(result),
        *_damage(result),
        _headlines(result),
        _money(result),
        "### What was expected, and what was found",
        _expectations(result),
        *_folded("What failover took", _episodes(result)),
        *_folded("What the callers got", _integrity(result)),
        *_folded("What it cost", _cost(result)),
        *_checks(result),
        *_repeat(result),
    ]
    text = "\n\n".join(parts) + "\n"
    if len(text.encode()) > BYTES_MAX:
        kept = text.encode()[: BYTES_MAX - 200].decode("utf-8", "ignore")
        text = kept + "\n\n</details>\n\n(cut off: see report.html)\n"
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
    if result.verdict is not Verdict.INCONCLUSIVE:
        return []  # a fail's are in the table of what was expected
    return ["\n".join(f"- {cell(each, 600)}" for each in result.reasons[:ROWS_MAX])]


def _first(result: Result) -> list[str]:
    if result.verdict is not Verdict.FAIL:
        return []
    if result.target_gone:
        return [f"**What failed:** {cell('; '.join(result.reasons), 600)}."]
    first = [each for each in result.expectations if each.measure == result.first_broken]
    return [
        f"**Broke first:** {cell(plain(each.measure).question)} {cell(each.found)}, wanted {cell(wanted(each))}."
        for each in first[:1]
    ]


def _advice(result: Result) -> list[str]:
    head = {Verdict.FAIL: "Fix first", Verdict.INCONCLUSIVE: "Do this next", Verdict.PASS: "Worth a look"}
    return [
        f"**{head[result.verdict]}:** {cell(reworded(each.title))}. {cell(reworded(each.why), 600)}"
        for each in advice(result)[:1]
    ]


def _damage(result: Result) -> list[str]:
    lines = [f"- {cell(each.where)}: {cell(each.what)}. {cell(each.costs)}" for each in result.damage[:ROWS_MAX]]
    return ["**A part of this run could not be read:**", "\n".join(lines)] if lines else []


def _folded(name: str, parts: Sequence[str]) -> list[str]:
    """Details that a reader opens: a pull request stays readable with many of these summaries."""
    return [f"<details><summary>{name}</summary>", *parts, "</details>"] if parts else []


def _headlines(result: Result) -> str:
    labels = [each.label for each in result.headlines]
    return table(labels, [[each.text for each in result.headlines], [each.note for each in result.headlines]])


def _money(result: Result) -> str:
    billed = sum(each.usd for each in result.costs)
    each_usd = next((each.usd_per_answer for each in result.phases if each.name == RUN_SCOPE), None)
    share = "" if each_usd is None else f", {_usd(each_usd)} for each good answer"
    return f"Billed for this run: {_usd(billed)}{share}."


def _usd(amount: float) -> str:
    """An amount with three significant digits, as the page has it."""
    return format_value(float(f"{amount:.3g}"), Unit.USD)


def _expectations(result: Result) -> str:
    rows = []
    for each in result.expectations:
        first = result.verdict is Verdict.FAIL and each.measure == result.first_broken
        note = "; ".join(filter(None, ["broke first" if first else "", each.note or ""]))
        where = each.scope if each.scope and each.scope != RUN_SCOPE else ""
        state = _STATES[each.state] + (", tolerated" if each.tolerated else "")
        rows.append((state, plain(each.measure).question, each.found, wanted(each), where, note))
    return table(["", "question", "found", "wanted", "where", ""], rows)


def _episodes(result: Result) -> list[str]:
    parts = []
    for each in result.episodes:
        bites = Counter[str]()
        for window in each.windows:
            bites[window.fault] += window.bites
        faults = ", ".join(f"{fault} hit {count:,} requests" for fault, count in bites.items())
        rows = [
            (plain(key).question, key, value.text, value.reason or "")
            for key, value in each.times.items()
            if value.applies
        ]
        parts.append(
            f"**{cell(each.id).capitalize()}**: {cell(faults)}, from {each.from_s:.2f} s to {each.until_s:.2f} s; "
            f"of {each.calls_due:,} calls due meanwhile, {each.calls_lost:,} lost.\n\n"
            + table(["question", "measure", "found", ""], rows)
        )
    return parts


def _integrity(result: Result) -> list[str]:
    rows = [(each.outcome, each.calls, f"{each.share:.2%}", each.silent, each.meaning) for each in result.outcomes]
    return [table(["outcome", "calls", "share", "silent", "meaning"], rows)]


def _cost(result: Result) -> list[str]:
    rows = [
        (each.provider, each.model, each.invoices, each.produced_tokens, f"${each.usd:.4f}", f"${each.wasted_usd:.4f}")
        for each in result.costs
    ]
    head = ["provider", "model", "invoices", "tokens out", "billed", "wasted"]
    return [table(head, rows)] if rows else []


def _checks(result: Result) -> list[str]:
    short = [each for each in result.checks if not each.ok]
    passed = f"{len(result.checks) - len(short)} of {len(result.checks)}"
    head = f"### Can this run be trusted? {passed} checks of ourselves passed"
    if not short:
        return [head]
    if result.verdict is Verdict.FAIL:
        head += "\n\nWhat fell short could have kept this run from a pass; what broke is broken all the same."
    return [head, table(["check", "found", "needed"], [(each.name, each.found, each.needed) for each in short])]


def _repeat(result: Result) -> list[str]:
    run = result.run
    lines = [
        f"Repeat it: {code(run.command)} (seed {run.seed})",
        f"Target: {cell(run.target)}; {cell(run.witnesses)}. The page: report.html in {code(run.folder)}.",
    ]
    return ["### Repeat", "\n".join(lines)]
