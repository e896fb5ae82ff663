"""The timeline of report.html in a real browser: hover, drag, buttons, wheel, keys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from banstorm.reports.result import Result
from banstorm.reports.writers import html
from chromium import Page, browser
from pages import at_time, bars, both_broken, chart, click, failing, view
from synthetic import judged

pytestmark = pytest.mark.debian


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


def test_hovering_tells_the_numbers_of_a_step(page: Page) -> None:
    """Over the fault's first step the tip counts its lost calls, and the requests that failed."""
    box = chart(page)
    page.mouse("mouseMoved", at_time(box, 2.1), box["y"] + 100)
    tip = page.evaluate("document.querySelector('.tip').innerText.replace(/\\s+/g, ' ')")
    assert tip.startswith("2s to 2.25s")
    assert "error 10" in tip
    assert "(13 failed)" in tip
    page.mouse("mouseMoved", 5, 5)
    assert page.evaluate("document.querySelector('.tip').hidden") is True


def test_dragging_zooms_and_the_button_shows_everything_again(page: Page) -> None:
    """A drag shows what it went over, with fewer bars; the button shows the run again."""
    box, before = chart(page), bars(page)
    y = box["y"] + 100
    page.mouse("mousePressed", at_time(box, 2), y, button="left", clickCount=1)
    page.mouse("mouseMoved", at_time(box, 4), y, button="left")
    page.mouse("mouseReleased", at_time(box, 4), y, button="left", clickCount=1)
    assert view(page) == pytest.approx([2, 4], abs=0.05)
    assert 0 < bars(page) < before * 0.5
    click(page, "Show the whole run")
    page.mouse("mouseMoved", 5, 5)
    assert (view(page), bars(page)) == ([0, 8], before)


def test_buttons_zoom_and_move(page: Page) -> None:
    """In and out around the middle, later and earlier, and to the fault; out of the run leads no button."""
    chart(page)
    click(page, "Zoom in")
    assert view(page) == [2, 6]
    click(page, "Later")
    assert view(page) == pytest.approx([3.2, 7.2])
    click(page, "Later")
    assert view(page) == [4, 8]
    assert page.evaluate("document.querySelector('#timeline [aria-label=Later]').disabled") is True
    click(page, "Earlier")
    assert view(page) == pytest.approx([2.8, 6.8])
    click(page, "Zoom to episode 1 (anthropic)")
    assert view(page) == pytest.approx([1.6, 4.4])
    for _ in range(2):
        click(page, "Zoom out")
    assert view(page) == [0, 8]


def test_the_wheel_zooms_only_with_ctrl(page: Page) -> None:
    """A wheel alone scrolls the page; with Ctrl the timeline comes nearer around the pointer."""
    box = chart(page)
    x, y = at_time(box, 2), box["y"] + 100
    page.mouse("mouseWheel", x, y, deltaX=0, deltaY=-40)
    assert view(page) == [0, 8]
    box = chart(page)
    page.mouse("mouseWheel", at_time(box, 2), box["y"] + 100, deltaX=0, deltaY=-40, modifiers=2)
    assert view(page) == pytest.approx([0.4, 6.8], abs=0.05)
    click(page, "Show the whole run")


def test_the_timeline_can_be_read_with_the_keyboard(page: Page) -> None:
    """The arrow keys walk through the steps and a screen reader is told each; plus zooms, Escape shows everything."""
    chart(page)
    page.evaluate("document.querySelector('#timeline-chart').focus({focusVisible: true})")
    page.key("Home")
    for _ in range(2):
        page.key("ArrowRight")
    assert page.evaluate("document.querySelector('.tip .when').textContent") == "500ms to 750ms"
    told = page.evaluate("document.querySelector('#timeline-chart').getAttribute('aria-valuetext')")
    assert told.startswith("500ms to 750ms: callers got ok ")
    page.key("+")
    assert view(page) != [0, 8]
    for _ in range(20):
        page.key("ArrowRight")
    assert view(page)[0] <= 5.5 <= view(page)[1]
    page.key("Escape")
    assert view(page) == [0, 8]


def test_the_timeline_stands_as_a_table_too(page: Page, result: Result) -> None:
    """Opened, it has a row a step, with the same numbers."""
    rows = page.evaluate(
        "(async () => { const box = document.querySelector('#timeline details'); box.open = true; "
        "await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))); "
        "return [...box.querySelectorAll('tbody tr')].map((each) => each.textContent); })()"
    )
    assert len(rows) == result.timeline.steps
    assert rows[8].startswith("2s310")  # 3 good, 10 lost


def test_names_of_windows_never_overlap(tmp_path: Path) -> None:
    """Windows of two providers at once have a row each."""
    with browser(tmp_path / "profile") as opened:
        (tmp_path / "report.html").write_text(html.render(judged(both_broken(), tmp_path / "run")), "utf-8")
        opened.open(tmp_path / "report.html")
        chart(opened)
        boxes = opened.evaluate(
            "[...document.querySelectorAll('.band-name')].map((each) => each.getBoundingClientRect().toJSON())"
        )
    assert len(boxes) == 2
    assert boxes[0]["bottom"] <= boxes[1]["top"]
