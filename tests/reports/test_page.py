"""report.html in a real browser: what it shows, hover, keys, zoom, dark mode, no request, and hostile strings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from banstorm.reports.result import Result
from banstorm.reports.writers import html
from chromium import Page, browser
from synthetic import Ledger, Story, judged, ns, simulate

pytestmark = pytest.mark.debian

SECTIONS = [
    "verdict",
    "expectations",
    "timeline",
    "failover",
    "integrity",
    "phases",
    "cost",
    "worst",
    "coverage",
    "checks",
    "measures",
    "repeat",
]
HOSTILE = '</script><script>window.hit=1</script><img src=x onerror="window.hit=1">\'"&\u2028@@script@@'
"""What a provider or a router might say: markup, the end of our script, a line separator, one of our placeholders."""


def failing() -> Ledger:
    """A run with losses, a slow recovery and probes."""
    story = Story(
        rate=50,
        duration_s=8.0,
        at_s=2.0,
        until_s=4.0,
        fail_over_s=0.2,
        detect_s=0.4,
        recover_s=0.5,
        revert_s=0.7,
        expect={"lost_calls": 0, "time_to_fail_over": "<= 250ms"},
    )
    return simulate(story)


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """The result of the failing run."""
    return judged(failing(), tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def page(result: Result, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """The failing run's page, open in a browser."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "report.html").write_text(html.render(result), "utf-8")
    with browser(folder / "profile") as opened:
        opened.open(folder / "report.html")
        yield opened


def test_every_section_is_there_and_the_verdict_comes_first(page: Page, result: Result) -> None:
    """The sections stand in their order, each with content, and the page's heading is the verdict's sentence."""
    assert page.evaluate("[...document.querySelectorAll('section')].map((each) => each.id)") == SECTIONS
    assert page.evaluate("document.querySelector('h1').textContent") == result.sentence
    assert page.evaluate("document.querySelector('.first').textContent").startswith("Broke first: lost_calls was 10")
    assert page.evaluate("document.title") == "fail: Synthetic ban · banstorm"
    rows = page.evaluate("document.querySelectorAll('#expectations tbody tr').length")
    assert rows == len(result.expectations)


def test_the_page_needs_no_network_and_has_nothing_to_complain_of(page: Page) -> None:
    """Its own file is the only request; the console stays empty, so that the content policy lets all of it run."""
    assert [each for each in page.requests if not each.endswith("/report.html")] == []
    assert page.complaints == []


def test_tables_have_headings_and_pictures_have_words(page: Page) -> None:
    """Every table has column and row headings, every drawing a label: a screen reader gets the same report."""
    assert page.evaluate(
        "[...document.querySelectorAll('table')].every((each) => each.querySelector('thead th[scope=col]'))"
    )
    assert page.evaluate(
        "[...document.querySelectorAll('tbody tr')].every((each) => each.querySelector('th[scope=row]'))"
    )
    assert page.evaluate("[...document.querySelectorAll('svg')].every((each) => each.getAttribute('aria-label'))")
    assert page.evaluate("document.querySelectorAll('h1').length") == 1


def chart(page: Page) -> dict[str, float]:
    """Where the timeline stands in the window, once it is in sight."""
    found: dict[str, float] = page.evaluate(
        "(() => { const each = document.querySelector('#timeline-chart svg'); each.scrollIntoView(); "
        "const {x, y, width, height} = each.getBoundingClientRect(); return {x, y, width, height}; })()"
    )
    return found


def bars(page: Page) -> int:
    """How many bars the timeline draws."""
    found: int = page.evaluate("document.querySelectorAll('#timeline-chart rect').length")
    return found


def test_hovering_tells_the_numbers_of_a_step(page: Page) -> None:
    """Over the fault's first step the tip counts its lost calls."""
    box = chart(page)
    # Time runs from 52 to 1038 of 1060 units; 2.1 s of 8 s lies in the step from 2 s on.
    x = box["x"] + box["width"] * (52 + (2.1 / 8) * 986) / 1060
    page.mouse("mouseMoved", x, box["y"] + 80)
    tip = page.evaluate("document.querySelector('.tip').innerText.replace(/\\s+/g, ' ')")
    assert tip.startswith("2s to 2.25s")
    assert "error 10" in tip
    page.mouse("mouseMoved", 5, 5)
    assert page.evaluate("document.querySelector('.tip').hidden") is True


def test_dragging_zooms_and_the_button_shows_everything_again(page: Page) -> None:
    """Fewer bars after a drag, all of them after the button."""
    box, before = chart(page), bars(page)
    left, right, y = box["x"] + box["width"] * 0.3, box["x"] + box["width"] * 0.5, box["y"] + 80
    page.mouse("mousePressed", left, y, button="left", clickCount=1)
    page.mouse("mouseMoved", right, y, button="left")
    page.mouse("mouseReleased", right, y, button="left", clickCount=1)
    assert 0 < bars(page) < before * 0.5
    page.evaluate("document.querySelector('#timeline .tools button').click()")
    page.mouse("mouseMoved", 5, 5)
    assert bars(page) == before


