"""scorecard.md: the table for a README or a pull request, with what stands behind each cell."""

from __future__ import annotations

from typing import Final

from .scorecard import MEASURES, Cell, Row, Scorecard, Standing
from .writers.markdown import cell, code, table

FILE: Final = "scorecard.md"
SIGNS: Final = {
    Standing.PASS: "✅ pass",
    Standing.FAIL: "❌ fail",
    Standing.INCONCLUSIVE: "⚠️ can't tell",
    Standing.UNAVAILABLE: "🚫 not to be had",
    Standing.UNSUITABLE: "– not suited",
    Standing.PENDING: "… not played",
}
"""A cell in two words."""


def render(card: Scorecard, links: dict[str, str]) -> str:
    """The page.

    Args:
        card: The scorecard, its notes laid over it.
        links: Address of the report by the run's folder, for those that are there.
    """
    parts = [
        f"# {cell(card.title)}",
        counts(card),
        matrix(card, links),
        LEGEND,
        *_fails(card),
        *_unsettled(card),
        *_repeated(card),
        "## Behind each cell",
        *(_measures(card, row) for row in card.targets),
        "## How it was made",
        "\n".join(
            f"- {cell(name)}: {code(told) if name == 'command' else cell(told, 600)}" for name, told in made(card)
        ),
        "Each target as it was configured:",
        "\n".join(f"- **{cell(row.label)}**: {cell(configured(row), 1200)}" for row in card.targets),
    ]
    return "\n\n".join(parts) + "\n"


LEGEND: Final = (
    "¹ A target that does not translate between dialects was given all providers in the one named below. "
    "*Can't tell*: the run could prove nothing, for the reason below; it counts neither for nor against the target."
)
"""What stands below the table."""


def counts(card: Scorecard) -> str:
    """How many cells came to which end."""
    told = [f"{count} {standing.value}" for standing in Standing if (count := card.count(standing))]
    return f"{len(card.targets)} targets × {len(card.scenarios)} scenarios: {', '.join(told)}."


def made(card: Scorecard) -> list[tuple[str, str]]:
    """Date, versions, machine and command."""
    machine = card.machine
    memory = machine.get("memory_bytes")
    on = [machine.get("processor"), f"{machine.get('cores')} cores", machine.get("system")]
    if isinstance(memory, int):
        on.insert(2, f"{memory / 2**30:.1f} GiB")
    versions = ", ".join(f"{name} {told}" for name, told in card.versions.items() if told)
    return [
        ("made", card.made),
        ("command", card.command),
        ("seed", "each scenario's own" if card.seed is None else str(card.seed)),
        ("rate", card.rate or "each scenario's own"),
        ("machine", ", ".join(str(each) for each in on if each)),
        ("versions", versions),
    ]


def configured(row: Row) -> str:
    """A target's version and what departs from its vendor's defaults."""
    return "; ".join([row.detail or row.label, *row.settings])


def matrix(card: Scorecard, links: dict[str, str]) -> str:
    """The table itself: a row a target, a column a scenario.

    Args:
        card: The scorecard.
        links: Address of the report by the run's folder, for those that are there.
    """
    head = ["target", *(cell(each.name) for each in card.scenarios)]
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for row in card.targets:
        cells = [_one(card.cell(row.name, column.name), links) for column in card.scenarios]
        lines.append(f"| **{cell(row.label)}** | {' | '.join(cells)} |")
    return "\n".join(lines)


def _one(each: Cell, links: dict[str, str]) -> str:
    sign = SIGNS[each.standing]
    link = links.get(each.run or "")
    told = cell(brief(each))
    return (f"[{sign}]({link})" if link else sign) + ("¹" if each.dialect else "") + (f"<br>{told}" if told else "")


def brief(each: Cell) -> str:
    """Of a fail the calls that were lost, and the first measure besides: a fail that lost nothing is another matter."""
    if each.standing is not Standing.FAIL or "lost_calls" not in each.measures:
        return ""
    told = [f"{each.measures['lost_calls']} lost"]
    for broken in each.broken:
        wanted, _, found = broken.partition(": ")
        measure = wanted.partition(" ")[0]
        if measure != "lost_calls":
            told.append(f"{MEASURES.get(measure, measure)} {found}")
            break
    return ", ".join(told)


def _fails(card: Scorecard) -> list[str]:
    fails = [each for each in card.shown if each.standing is Standing.FAIL]
    return ["## What failed", *(_told(card, each) for each in fails)] if fails else []


def _told(card: Scorecard, each: Cell) -> str:
    label = next(row.label for row in card.targets if row.name == each.target)
    lines = [f"**{cell(label)}, {cell(each.scenario)}.** {cell(each.evidence, 1200)}"]
    if each.note is not None:
        when = f" ({each.note.checked})" if each.note.checked else ""
        lines.append(f"*Checked by hand{when}:* {cell(each.note.note, 2000)}")
    return "  \n".join([*lines, f"Again: {code(each.command)}"])


def _unsettled(card: Scorecard) -> list[str]:
    open_ = [each for each in card.shown if each.standing not in {Standing.PASS, Standing.FAIL, Standing.PENDING}]
    rows = [(each.target, each.scenario, SIGNS[each.standing], "; ".join(each.reasons[:3])) for each in open_]
    return ["## What could not be judged", table(["target", "scenario", "", "why"], rows)] if rows else []


def _repeated(card: Scorecard) -> list[str]:
    if card.repeat is None:
        return []
    rows = [(each.target, each.scenario, each.here, each.there, each.broken) for each in card.repeat.differences]
    head = ["target", "scenario", "here", "repeated", "what broke where it failed"]
    remarks = [
        _remark(card, each) for each in card.shown if each.note is not None and each.standing is not Standing.FAIL
    ]
    remarks += [
        _remark(card, each)
        for each in (card.cell(told.target, told.scenario) for told in card.repeat.differences)
        if each.note is not None and each.standing is Standing.FAIL
    ]
    return ["## Repeated", cell(card.repeat.told, 600), *([table(head, rows)] if rows else []), *remarks]


def _remark(card: Scorecard, each: Cell) -> str:
    label = next(row.label for row in card.targets if row.name == each.target)
    return f"**{cell(label)}, {cell(each.scenario)}.** {cell(each.note.note if each.note else '', 2000)}"


def _measures(card: Scorecard, row: Row) -> str:
    rows = []
    for column in card.scenarios:
        each = card.cell(row.name, column.name)
        if each.measures:
            more = f" (all {each.dialect})" if each.dialect else ""
            values = [each.measures.get(key, "–") for key in MEASURES]
            rows.append((column.name + more, SIGNS[each.standing], *values, str(each.seed)))
    if not rows:
        return f"**{cell(row.label)}**: nothing was measured."
    return f"**{cell(row.label)}**\n\n" + table(["scenario", "", *MEASURES.values(), "seed"], rows)
