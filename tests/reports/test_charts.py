"""The pictures beside the page: well-formed, of the run's own numbers, safe whatever names are in them."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from importlib import resources
from pathlib import Path

import pytest
from banstorm.reports import writers
from banstorm.reports.charts import OUTCOME_COLORS, PROVIDER_COLORS, draw, pictures
from banstorm.reports.picture import ticks
from banstorm.reports.result import Result
from synthetic import Story, judged, simulate

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """The result of a run that lost twenty calls."""
    story = Story(rate=50, duration_s=8.0, at_s=2.0, until_s=4.0, fail_over_s=0.4, detect_s=0.5)
    return judged(simulate(story), tmp_path_factory.mktemp("run"))


def tree(svg: str) -> ET.Element:
    """The picture as XML."""
    return ET.fromstring(svg)  # noqa: S314 - our own text


def texts(svg: str) -> list[str]:
    """What is written in the picture."""
    return ["".join(each.itertext()) for each in tree(svg).iter(f"{SVG}text")]


def bars(svg: str, color: str) -> list[int]:
    """How many bars each layer of a colour has."""
    found = [each.get("d", "") for each in tree(svg).iter(f"{SVG}path") if each.get("fill") == color]
    return [each.count("M") for each in found]


def test_the_timeline_has_a_lane_for_each_question_and_the_fault_by_name(result: Result) -> None:
    """Verdict and sentence on top, then the fault, then callers, answers, requests, time and cost."""
    written = texts(pictures(result)["timeline"])
    assert written[0] == "Synthetic ban: fail"
    assert "anthropic: org_disabled" in written
    lanes = [each for each in written if re.match("What |Who |How ", each)]
    assert [each.split("  ")[0][:12] for each in lanes] == [
        "What callers",
        "Who answered",
        "What the rou",
        "How long it ",
        "What it cost",
    ]


def test_the_bars_are_the_runs(result: Result) -> None:
    """Calls were lost in the two steps after the fault's begin, and every step had good calls or lost ones."""
    svg = pictures(result)["timeline"]
    lost, failed = bars(svg, OUTCOME_COLORS["error"])
    assert lost == sum(1 for each in result.timeline.outcomes["error"] if each) == 2
    assert failed == sum(1 for each in result.timeline.failed["anthropic"] if each)
    assert bars(svg, OUTCOME_COLORS["ok"]) == [sum(1 for each in result.timeline.outcomes["ok"] if each)]


def test_svg_and_png_of_each_are_written(result: Result, tmp_path: Path) -> None:
    """Both kinds of each picture stand in the folder."""
    written = draw(result, tmp_path / "charts")
    assert {each.name for each in written} == {f"{name}.{kind}" for name in pictures(result) for kind in ("svg", "png")}
    for each in written:
        data = each.read_bytes()
        assert data.startswith(b"\x89PNG\r\n\x1a\n" if each.suffix == ".png" else b"<svg ")


def test_hostile_names_stay_text(result: Result) -> None:
    """Markup, entities, control characters and lone surrogates in names are shown, and nothing is fetched."""
    hostile = '<script>1</script>&x;"\x00\ud800'
    run = result.run.model_copy(update={"title": hostile})
    line = result.timeline
    renamed = line.model_copy(
        update={
            "served": {hostile: line.served["anthropic"]},
            "attempts": {hostile: line.attempts["anthropic"]},
            "failed": {hostile: line.failed["anthropic"]},
        }
    )
    episodes = [
        each.model_copy(update={"windows": [one.model_copy(update={"fault": hostile}) for one in each.windows]})
        for each in result.episodes
    ]
    for svg in pictures(result.model_copy(update={"run": run, "timeline": renamed, "episodes": episodes})).values():
        assert not list(tree(svg).iter(f"{SVG}script"))
        assert texts(svg)[0].startswith('<script>1</script>&x;"\ufffd')
        assert svg.encode()
        assert "href" not in svg
        assert "url(" not in svg


def test_a_run_without_calls_is_a_picture_too(result: Result) -> None:
    """A run that was cut off before its first call has empty lanes."""
    line = result.timeline
    empty = line.model_copy(
        update={
            "outcomes": {},
            "served": {},
            "attempts": {},
            "failed": {},
            "usd_by": {},
            "p50_s": [None] * line.steps,
            "p95_s": [None] * line.steps,
        }
    )
    for svg in pictures(result.model_copy(update={"timeline": empty, "episodes": []})).values():
        assert tree(svg).tag == f"{SVG}svg"


def test_pictures_and_page_have_the_same_colours() -> None:
    """A reader who goes from one to the other finds every outcome and provider in the colour it had."""
    style = resources.files(writers).joinpath("report.css").read_text("utf-8")
    light = dict(re.findall(r"--(\w+): light-dark\((#\w+),", style))
    assert [light[f"p{number}"] for number in range(len(PROVIDER_COLORS))] == list(PROVIDER_COLORS)
    for name in ("ok", "late", "error", "refused", "hung"):
        assert light[name] == OUTCOME_COLORS[name], name
    assert {OUTCOME_COLORS[name] for name in ("foreign", "corrupted", "truncated", "stitched")} == {light["silent"]}


@pytest.mark.parametrize(
    ("until", "most", "expected"),
    [
        (14, 10, [0, 2, 4, 6, 8, 10, 12, 14]),
        (1, 2, [0, 0.5, 1]),
        (0.013, 3, [0, 0.005, 0.01]),
        (0, 3, [0]),
    ],
)
def test_ticks_are_round(until: float, most: int, expected: list[float]) -> None:
    """Ones, twos and fives of a power of ten, none beyond the end."""
    assert ticks(0, until, most) == expected