def test_the_timeline_can_be_read_with_the_keyboard(page: Page) -> None:
    """The arrow keys walk through the steps, plus zooms, Escape shows everything."""
    before = bars(page)
    page.evaluate("document.querySelector('#timeline-chart svg').focus()")
    for _ in range(3):
        page.key("ArrowRight")
    assert page.evaluate("document.querySelector('.tip .when').textContent") == "500ms to 750ms"
    page.key("+")
    assert bars(page) < before
    page.key("Escape")
    assert bars(page) == before


def test_dark_mode_and_narrow_screens(page: Page) -> None:
    """Dark: light text on a dark page. Narrow: the page itself never scrolls sideways."""
    page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(18, 21, 25)"
    page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "light"}])
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(247, 247, 245)"
    page.call("Emulation.setDeviceMetricsOverride", width=390, height=800, deviceScaleFactor=1, mobile=True)
    assert page.evaluate("document.documentElement.scrollWidth <= 390")
    # How long each phase took is seen without scrolling the table.
    assert page.evaluate("document.querySelector('#failover tbody td').getBoundingClientRect().right <= 390")
    page.call("Emulation.clearDeviceMetricsOverride")


def test_names_of_windows_never_overlap(tmp_path: Path) -> None:
    """Windows of two providers at once have their names side by side."""
    with browser(tmp_path / "profile") as opened:
        (tmp_path / "report.html").write_text(html.render(judged(both_broken(), tmp_path / "run")), "utf-8")
        opened.open(tmp_path / "report.html")
        boxes = opened.evaluate(
            "[...document.querySelectorAll('.band-name')].map((each) => each.getBoundingClientRect().toJSON())"
        )
    assert len(boxes) == 2
    assert boxes[0]["right"] <= boxes[1]["left"]


def test_the_headline_is_the_worst_of_the_episodes(tmp_path: Path) -> None:
    """An episode that never failed over is worse than one that did so late."""
    result = judged(both_broken(), tmp_path)
    times = {each.provider: each.times["time_to_fail_over"] for each in result.episodes}
    assert (False, True) == (times["anthropic"].censored, times["openai"].censored)
    assert times["anthropic"].value > times["openai"].value
    headline = next(each for each in result.headlines if each.label == "Failover")
    assert (times["openai"].text, "bad") == (headline.text, headline.tone)


def both_broken() -> Ledger:
    """A run in which a second provider has a window of half a second inside the first one's, and all is lost then."""
    run = failing()
    entry, row = run.manifest["scenario"]["timeline"][0], run.tables["faults"][0]
    run.manifest["scenario"]["timeline"].append({**entry, "on": "openai", "at": "2.3s", "until": "2.6s"})
    bitten = [
        each
        for each in run.tables["attempts"]
        if each["provider"] == "openai" and ns(2.3) <= each["received_ns"] < ns(2.6)
    ]
    entry_id = f"1:{entry['fault']}"
    for attempt in bitten:
        attempt["fault"] = entry_id
    lost = {each["call"] for each in bitten}
    for call in run.tables["calls"]:
        if call["call"] in lost:
            call.update(outcome="error", status=502)
    first_ns = min(each["received_ns"] for each in bitten)
    times = {"declared_from_ns": ns(2.3), "declared_until_ns": ns(2.6), "armed_ns": ns(2.3), "disarmed_ns": ns(2.6)}
    window = {**row, **times, "entry": entry_id, "provider": "openai", "bites": len(bitten), "first_bite_ns": first_ns}
    run.tables["faults"].append(window)
    return run


def poison(value: Any, skip: frozenset[str]) -> Any:
    """The document with `HOSTILE` at the end of every text, apart from the keys in `skip`."""
    if isinstance(value, dict):
        return {key: each if key in skip else poison(each, skip) for key, each in value.items()}
    if isinstance(value, list):
        return [poison(each, skip) for each in value]
    return value + HOSTILE if isinstance(value, str) else value


def test_hostile_strings_stay_text(result: Result, tmp_path: Path) -> None:
    """Markup in every text of the result, including provider names and keys, is shown and never run."""
    document = result.model_dump(mode="json")
    hostile = poison(document, frozenset({"verdict", "state", "kind", "tone", "unit", "certain_s", "amounts"}))
    for name in ("served", "attempts", "failed", "outcomes"):
        hostile["timeline"][name] = {key + HOSTILE: each for key, each in document["timeline"][name].items()}
    for each in hostile["episodes"]:
        each["times"] = {key.removesuffix(HOSTILE): value for key, value in each["times"].items()}
    page_text = html.render(Result.model_validate(hostile))
    (tmp_path / "report.html").write_text(page_text, "utf-8")
    with browser(tmp_path / "profile") as page:
        page.open(tmp_path / "report.html")
        assert page.evaluate("document.documentElement.dataset.ready") == "true"
        box = chart(page)
        page.mouse("mouseMoved", box["x"] + box["width"] * 0.3, box["y"] + 80)
        assert page.evaluate("window.hit") is None
        assert page.evaluate("document.querySelectorAll('img, #page script').length") == 0
        assert page.evaluate("document.querySelectorAll('script').length") == 2
        shown = page.evaluate("document.querySelector('#worst pre').textContent")
        assert shown.endswith(HOSTILE)
        assert page.complaints == []
        assert [each for each in page.requests if not each.endswith("/report.html")] == []
