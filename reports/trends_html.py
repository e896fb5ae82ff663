"""history.html: a folder of runs as one self-contained file, with a small line a measure, drawn as SVG."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from .plain import plain
from .recorded import told
from .result import Verdict
from .static_page import Html, h, page, table
from .trends import HistoryOut, LineOut, TrendOut
from .trends_words import LETTERS, day, spoken, verdict

FILE: Final = "history.html"
WIDTH, HEIGHT, PAD = 168.0, 34.0, 4.0
"""Of a drawn line, in pixels."""
DOT: Final = 3.0
"""Radius of a run's dot, in pixels."""
DOTS_LARGE_MAX: Final = 25
"""Most runs of a line whose dots have that radius."""
_TONES: Final = {"better": "good-text", "worse": "bad-text"}


def render(history: HistoryOut) -> str:
    """The page."""
    title = f"banstorm: {history.runs} runs of {len(history.lines)} scenarios and targets"
    parts: list[object] = [h("h1", f"{history.runs} runs"), h("p", h("code", history.path), class_="soft")]
    rows = [_summary(index, each) for index, each in enumerate(history.lines)]
    head = ("scenario", "target", "newest", "runs", "when", "broke first")
    parts.append(h("div", table("Newest verdicts", head, rows, numbers=(3,)), class_="card"))
    for index, each in enumerate(history.lines):
        parts += _line(index, each)
    if history.left_out:
        parts += [h("h2", "Left out"), h("ul", *(h("li", each) for each in history.left_out), class_="plain")]
    return page(title, "history of runs", *parts)


def _summary(index: int, each: LineOut) -> tuple[object, ...]:
    name = h(
        "a",
        each.title or each.scenario,
        h("div", h("code", each.scenario), class_="small faint"),
        href=f"#line-{index}",
    )
    newest = each.newest
    said = h("span", f"{LETTERS[newest.verdict]} {verdict(each)}", class_=f"run-{newest.verdict.value}")
    return (name, each.target, said, each.runs, day(newest.started), newest.first_broken or "–")


def _line(index: int, each: LineOut) -> Iterator[Html]:
    yield h("h2", f"{each.title or each.scenario}, {each.target}", id=f"line-{index}")
    yield h("p", f"{verdict(each)}; newest {day(each.newest.started)}, seed {each.newest.seed}.", class_="soft")
    rows = [_trend(one, [point.verdict for point in each.points]) for one in each.measures]
    marks = h(
        "ol",
        *(
            h("li", LETTERS[one.verdict], class_=f"run-{one.verdict.value}", title=f"{one.folder}: {one.verdict.value}")
            for one in each.points
        ),
        class_="strip",
        aria_label="Verdicts, oldest first",
    )
    changed = (
        h(
            "div",
            h("b", "Changed since the run before"),
            h("ul", *(h("li", one) for one in each.changes), class_="plain"),
        )
        if each.changes
        else h(
            "p", "Nothing changed since the run before." if len(each.points) > 1 else "The first run.", class_="soft"
        )
    )
    measures = table(
        f"Measures of {each.scenario} on {each.target}",
        ("measure", "newest", "oldest to newest", "least and most"),
        rows,
        numbers=(1,),
    )
    yield h("div", marks, changed, measures if rows else None, class_="card")


def _trend(trend: TrendOut, verdicts: list[Verdict]) -> tuple[object, ...]:
    name = h("span", plain(trend.measure).question, h("div", h("code", trend.measure), class_="small faint"))
    newest = h("span", spoken(trend), class_=_TONES.get(trend.change.value))
    known = [each for each in trend.values if each is not None]
    least, most = told(min(known), trend.unit), told(max(known), trend.unit)
    ends = f"always {least}" if least == most else f"{least} … {most}"
    return (name, newest, sparkline(trend, verdicts), h("span", ends, class_="small soft"))


def sparkline(trend: TrendOut, verdicts: list[Verdict]) -> Html:
    """The values as a line with a dot a run, in the colour of its verdict; a lower bound is a triangle upwards.

    The axis begins at 0, or at the least value if that is below: a change of nothing must not look like one.
    """
    points = place(trend.values)
    strokes = [
        f"{'L' if index and points[index - 1] else 'M'}{at[0]:.1f} {at[1]:.1f}" for index, at in enumerate(points) if at
    ]
    size = DOT if len(points) <= DOTS_LARGE_MAX else DOT / 2  # more of them would touch one another
    dots = [
        _dot(at, verdict, size, unseen=unseen)
        for at, verdict, unseen in zip(points, verdicts, trend.unseen, strict=True)
        if at is not None
    ]
    known = [each for each in trend.values if each is not None]
    ends = f"from {told(min(known), trend.unit)} to {told(max(known), trend.unit)}"
    said = f"{trend.measure} over {len(trend.values)} runs: {ends}, newest {spoken(trend)}"
    base = h("path", class_="rest", d=f"M0 {HEIGHT - PAD:g}H{WIDTH:g}")
    return h(
        "svg", base, h("path", d=" ".join(strokes)), *dots,
        class_="trend", viewBox=f"0 0 {WIDTH:g} {HEIGHT:g}", role="img", aria_label=said,
    )  # fmt: skip


def place(values: list[float | None]) -> list[tuple[float, float] | None]:
    """Where each value stands, in pixels from the upper left corner; None where there is none."""
    known = [each for each in values if each is not None]
    low, high = min([0.0, *known]), max([0.0, *known])
    step = (WIDTH - 2 * PAD) / max(len(values) - 1, 1)
    across = [PAD + index * step for index in range(len(values))] if len(values) > 1 else [WIDTH / 2]
    share = [0.0 if each is None or high == low else (each - low) / (high - low) for each in values]
    return [
        None if value is None else (x, HEIGHT - PAD - part * (HEIGHT - 2 * PAD))
        for value, x, part in zip(values, across, share, strict=True)
    ]


def _dot(at: tuple[float, float], verdict: Verdict, size: float, *, unseen: bool) -> Html:
    x, y = at
    if unseen:
        return h(
            "path",
            class_=f"run-{verdict.value}",
            d=f"M{x - 4:.1f} {y + 3:.1f}L{x:.1f} {y - 4:.1f}L{x + 4:.1f} {y + 3:.1f}Z",
        )
    return h("circle", class_=f"run-{verdict.value}", cx=f"{x:.1f}", cy=f"{y:.1f}", r=f"{size:g}")
