"""A picture of a run as SVG text: lanes over one time axis, with the faults as bars above and bands behind them.

Written out by hand: a library that lays out charts costs more processor time than the rest of a report together.
Everything that others said is escaped; a series is one path, so that a long run stays a small file.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Final, Literal

from .result import Result, Verdict, WindowOut

WIDTH: Final = 1000
"""Width of a picture, in pixels."""
ROWS_MAX: Final = 8
"""Most faults that have a bar of their own."""
_LEFT, _RIGHT, _TITLE, _GAP, _FAULT = 76, 976, 24, 38, 22
_LINE_CHARS: Final = 150
"""Characters of the sentence on one line."""
_INK, _SOFT, _GRID, _AXIS = "#171b21", "#545d69", "#e2e6eb", "#c5ccd5"
_BAND, _BAND_FILL, _BAND_LINE = "#fbf3e2", "#f3cf86", "#a97409"
_FAILED: Final = "#c8382c"
_TONES: Final = {Verdict.PASS: "#17694a", Verdict.FAIL: "#b3261e", Verdict.INCONCLUSIVE: "#805500"}
_BARS_APART: Final = 4
"""Width of a step from which its bar stands apart from the next, in pixels."""
_LETTER: Final = 6.3
"""Width of a letter of 11.5 pixels, about, in pixels."""

Values = Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Series:
    """One line or layer of a lane: a number a step. `failed`: how many of each step are drawn in red."""

    name: str
    color: str
    values: Values
    failed: Values = ()
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Lane:
    """One question over time. `share` fills each step to the whole, `stack` piles up, `lines` draws each by itself."""

    title: str
    unit: str
    height: int
    kind: Literal["stack", "share", "lines"]
    series: list[Series]
    text: Callable[[float], str] = field(default=lambda value: f"{value:g}")


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where a lane stands: its top, the steps' length, the whole time, both in seconds."""

    top: float
    step_s: float
    steps: int

    def x(self, at_s: float) -> float:
        return _LEFT + at_s / (self.step_s * self.steps) * (_RIGHT - _LEFT)


def draw_svg(result: Result, lanes: Sequence[Lane]) -> str:
    """The picture of these lanes."""
    line = result.timeline
    head = [f"{result.run.title}: {result.verdict.value}", *_wrap(result.sentence)]
    rows = _fault_rows(result)
    first = 44 + 18 * len(head) + 24
    top = first + _FAULT * min(len(rows), ROWS_MAX) + _TITLE + 4
    bottom = top + sum(each.height + _GAP for each in lanes) - _GAP
    frame = _Frame(top, line.step_s, line.steps)
    parts = [*_head(head, _TONES[result.verdict], lanes), *_faults(rows, frame, first, bottom)]
    for lane in lanes:
        parts += _lane(lane, _Frame(top, line.step_s, line.steps))
        top += lane.height + _GAP
    edges = {at for row in rows for each in row[1] for at in (each.from_s, each.until_s)}
    parts += [
        f'<path d="M{frame.x(at):.1f},{first}V{bottom:.1f}" stroke="{_BAND_LINE}" stroke-dasharray="2 3"/>'
        for at in sorted(edges)
        if at <= line.step_s * line.steps
    ]
    parts += [
        _text(frame.x(at), bottom + 18, f"{at:g} s", anchor="middle") for at in ticks(0, line.step_s * line.steps, 10)
    ]
    height = math.ceil(bottom + 34)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" '
        'font-family="Liberation Sans, Helvetica, Arial, DejaVu Sans, sans-serif" font-size="11.5" role="img">'
        f"<title>{_escaped(head[0])}</title>"
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>{"".join(parts)}</svg>\n'
    )


def ticks(begin: float, until: float, most: int) -> list[float]:
    """Round values from `begin` to `until`, about `most` of them."""
    rough = (until - begin) / most
    power = 10.0 ** math.floor(math.log10(rough)) if rough > 0 else 1.0
    step = next(each * power for each in (1, 2, 5, 10) if each * power >= rough - 1e-12)
    first = math.ceil(begin / step - 1e-9)
    return [round(number * step, 9) for number in range(first, math.floor(until / step + 1e-9) + 1)]


def _wrap(text: str) -> list[str]:
    lines, current = [], ""
    for word in text.split():
        if current and len(current) + len(word) >= _LINE_CHARS:
            lines.append(current)
            current = ""
        current = f"{current} {word}".strip()
    return [*lines, current][:3]


def _head(lines: Sequence[str], tone: str, lanes: Sequence[Lane]) -> Iterator[str]:
    yield f'<rect x="24" y="26" width="4" height="{18 * len(lines) + 4}" rx="2" fill="{tone}"/>'
    yield _text(38, 42, lines[0], size=17, weight=700, color=_INK)
    for number, line in enumerate(lines[1:], start=1):
        yield _text(38, 44 + 18 * number, line, size=12.5)
    # The legend: each series once, whatever lane it is in.
    named = {each.name: each.color for lane in lanes for each in lane.series if lane.kind != "lines"}
    at, y = 38.0, 44 + 18 * len(lines) + 4
    for name, color in named.items():
        wide = len(name) * _LETTER + 32
        if at + wide > _RIGHT:
            return
        yield f'<rect x="{at:.0f}" y="{y - 9}" width="10" height="10" rx="2" fill="{color}"/>'
        yield _text(at + 15, y, name)
        at += wide


