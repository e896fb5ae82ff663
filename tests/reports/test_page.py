"""report.html in a real browser: what it shows, hover, keys, zoom, dark mode, no request, and hostile strings."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from banstorm.reports.result import DamageOut, Result, Verdict
from banstorm.reports.writers import html
from chromium import Page, browser
from pages import both_broken, chart, failing, opened
from synthetic import judged

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


def test_everything_can_be_reached_and_copied_with_the_keyboard(page: Page) -> None:
    """Whatever acts on a click is a link, a button or a summary; the command is there to be copied, or is selected."""
    assert page.evaluate("document.querySelectorAll('[onclick]').length") == 0
    page.evaluate("document.querySelector('#repeat button').click()")
    page.evaluate("new Promise((done) => setTimeout(done))")
    assert page.evaluate("document.querySelector('#repeat button').textContent") in {"Copied", "Selected"}


def test_the_keyboard_goes_through_the_page_in_its_order(page: Page) -> None:
    """The link that skips the bar comes before it; after the timeline's last button comes the timeline itself."""
    page.evaluate("document.querySelector('#bar nav a').focus()")
    page.call("Input.dispatchKeyEvent", type="keyDown", key="Tab", code="Tab", windowsVirtualKeyCode=9, modifiers=8)
    assert page.evaluate("document.activeElement.textContent") == "Skip to what was expected"
    assert page.evaluate("document.activeElement.getBoundingClientRect().left >= 0")
    page.evaluate("document.querySelector('#timeline .buttons button:last-child').focus()")
    page.key("Tab")
    assert page.evaluate("document.activeElement.id") == "timeline-chart"
    assert page.evaluate("document.querySelector('.tip .when').textContent") == "0s to 250ms"
    page.evaluate("document.activeElement.blur()")


def test_a_screen_reader_finds_its_way(page: Page) -> None:
    """Names are unique, every button and mark has one, headings go down by one, and there are bar, page and foot."""
    doubles = "(() => { const ids = [...document.querySelectorAll('[id]')].map((each) => each.id); "
    assert page.evaluate(doubles + "return ids.length - new Set(ids).size; })()") == 0
    named = "[...document.querySelectorAll('button, a, [role=img], [role=slider], nav')]"
    assert page.evaluate(named + ".every((each) => each.textContent.trim() || each.getAttribute('aria-label'))")
    levels = page.evaluate("[...document.querySelectorAll('h1, h2, h3')].map((each) => Number(each.tagName[1]))")
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert page.evaluate("['header', 'main', 'footer'].every((each) => document.querySelectorAll(each).length === 1)")
    assert page.evaluate("document.documentElement.lang") == "en"


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


def test_a_long_name_and_many_faults_fit_a_phone(result: Result, tmp_path: Path) -> None:
    """A target's name breaks where the line ends, and there is a button for each of five faults."""
    (only,) = result.episodes
    told = result.model_copy(
        update={
            "run": result.run.model_copy(update={"target": "t" * 100}),
            "episodes": [only.model_copy(update={"id": f"episode {number} (anthropic)"}) for number in range(1, 6)],
        }
    )
    (tmp_path / "report.html").write_text(html.render(told))
    with browser(tmp_path / "profile", width=390) as page:
        page.open(tmp_path / "report.html")
        page.call("Emulation.setDeviceMetricsOverride", width=390, height=800, deviceScaleFactor=1, mobile=True)
        chart(page)
        assert page.evaluate("document.documentElement.scrollWidth <= 390")
        buttons = page.evaluate("[...document.querySelectorAll('#timeline button')].map((each) => each.textContent)")
        assert [each for each in buttons if each.startswith("Fault")] == [f"Fault {number}" for number in range(1, 6)]


def test_what_could_not_be_read_stands_at_the_top(result: Result, tmp_path: Path) -> None:
    """A reader sees what a damaged folder costs before any number."""
    damage = DamageOut(where="ledger/calls", what="torn", costs="The last second is missing.", rows=3)
    told = opened(
        result.model_copy(update={"damage": [damage]}), tmp_path, "document.querySelector('#page .notice').textContent"
    )
    assert told == "A part of this run could not be read.ledger/calls: torn. The last second is missing."


def test_trouble_that_holds_itself_up_is_said_in_words(result: Result, tmp_path: Path) -> None:
    """A router that stayed down after the fault had gone is told as that, not as the number 1."""
    findings = [
        each.model_copy(update={"values": [one.model_copy(update={"value": 1.0, "text": "1"}) for one in each.values]})
        if each.key == "metastable"
        else each
        for each in result.findings
    ]
    page = opened(
        result.model_copy(update={"findings": findings}), tmp_path, "document.querySelector('#failover').textContent"
    )
    assert "The trouble held itself up" in page


def test_an_inconclusive_run_says_so_before_any_number(result: Result, tmp_path: Path) -> None:
    """The top says that it can't tell, why, and what to do next; nothing broke first."""
    short = [result.checks[0].model_copy(update={"ok": False, "found": "the injector was killed"})]
    document = result.model_copy(
        update={
            "verdict": Verdict.INCONCLUSIVE,
            "checks": short,
            "reasons": ["our own processes: the injector was killed"],
        }
    )
    top = opened(document, tmp_path, "document.querySelector('#verdict').innerText")
    assert "This run can't tell how simulated takes it: our own measuring fell short." in top
    assert "the injector was killed" in top
    assert "Repeat it: a part of banstorm failed" in top
    assert "They prove nothing until the run is repeated." in top
    assert "broke first" not in top.lower()


def test_the_headline_is_the_worst_of_the_episodes(tmp_path: Path) -> None:
    """An episode that never failed over is worse than one that did so late."""
    result = judged(both_broken(), tmp_path)
    times = {each.provider: each.times["time_to_fail_over"] for each in result.episodes}
    assert (False, True) == (times["anthropic"].censored, times["openai"].censored)
    assert times["anthropic"].value > times["openai"].value
    headline = next(each for each in result.headlines if each.label == "Failover")
    assert (times["openai"].text, "bad") == (headline.text, headline.tone)


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
