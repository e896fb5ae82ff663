"""The report's pictures beside the page: Vega-Lite specifications, drawn offline by vl-convert as SVG and PNG.

The specifications are plain dictionaries (a test holds them against Altair's schema): importing Altair only to write
them down costs a quarter of a second of every run.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from .result import Result, TimelineOut

WIDTH: Final = 900
"""Width of a picture's plot, in pixels."""
SCALE: Final = 2.0
"""Pixels of the PNG a pixel of the SVG."""
OUTCOME_COLORS: Final = {
    "ok": "#9cc9ae",
    "late": "#e2a33b",
    "error": "#d5494f",
    "refused": "#a83279",
    "hung": "#6d3fa8",
    "stitched": "#4a5058",
    "foreign": "#1c2127",
    "corrupted": "#1c2127",
    "truncated": "#2e343b",
    "shortened": "#3c434b",
    "left": "#b9c0c8",
    "unsent": "#b9c0c8",
    "unknown": "#b9c0c8",
}
PROVIDER_COLORS: Final = ("#3f74bd", "#2f9e93", "#a06bc4", "#cf8a2e", "#7a8794", "#b5566f")
_CONFIG: Final = {
    "font": "system-ui, DejaVu Sans, sans-serif",
    "view": {"stroke": None},
    "axis": {"labelColor": "#5b6570", "titleColor": "#5b6570", "gridColor": "#eceef0", "domainColor": "#8b949e"},
    "title": {"anchor": "start", "fontSize": 13, "color": "#1c2127", "subtitleColor": "#5b6570"},
    "legend": {"labelColor": "#1c2127", "titleColor": "#5b6570"},
}


def specs(result: Result) -> dict[str, dict[str, Any]]:
    """Every picture by name."""
    return {"timeline": timeline_spec(result), "latency": latency_spec(result)}


def draw(result: Result, folder: Path) -> list[Path]:
    """Write each picture as SVG and PNG into `folder`; returns the files."""
    import vl_convert

    folder.mkdir(exist_ok=True)
    written = []
    for name, spec in specs(result).items():
        svg: str = vl_convert.vegalite_to_svg(spec)
        png: bytes = vl_convert.svg_to_png(svg, scale=SCALE)
        for path, data in ((folder / f"{name}.svg", svg.encode()), (folder / f"{name}.png", png)):
            path.write_bytes(data)
            written.append(path)
    return written


def timeline_spec(result: Result) -> dict[str, Any]:
    """Calls by outcome over attempts by provider, with the fault bands behind both."""
    line = result.timeline
    providers = list(line.attempts)
    outcomes = [name for name in OUTCOME_COLORS if name in line.outcomes]
    return _page(
        result,
        [
            _bars(result, _long(line, line.outcomes), f"Calls due per {line.step_s:g} s, by outcome", 200),
            _bars(result, _long(line, line.attempts), "Attempts the router made, by provider", 130),
        ],
        [
            (outcomes, [OUTCOME_COLORS[name] for name in outcomes], "outcome"),
            (providers, [PROVIDER_COLORS[index % len(PROVIDER_COLORS)] for index in range(len(providers))], "provider"),
        ],
    )


def latency_spec(result: Result) -> dict[str, Any]:
    """p50 and p95 of right answers over time, with the fault bands behind them."""
    line = result.timeline
    values = [
        {"at": (step + 0.5) * line.step_s, "name": name, "ms": seconds * 1000}
        for name, series in (("p50", line.p50_s), ("p95", line.p95_s))
        for step, seconds in enumerate(series)
        if seconds is not None
    ]
    encoding = {
        "x": _x(result, "at"),
        "y": {"field": "ms", "type": "quantitative", "title": "ms"},
        "color": {"field": "name", "type": "nominal", "title": None},
    }
    layer = {"data": {"values": values}, "mark": {"type": "line", "strokeWidth": 2}, "encoding": encoding}
    view = _view(result, [layer], "Latency of right answers, from the moment the call was due", 200)
    return _page(result, [view], [(["p50", "p95"], [PROVIDER_COLORS[0], PROVIDER_COLORS[3]], None)])


def _page(
    result: Result, views: list[dict[str, Any]], scales: list[tuple[list[str], list[str], str | None]]
) -> dict[str, Any]:
    for view, (domain, colors, title) in zip(views, scales, strict=True):
        color = next(each["encoding"]["color"] for each in view["layer"] if "color" in each["encoding"])
        color.update({"scale": {"domain": domain, "range": colors}, "title": title})
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "background": "white",
        "padding": 16,
        "title": {
            "text": f"{result.run.title}: {result.verdict.value}",
            "subtitle": _wrap(result.sentence),
            "fontSize": 17,
            "subtitlePadding": 6,
            "offset": 18,
        },
        "config": _CONFIG,
        "spacing": 24,
        "resolve": {"scale": {"color": "independent"}},
        "vconcat": views,
    }


def _wrap(text: str, width: int = 130) -> list[str]:
    lines, current = [], ""
    for word in text.split():
        if current and len(current) + len(word) >= width:
            lines.append(current)
            current = ""
        current = f"{current} {word}".strip()
    return [*lines, current]


def _long(line: TimelineOut, series: dict[str, list[int]]) -> list[dict[str, Any]]:
    return [
        {"from": step * line.step_s, "to": (step + 1) * line.step_s, "name": name, "calls": calls, "rank": rank}
        for rank, (name, values) in enumerate(series.items())
        for step, calls in enumerate(values)
        if calls
    ]


def _x(result: Result, field: str) -> dict[str, Any]:
    end = result.timeline.step_s * result.timeline.steps
    axis = {"title": "seconds after the first call", "grid": False}
    return {"field": field, "type": "quantitative", "scale": {"domain": [0, end], "nice": False}, "axis": axis}


def _bars(result: Result, values: list[dict[str, Any]], title: str, height: int) -> dict[str, Any]:
    encoding = {
        "x": _x(result, "from") | {"bin": "binned"},
        "x2": {"field": "to"},
        "y": {"field": "calls", "type": "quantitative", "title": None, "stack": "zero"},
        "color": {"field": "name", "type": "nominal"},
        "order": {"field": "rank", "type": "quantitative"},
    }
    layer = {"data": {"values": values}, "mark": {"type": "bar", "binSpacing": 0.5}, "encoding": encoding}
    return _view(result, [layer], title, height)


def _view(result: Result, layers: list[dict[str, Any]], title: str, height: int) -> dict[str, Any]:
    bands = [
        {"from": window.from_s, "to": window.until_s, "name": f"{window.provider}: {window.fault}"}
        for episode in result.episodes
        for window in episode.windows
    ]
    x = {"x": _x(result, "from"), "x2": {"field": "to"}}
    band = {
        "data": {"values": bands},
        "mark": {"type": "rect", "color": "#d69414", "opacity": 0.16, "clip": True},
        "encoding": x,
    }
    name = {
        "data": {"values": bands},
        "mark": {"type": "text", "align": "left", "dx": 4, "dy": -5, "color": "#9a6700", "fontSize": 10},
        "encoding": {"x": _x(result, "from"), "y": {"value": 0}, "text": {"field": "name"}},
    }
    # Over the bars, which hide the bands.
    edges = {
        "data": {"values": [{"at": each[key]} for each in bands for key in ("from", "to")]},
        "mark": {"type": "rule", "color": "#9a6700", "strokeDash": [3, 3], "clip": True},
        "encoding": {"x": _x(result, "at")},
    }
    parts = [band, name, *layers, edges]
    return {"width": WIDTH, "height": height, "title": {"text": title, "offset": 16}, "layer": parts}
