"""A scenario's timeline as text: a time axis, the load's rate, a row a provider, a bar a window with its fault's name.

What happens to the router or its callers stands on rows of its own. Each column stands for an equal stretch of time. A
bar tells by its sign which share of the requests it concerns, and one that comes and goes has gaps. Windows whose bars
or names would run into each other stand on lines of their own.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TextIO

from ..scenarios.growth import Growth
from ..scenarios.spans import NS
from ..scenarios.units import format_duration
from . import happenings, standings

if TYPE_CHECKING:
    from ..scenarios.arrivals import Profile
    from ..scenarios.entry import Entry
    from ..scenarios.model import Scenario

WIDTH_MIN: Final = 40
"""Fewest columns that are drawn into, however narrow the terminal."""
WIDTH_MAX: Final = 100
"""Most columns: longer lines are no better to read."""
WIDTH: Final = 80
"""Columns where there is no terminal that says."""
NAME_MAX: Final = 20
"""Most columns for a provider's name."""
TICK_COLUMNS_MIN: Final = 8
"""Fewest columns between two marks of the time axis."""
_STEPS_S: Final = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400, 43200, 86400)


@dataclass(frozen=True, slots=True)
class Signs:
    """What is drawn with. `levels` rise from least to most; the last of them is all there is."""

    levels: str
    part: str
    whole: str
    line: str
    tick: str
    quiet: str
    short: str


UNICODE: Final = Signs("▁▂▃▄▅▆▇█", "▒", "█", "─", "┬", "·", "…")
ASCII: Final = Signs("_.-~=+*#", "=", "#", "-", "+", ".", "~")


@dataclass(frozen=True, slots=True)
class Style:
    """How wide and with which signs to draw."""

    width: int = WIDTH
    signs: Signs = ASCII


def style_of(stream: TextIO) -> Style:
    """The style for what `stream` leads to: plain ASCII of 80 columns unless it is a terminal that shows more."""
    if not stream.isatty():
        return Style()
    width = max(WIDTH_MIN, min(WIDTH_MAX, shutil.get_terminal_size((WIDTH, 24)).columns))
    dumb = os.environ.get("TERM") == "dumb"
    return Style(width, UNICODE if _is_utf8(stream) and not dumb else ASCII)


def _is_utf8(stream: TextIO) -> bool:
    return (stream.encoding or "").lower().replace("-", "").replace("_", "") in {"utf8", "utf8sig"}


@dataclass(frozen=True, slots=True)
class _Bar:
    """A bar with its name, from column `begin` to `end` (exclusive) of a line."""

    begin: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class _Scale:
    """Which column a moment falls into."""

    columns: int
    length_s: float

    def column(self, at_s: float) -> int:
        return min(self.columns - 1, max(0, int(at_s / self.length_s * self.columns)))

    def edges(self, column: int) -> tuple[float, float]:
        step_s = self.length_s / self.columns
        return column * step_s, (column + 1) * step_s


def draw(scenario: Scenario, style: Style) -> list[str]:
    """The lines of the picture, none wider than `style.width`."""
    signs = style.signs
    ends = [scenario.until_s(entry) for entry in scenario.timeline]
    profile = scenario.load.profile
    rate = f"load {profile.peak:.4g}/s"
    heads = [_shortened(name, NAME_MAX, signs) for name in scenario.providers]
    whose = list(dict.fromkeys(whom for entry in scenario.timeline if (whom := _happens_to(entry))))
    margin = max(map(len, (rate, *heads, *whose))) + 4
    scale = _Scale(style.width - margin, max(scenario.load.duration, *ends, 0.001))
    lines = list(_axis(scale, margin, signs))
    lines.append(_row(rate, margin, _curve(profile, scenario.load.duration, scale, signs)))
    for head, name in zip(heads, scenario.providers, strict=True):
        bars = [_bar(scenario, entry, name, scale, signs) for entry in scenario.timeline if name in entry.on]
        for number, line in enumerate(_stacked(bars, scale.columns, signs)):
            lines.append(_row(head if number == 0 else "", margin, line))
    for whom in whose:
        bars = [_moment(scenario, entry, scale, signs) for entry in scenario.timeline if _happens_to(entry) == whom]
        for number, line in enumerate(_stacked(bars, scale.columns, signs)):
            lines.append(_row(whom if number == 0 else "", margin, line))
    return [*lines, *_legend(scenario.timeline, signs)]


def _row(head: str, margin: int, line: str) -> str:
    return f"  {head:<{margin - 2}}{line}".rstrip()


def _shortened(text: str, most: int, signs: Signs) -> str:
    return text if len(text) <= most else text[: most - 1] + signs.short


def _axis(scale: _Scale, margin: int, signs: Signs) -> Iterator[str]:
    """Two lines: times, and the marks that they stand above."""
    step_s = next(
        (each for each in _STEPS_S if each / scale.length_s * scale.columns >= TICK_COLUMNS_MIN), scale.length_s
    )
    times = [" "] * scale.columns
    marks = [signs.line] * scale.columns
    for number in range(int(scale.length_s / step_s + 1e-9) + 1):
        column = scale.column(number * step_s)
        marks[column] = signs.tick
        text = format_duration(number * step_s) if number else "0s"
        begin = min(column, scale.columns - len(text))
        if all(each == " " for each in times[max(0, begin - 1) : begin + len(text)]):
            times[begin : begin + len(text)] = text
    yield _row("", margin, "".join(times))
    yield _row("", margin, "".join(marks))