def _fault_rows(result: Result) -> list[tuple[str, list[WindowOut]]]:
    rows: dict[tuple[str, str], list[WindowOut]] = {}
    for window in (each for episode in result.episodes for each in episode.windows):
        rows.setdefault((window.provider, window.fault), []).append(window)
    return [(f"{each[0].provider}: {each[0].fault}", each) for each in rows.values()]


def _faults(rows: Sequence[tuple[str, list[WindowOut]]], frame: _Frame, first: float, bottom: float) -> Iterator[str]:
    def box(window: WindowOut) -> tuple[float, float]:
        left = min(max(frame.x(window.from_s), _LEFT), _RIGHT)
        return left, max(min(frame.x(window.until_s), _RIGHT) - left, 1.5)

    for _, windows in rows:
        for left, width in map(box, windows):
            yield f'<rect x="{left:.1f}" y="{first}" width="{width:.1f}" height="{bottom - first:.1f}" fill="{_BAND}"/>'
    for index, (name, windows) in enumerate(rows[:ROWS_MAX]):
        y = first + index * _FAULT
        for left, width in map(box, windows):
            yield f'<rect x="{left:.1f}" y="{y}" width="{width:.1f}" height="18" rx="3" fill="{_BAND_FILL}"/>'
        left = min(box(windows[0])[0] + 6, _RIGHT - len(name) * (_LETTER + 0.5))
        yield _text(max(left, 24), y + 13, name, weight=700, color=_INK)


def _lane(lane: Lane, frame: _Frame) -> Iterator[str]:
    bottom = frame.top + lane.height
    most = 1.0 if lane.kind == "share" else _most(lane) * 1.06

    def y(value: float) -> float:
        return bottom - value / most * lane.height

    title = _escaped(lane.title)
    yield (
        f'<text x="{_LEFT}" y="{frame.top - 9:.1f}" fill="{_SOFT}"><tspan fill="{_INK}" font-weight="700" '
        f'font-size="12.5">{title}</tspan><tspan dx="8">{_escaped(lane.unit)}</tspan></text>'
    )
    for tick in ticks(0, most, 2 if lane.kind == "share" else 3):
        at = y(tick)
        yield f'<path d="M{_LEFT},{at:.1f}H{_RIGHT}" stroke="{_GRID if tick else _AXIS}"/>'
        yield _text(_LEFT - 8, at + 4, lane.text(tick), anchor="end")
    yield from _lines(lane, frame, y) if lane.kind == "lines" else _bars(lane, frame, y)


def _most(lane: Lane) -> float:
    if lane.kind == "lines":
        return max((each for series in lane.series for each in series.values if each is not None), default=1) or 1
    return max(map(sum, zip(*([each or 0 for each in one.values] for one in lane.series), strict=True)), default=1) or 1


def _bars(lane: Lane, frame: _Frame, y: Callable[[float], float]) -> Iterator[str]:
    wholes = [sum(one.values[step] or 0 for one in lane.series) for step in range(frame.steps)]
    low = [0.0] * frame.steps
    gap = 0.5 if frame.x(frame.step_s) - frame.x(0) > _BARS_APART else 0.0
    for series in lane.series:
        fine, failed = [], []
        for step, value in enumerate(series.values):
            if not value:
                continue
            high = low[step] + value / (wholes[step] if lane.kind == "share" else 1)
            bad = low[step] + min((series.failed[step] if series.failed else 0) or 0, value)
            left, right = frame.x(step * frame.step_s) + gap, frame.x((step + 1) * frame.step_s) - gap
            box = f"M{left:.1f},{{}}H{right:.1f}V{{}}H{left:.1f}Z"
            if bad > low[step]:
                failed.append(box.format(f"{y(bad):.1f}", f"{y(low[step]):.1f}"))
            if high > bad:
                fine.append(box.format(f"{y(high):.1f}", f"{y(bad if series.failed else low[step]):.1f}"))
            low[step] = high
        for rows, color in ((fine, series.color), (failed, _FAILED)):
            if rows:
                yield f'<path d="{"".join(rows)}" fill="{color}"/>'


def _lines(lane: Lane, frame: _Frame, y: Callable[[float], float]) -> Iterator[str]:
    for series in lane.series:
        path, pen = [], "M"
        for step, value in enumerate(series.values):
            if value is None:
                pen = "M"
                continue
            # A step alone between two without answers is a dot, not nothing.
            path.append(f"{pen}{frame.x((step + 0.5) * frame.step_s):.1f},{y(value):.1f}{'h0.1' if pen == 'M' else ''}")
            pen = "L"
        dash = ' stroke-dasharray="1 5"' if series.dashed else ""
        yield (
            f'<path d="{"".join(path)}" fill="none" stroke="{series.color}" stroke-width="2" stroke-linecap="round" '
            f'stroke-linejoin="round"{dash}/>'
        )


def _text(
    x: float, y: float, text: str, *, anchor: str = "start", size: float = 11.5, weight: int = 400, color: str = _SOFT
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" font-weight="{weight}" '
        f'fill="{color}">{_escaped(text)}</text>'
    )


def _escaped(text: str) -> str:
    """Text without anything that XML would act on, or can't hold."""
    printable = "".join(each if each.isprintable() else "\ufffd" for each in text)
    return escape(printable.encode("utf-8", "replace").decode())
