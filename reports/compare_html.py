"""compare.html: a comparison as one self-contained file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from .compare_words import GATE, by, heading, sentence, sides, sign, verdicts
from .comparison import Change, ComparisonOut, DifferenceOut, GroupOut, SetOut
from .plain import plain
from .result import Verdict
from .static_page import TONES, Html, h, page, table

FILE: Final = "compare.html"
NAMED_MAX: Final = 200
"""Most pairs, reasons and unpaired runs that the page names."""
_SIGNS: Final = {Verdict.PASS: "✓", Verdict.FAIL: "✗", Verdict.INCONCLUSIVE: "?"}


def render(comparison: ComparisonOut) -> str:
    """The page."""
    parts = [_hero(comparison)]
    for group in comparison.groups:
        parts += _group(group)
    return page(f"banstorm: {sentence(comparison)}", "comparison of runs", *parts, *_unpaired(comparison))


def _hero(comparison: ComparisonOut) -> Html:
    gate = comparison.gate
    tone = gate.verdict.value if gate else ""
    pill = (
        h("span", h("span", _SIGNS[gate.verdict], aria_hidden="true"), gate.verdict.value, class_="pill")
        if gate
        else None
    )
    said = h("span", GATE[gate.verdict], f"; tolerated: {gate.tolerance or 'nothing'}") if gate else "B against A"
    reasons = gate.reasons[:NAMED_MAX] if gate else []
    return h(
        "section",
        h("div", pill, said, class_="kicker"),
        h("h1", sentence(comparison)),
        h("ul", *(h("li", each) for each in reasons), class_="plain") if reasons else None,
        h("div", _side("A", comparison.a), _side("B", comparison.b), class_="answers"),
        class_=f"hero {tone}".strip() if gate else "card",
        aria_label="What changed",
    )


def _side(name: str, each: SetOut) -> Html:
    left = h("ul", *(h("li", f"left out: {one}") for one in each.left_out[:NAMED_MAX])) if each.left_out else None
    return h(
        "div",
        h("p", name, class_="overline"),
        h("p", h("code", each.path, class_="word")),
        h("p", f"{each.runs} run{'s' * (each.runs != 1)} of {', '.join(each.targets)}", class_="soft"),
        left,
    )


def _group(group: GroupOut) -> Iterator[Html]:
    yield h("h2", group.title or group.scenario)
    yield h("p", f"{heading(group)}: {verdicts(group)}.", class_="soft")
    notes = h("ul", *(h("li", each) for each in group.notes), class_="plain") if group.notes else None
    if notes:
        yield h("div", h("b", "What else differs"), notes, class_="notice", role="note")
    rows = [_row(each) for each in group.differences if each.change is not Change.SAME]
    same = ", ".join(each.measure for each in group.differences if each.change is Change.SAME)
    head = ("measure", "change", "A", "B", "B − A")
    yield h(
        "div",
        table(f"Measures of {group.scenario}", head, rows, numbers=(2, 3, 4)) if rows else None,
        h("p", h("b", "The same: "), same, class_="small soft") if same else None,
        class_="card",
    )
    pairs = [
        (each.seed, _verdict(each.a.verdict), each.a.folder, _verdict(each.b.verdict), each.b.folder)
        for each in group.pairs[:NAMED_MAX]
    ]
    runs = table(f"Runs of {group.scenario}", ("seed", "A", "run", "B", "run"), pairs)
    commands = h("pre", f"A: {group.pairs[0].a.command}\nB: {group.pairs[0].b.command}")
    yield h(
        "div", h("details", h("summary", "The runs, and the commands of the first pair"), runs, commands), class_="card"
    )


def _row(each: DifferenceOut) -> tuple[object, ...]:
    name = h("span", plain(each.measure).question, h("div", h("code", each.measure), class_="small faint"))
    a, b = sides(each)
    tone = "bad-text" if each.beyond else TONES[each.change.value]
    word, _, limit = sign(each).partition(", ")
    change = h(
        "span", h("span", word, class_=f"{tone} nowrap"), h("div", limit, class_="small faint") if limit else None
    )
    difference, _, interval = by(each).partition(" [")
    below = h("div", f"[{interval}", class_="small faint") if interval else None
    return (name, change, a, b, h("span", difference, below))


def _verdict(verdict: Verdict) -> Html:
    return h("span", f"{_SIGNS[verdict]} {verdict.value}", class_=f"run-{verdict.value} nowrap")


def _unpaired(comparison: ComparisonOut) -> Iterator[Html]:
    if comparison.unpaired:
        rows = [
            (each.side, each.scenario, each.target, each.seed, h("span", each.why))
            for each in comparison.unpaired[:NAMED_MAX]
        ]
        yield h("h2", "Not compared")
        yield h(
            "div", table("Runs without a partner", ("side", "scenario", "target", "seed", "why"), rows), class_="card"
        )
    yield h("h2", "How to read it")
    yield h(
        "p",
        "Two runs of a pair had the same scenario and seed: the same calls, at the same moments, and the same faults. "
        f"Intervals: {comparison.method}, of the pairs' differences. “Unclear”: the interval has 0 in it. "
        "A pair with an inconclusive run is listed and not counted.",
        class_="soft",
    )
