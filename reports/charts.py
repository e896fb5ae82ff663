"""The report's pictures beside the page: the page's timeline, and the latencies larger, as SVG and PNG."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ..scenarios.expectation import Unit, format_value
from ..scenarios.units import format_duration
from .picture import Lane, Series, draw_svg
from .result import Result

SCALE: Final = 2.0
"""Pixels of the PNG a pixel of the SVG."""
OUTCOME_COLORS: Final = {
    "ok": "#b5d4c5",
    "late": "#e0a02c",
    "error": "#c8382c",
    "refused": "#98306c",
    "hung": "#5b3a9e",
    "stitched": "#14181d",
    "foreign": "#14181d",
    "corrupted": "#14181d",
    "truncated": "#14181d",
    "shortened": "#14181d",
    "left": "#b7bec7",
    "unsent": "#b7bec7",
    "unknown": "#b7bec7",
}
"""The page's colours: told apart by lightness as well as by hue."""
PROVIDER_COLORS: Final = ("#2a5db0", "#5bc0b4", "#a35fb5", "#44546a", "#9cc3ea", "#dfa3cc")


def pictures(result: Result) -> dict[str, str]:
    """Every picture by name, as SVG."""
    latency = _latency(result, 260)
    return {
        "timeline": draw_svg(result, [*_counts(result), _latency(result, 80), _spent(result)]),
        "latency": draw_svg(result, [latency]),
    }


def draw(result: Result, folder: Path) -> list[Path]:
    """Write each picture as SVG and PNG into `folder`; returns the files."""
    import vl_convert

    folder.mkdir(exist_ok=True)
    written = []
    for name, svg in pictures(result).items():
        png: bytes = vl_convert.svg_to_png(svg, scale=SCALE)
        for path, data in ((folder / f"{name}.svg", svg.encode()), (folder / f"{name}.png", png)):
            path.write_bytes(data)
            written.append(path)
    return written


def _counts(result: Result) -> list[Lane]:
    """Calls by outcome, answers by provider, requests by provider."""
    line = result.timeline
    colors = {name: PROVIDER_COLORS[at % len(PROVIDER_COLORS)] for at, name in enumerate(line.served)}
    outcomes = [
        Series(name, color, line.outcomes[name]) for name, color in OUTCOME_COLORS.items() if name in line.outcomes
    ]
    served = [Series(name, color, line.served[name]) for name, color in colors.items()]
    asked = [Series(name, color, line.attempts[name], line.failed[name]) for name, color in colors.items()]
    return [
        Lane("What callers got", f"calls due each {line.step_s:g} s", 150, "stack", outcomes),
        Lane("Who answered", "share of right answers", 70, "share", served, lambda share: f"{share:.0%}"),
        Lane("What the router asked", "requests to providers; red: failed or faulty", 90, "stack", asked),
    ]


def _latency(result: Result, height: int) -> Lane:
    line = result.timeline
    series = [
        Series("p50", PROVIDER_COLORS[0], line.p50_s),
        Series("p95", PROVIDER_COLORS[2], line.p95_s, dashed=True),
    ]
    unit = "right answers, from when the call was due: p50 solid, p95 dashed"
    return Lane("How long it took", unit, height, "lines", series, format_duration)


def _spent(result: Result) -> Lane:
    line = result.timeline
    series = [
        Series(name, PROVIDER_COLORS[at % len(PROVIDER_COLORS)], line.usd_by.get(name, [0.0] * line.steps))
        for at, name in enumerate(line.served)
    ]
    unit = f"billed each {line.step_s:g} s"
    return Lane("What it cost", unit, 70, "stack", series, lambda usd: format_value(usd, Unit.USD))
