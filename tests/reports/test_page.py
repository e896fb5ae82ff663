"""report.html in a real browser: what it shows, hover, keys, zoom, dark mode, no request, and hostile strings."""

from __future__ import annotations

import json
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
    "fix",
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
LIGHT, DARK = "rgb(246, 247, 249)", "rgb(15, 18, 22)"
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
    """The sections stand in their order; the top says whether it survived, what broke first and what to fix first."""
    assert page.evaluate("[...document.querySelectorAll('section')].map((each) => each.id)") == SECTIONS
    assert page.evaluate("document.querySelector('#verdict .kicker b').textContent") == "No."
    assert page.evaluate("document.querySelector('h1').textContent") == result.sentence.split(";")[0] + "."
    top = page.evaluate("[...document.querySelectorAll('#verdict .answers > div')].map((each) => each.textContent)")
    assert top[0].startswith("Broke firstHow many calls got no right answer in time?10, wanted none.")
    assert top[1].startswith("Fix firstLeave anthropic sooner10 of 100 calls due while org_disabled lasted were lost")
    assert page.evaluate("document.title") == "fail: Synthetic ban · banstorm"


def test_each_expectation_is_told_in_plain_words(page: Page, result: Result) -> None:
    """Every expectation is a question with what was found, what was wanted and, where it broke, what that means."""
    rows = page.evaluate("[...document.querySelectorAll('#expectations li')].map((each) => each.textContent)")
    assert len(rows) == len(result.expectations)
    assert "Callers were left without the right answer." in rows[0]
    assert "found10wantednone" in rows[0]
    assert "met" in page.evaluate("document.querySelector('#expectations .is-met .sign').getAttribute('aria-label')")


def test_the_bar_leads_to_every_section(page: Page) -> None:
    """Each link of the bar names a section that is there, and no section but the top is without one."""
    links = page.evaluate("[...document.querySelectorAll('#bar nav a')].map((each) => each.getAttribute('href'))")
    assert links == [f"#{each}" for each in SECTIONS[1:]]


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
    assert page.evaluate("document.querySelectorAll('svg').length") > 1
    assert page.evaluate("document.querySelectorAll('h1').length") == 1


def chart(page: Page) -> dict[str, float]:
    """Where the timeline stands in the window, once it is in sight and drawn."""
    found: dict[str, float] = page.evaluate(
        "(async () => { const each = document.querySelector('#timeline-chart'); "
        "each.scrollIntoView({block: 'center', behavior: 'instant'}); "
        "await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))); "
        "const {x, y, width, height} = each.getBoundingClientRect(); return {x, y, width, height}; })()"
    )
    return found


def at_time(box: dict[str, float], seconds: float) -> float:
    """Where a moment of the whole run of 8 s stands: time runs from 58 pixels on to 14 before the right edge."""
    return box["x"] + 58 + (seconds / 8) * (box["width"] - 72)


def view(page: Page) -> list[float]:
    """From when to when the timeline shows the run."""
    found: list[float] = page.evaluate(
        "(({from, until}) => [Number(from), Number(until)])(document.querySelector('#timeline-chart').dataset)"
    )
    return found


def bars(page: Page) -> int:
    """How many bars the timeline draws."""
    found: int = page.evaluate(
        "[...document.querySelectorAll('#timeline-chart .bars')]"
        ".reduce((sum, each) => sum + Number(each.dataset.bars), 0)"
    )
    return found


def click(page: Page, label: str) -> None:
    """Press a button of the timeline."""
    page.evaluate(f"document.querySelector('#timeline .buttons [aria-label={json.dumps(label)}]').click()")


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


def test_everything_can_be_reached_and_copied_with_the_keyboard(page: Page) -> None:
    """Whatever acts on a click is a link, a button or a summary; the command is there to be copied, or is selected."""
    assert page.evaluate("document.querySelectorAll('[onclick]').length") == 0
    page.evaluate("document.querySelector('#repeat button').click()")
    page.evaluate("new Promise((done) => setTimeout(done))")
    assert page.evaluate("document.querySelector('#repeat button').textContent") in {"Copied", "Selected"}


def test_what_a_slow_call_was_like_is_drawn_when_it_is_opened(page: Page) -> None:
    """Each of the worst calls has a waterfall with its attempts, the provider's words and a line that asks again."""
    page.evaluate("for (const each of document.querySelectorAll('#worst details')) each.open = true")
    chart(page)
    drawn = page.evaluate(
        "[...document.querySelectorAll('#worst .drawing svg')].map((each) => each.getAttribute('aria-label'))"
    )
    assert len(drawn) == page.evaluate("data.worst.length")
    assert all("anthropic" in each and "got error" in each for each in drawn)
    assert page.evaluate(
        "[...document.querySelectorAll('#worst .copy pre')].every((each) => each.textContent.startsWith('curl '))"
    )


def test_the_timeline_stands_as_a_table_too(page: Page, result: Result) -> None:
    """Opened, it has a row a step, with the same numbers."""
    rows = page.evaluate(
        "(async () => { const box = document.querySelector('#timeline details'); box.open = true; "
        "await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))); "
        "return [...box.querySelectorAll('tbody tr')].map((each) => each.textContent); })()"
    )
    assert len(rows) == result.timeline.steps
    assert rows[8].startswith("2s310")  # 3 good, 10 lost


def test_the_colours_can_be_chosen(page: Page) -> None:
    """The button goes from the system's colours to light and dark and back."""
    seen = []
    for _ in range(3):
        page.evaluate("document.querySelector('#bar button').click()")
        seen.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert seen == [LIGHT, DARK, LIGHT]


def test_on_paper_everything_is_open(page: Page) -> None:
    """What is folded on the screen is printed, in light colours, and folded again."""
    folded = "document.querySelectorAll('#checks details:not([open])').length"
    assert page.evaluate(folded) == 1
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate(folded) == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate(folded) == 1


def test_dark_mode_and_narrow_screens(page: Page) -> None:
    """Dark: light text on a dark page. Narrow: the page itself never scrolls sideways."""
    page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == DARK
    page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "light"}])
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == LIGHT
    page.call("Emulation.setDeviceMetricsOverride", width=390, height=800, deviceScaleFactor=1, mobile=True)
    assert page.evaluate("document.documentElement.scrollWidth <= 390")
    # How long each phase took, and the whole timeline, are seen without scrolling sideways.
    right = "Math.max(...[...document.querySelectorAll('{}')].map((each) => each.getBoundingClientRect().right))"
    assert page.evaluate(right.format("#failover .value")) <= 390
    chart(page)
    assert page.evaluate(right.format("#timeline-chart svg")) <= 390
    page.call("Emulation.clearDeviceMetricsOverride")


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
        assert page.evaluate("document.querySelectorAll('script').length") == 3
        shown = page.evaluate("document.querySelector('#worst pre').textContent")
        assert shown.endswith(HOSTILE)
        page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
        chart(page)
        assert page.complaints == []
        assert [each for each in page.requests if not each.endswith("/report.html")] == []