def _curve(profile: Profile, until_s: float, scale: _Scale, signs: Signs) -> str:
    """The load's rate: the highest of each column, against the highest of all."""
    found = []
    for column in range(scale.columns):
        from_s, to_s = scale.edges(column)
        rates = [
            rate
            for piece in profile.pieces
            if piece.from_s < to_s and piece.until_s > from_s
            for rate in (piece.rate_at(max(piece.from_s, from_s)), piece.rate_at(min(piece.until_s, to_s)))
        ]
        found.append(_level(max(rates) / profile.peak, signs) if rates and from_s < until_s else " ")
    return "".join(found)


def _level(share: float, signs: Signs) -> str:
    return signs.levels[min(len(signs.levels) - 1, max(0, round(share * len(signs.levels)) - 1))]


def _bar(scenario: Scenario, entry: Entry, provider: str, scale: _Scale, signs: Signs) -> _Bar:
    """An entry's windows at a provider, with its name inside if there is room, else beside."""
    span = scenario.span(entry, provider, _late_s(entry, provider))
    windows = [(from_ns / NS, until_ns / NS) for from_ns, until_ns in span.windows()]
    begin, last = scale.column(windows[0][0]), scale.column(windows[-1][1] - 1e-9)
    cells = []
    for column in range(begin, last + 1):
        from_s, to_s = scale.edges(column)
        on = any(one < to_s and two > from_s for one, two in windows)
        cells.append(_sign(entry, (from_s + to_s) / 2, windows[0][0], windows[-1][1], signs) if on else signs.quiet)
    return _named("".join(cells), begin, entry.name, scale.columns, signs)


def _happens_to(entry: Entry) -> str:
    """Whom an event happens to: the router or the callers; nobody if the entry is none."""
    return happenings.find(entry.event).to if entry.event else ""


def _moment(scenario: Scenario, entry: Entry, scale: _Scale, signs: Signs) -> _Bar:
    """An event: a moment, or a bar if it lasts."""
    lasts = entry.event is not None and happenings.find(entry.event).lasts
    begin = scale.column(entry.at)
    last = scale.column(scenario.until_s(entry) - 1e-9) if lasts else begin
    sign = signs.whole if entry.share == 1 else signs.part
    return _named(sign * (last - begin + 1), begin, entry.name, scale.columns, signs)


def _late_s(entry: Entry, provider: str) -> float:
    """Seconds by which a standing reaches this provider later than it begins."""
    if entry.standing is None:
        return 0.0
    return standings.find(entry.standing).model_validate(entry.with_).late_s(entry, provider)


def _sign(entry: Entry, at_s: float, from_s: float, until_s: float, signs: Signs) -> str:
    if isinstance(entry.share, Growth):
        return _level(entry.share_at(min(1.0, max(0.0, (at_s - from_s) / (until_s - from_s)))), signs)
    return signs.whole if entry.share == 1 and not _selects(entry) else signs.part


def _selects(entry: Entry) -> bool:
    return any(each is not None for each in entry.selector)


def _named(bar: str, begin: int, name: str, columns: int, signs: Signs) -> _Bar:
    end = begin + len(bar)
    if len(set(bar)) == 1 and len(bar) >= len(name) + 4:
        side = (len(bar) - len(name) - 2) // 2
        inside = f"{bar[:side]} {name} "
        return _Bar(begin, end, inside + bar[len(inside) :])
    if end + 1 + len(name) <= columns:
        return _Bar(begin, end + 1 + len(name), f"{bar} {name}")
    if begin > len(name):
        return _Bar(begin - 1 - len(name), end, f"{name} {bar}")
    before, behind = begin - 1, columns - end - 1
    if max(before, behind) < 2:
        return _Bar(begin, end, bar)
    if before > behind:
        return _Bar(0, end, f"{_shortened(name, before, signs)} {bar}")
    return _Bar(begin, columns, f"{bar} {_shortened(name, behind, signs)}")


def _stacked(bars: Iterable[_Bar], columns: int, signs: Signs) -> list[str]:
    """The bars on as few lines as they need, a column between two of them; one quiet line if there are none."""
    lanes: list[list[_Bar]] = [[]]
    for bar in sorted(bars, key=lambda each: each.begin):
        free = (lane for lane in lanes if not lane or lane[-1].end < bar.begin)
        lane = next(free, None)
        if lane is None:
            lanes.append([bar])
        else:
            lane.append(bar)
    lines = []
    for number, lane in enumerate(lanes):
        line = [signs.quiet if number == 0 else " "] * columns
        for bar in lane:
            line[bar.begin : bar.end] = bar.text
        lines.append("".join(line))
    return lines


def _legend(timeline: Iterable[Entry], signs: Signs) -> list[str]:
    """What the signs mean, as far as they were used."""
    grows = any(isinstance(each.share, Growth) for each in timeline)
    part = any(each.share != 1 or _selects(each) for each in timeline if not isinstance(each.share, Growth))
    told = [f"{signs.part} some, {signs.whole} all"] if part else []
    told += [f"{signs.levels[0]} to {signs.levels[-1]} a share that changes"] if grows else []
    return [f"  ({'; '.join(told)})"] if told else []
