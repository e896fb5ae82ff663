"""scorecard.html: one self-contained file without a script. It opens offline, in light and dark, on a phone.

Whatever a target or a scenario said is escaped; the content policy allows the page's own style (by hash) and nothing
else.
"""

from __future__ import annotations

import base64
import hashlib
from html import escape
from importlib import resources
from typing import Final

from .scorecard import MEASURES, Cell, Row, Scorecard, Standing
from .scorecard_markdown import SIGNS, brief, configured, counts, made

FILE: Final = "scorecard.html"
_SIGNS: Final = {
    **{standing: sign.partition(" ")[2] for standing, sign in SIGNS.items()},
    Standing.PASS: "✓ pass",
    Standing.FAIL: "✗ fail",
}
"""A cell in two words, without the emoji that not every system can draw."""
ASKED: Final = ("lost_calls", "silent_losses")
"""The numbers that people ask for first."""
REASONS_MAX: Final = 4
"""Most reasons shown of a cell that can't tell."""
_TONES: Final = {
    Standing.PASS: "pass",
    Standing.FAIL: "fail",
    Standing.INCONCLUSIVE: "open",
    Standing.UNAVAILABLE: "open",
}


def render(card: Scorecard, links: dict[str, str]) -> str:
    """The page.

    Args:
        card: The scorecard, its notes laid over it.
        links: Address of the report by the run's folder, for those that are there.
    """
    style = _asset("report.css") + _asset("scorecard.css")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    parts = {
        "policy": f"default-src 'none'; style-src 'sha256-{digest}'",
        "style": style,
        "title": escape(card.title),
        "counts": escape(counts(card)),
        "table": _table(card),
        "cells": "\n".join(_detail(card, row, links) for row in card.targets),
        "repeat": _repeated(card),
        "made": "".join(f"<dt>{escape(name)}</dt><dd>{_value(name, told)}</dd>" for name, told in made(card)),
        "targets": "".join(f"<dt>{escape(row.label)}</dt><dd>{escape(configured(row))}</dd>" for row in card.targets),
    }
    page: list[str] = []
    for piece in _asset("scorecard.html").split("@@"):
        page.append(parts[piece] if len(page) % 2 else piece)
    return "".join(page)


def _asset(name: str) -> str:
    return resources.files(__package__).joinpath("writers", name).read_text("utf-8")


def _value(name: str, told: str) -> str:
    return f"<code>{escape(told)}</code>" if name == "command" else escape(told)


def _table(card: Scorecard) -> str:
    head = "".join(
        f'<th scope="col"><abbr title="{escape(each.title)}">{escape(each.name)}</abbr></th>' for each in card.scenarios
    )
    rows = [
        f'<tr><th scope="row">{escape(row.label)}</th>'
        + "".join(f"<td>{_brief(card, card.cell(row.name, each.name))}</td>" for each in card.scenarios)
        + "</tr>"
        for row in card.targets
    ]
    return f"<table><thead><tr><td></td>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _repeated(card: Scorecard) -> str:
    if card.repeat is None:
        return ""
    told = "".join(
        f"<dt>{escape(each.target)}, {escape(each.scenario)}</dt>"
        f"<dd>{each.here.value} here, {each.there.value} there: {escape(each.broken)}</dd>"
        for each in card.repeat.differences
    )
    facts = f'<dl class="facts">{told}</dl>' if told else ""
    return f'<h2>Repeated</h2><section class="card"><p>{escape(card.repeat.told)}</p>{facts}</section>'


def _anchor(card: Scorecard, each: Cell) -> str:
    row = [row.name for row in card.targets].index(each.target)
    return f"c{row}-{[column.name for column in card.scenarios].index(each.scenario)}"


def _brief(card: Scorecard, each: Cell) -> str:
    """A cell: its verdict, what was lost and what broke; where nothing did, what people ask for first."""
    told = brief(each) or ", ".join(f"{each.measures[key]} {MEASURES[key]}" for key in ASKED if key in each.measures)
    small = f'<span class="small">{escape(told)}</span>' if told else ""
    mark = "<sup>1</sup>" if each.dialect else ""
    tone = _TONES.get(each.standing, "none")
    return f'<a class="cell {tone}" href="#{_anchor(card, each)}">{escape(_SIGNS[each.standing])}{mark}{small}</a>'


def _detail(card: Scorecard, row: Row, links: dict[str, str]) -> str:
    cells = [card.cell(row.name, column.name) for column in card.scenarios]
    inner = "".join(_one(card, each, links) for each in cells)
    return f'<section class="card"><h3>{escape(row.label)}</h3>{inner}</section>'


def _one(card: Scorecard, each: Cell, links: dict[str, str]) -> str:
    dialect = f' <span class="faint">all providers in the dialect {escape(each.dialect)}</span>' if each.dialect else ""
    sign = f'<span class="{_TONES.get(each.standing, "none")}">{escape(_SIGNS[each.standing])}</span>'
    parts = [f'<h4 id="{_anchor(card, each)}">{sign} {escape(each.scenario)}{dialect}</h4>']
    if each.measures:
        told = "".join(
            f"<div><dt>{escape(name)}</dt><dd>{escape(each.measures.get(key, '–'))}</dd></div>"
            for key, name in MEASURES.items()
        )
        parts.append(f'<dl class="measures">{told}</dl>')
    parts += [f"<p>{escape(each.evidence)}</p>"] if each.evidence else []
    parts += [f'<p class="soft">{escape(told)}</p>' for told in each.reasons[:REASONS_MAX]]
    if each.note is not None:
        when = f" on {each.note.checked}" if each.note.checked else ""
        parts.append(f'<p class="notice"><b>Checked by hand{escape(when)}.</b> {escape(each.note.note)}</p>')
    link = links.get(each.run or "")
    parts += [f'<p><a href="{escape(link)}">The whole report</a></p>'] if link else []
    parts += [f'<p class="small soft">Again: <code>{escape(each.command)}</code></p>'] if each.command else []
    return f'<div class="one">{"".join(parts)}</div>'
