"""The live page in a real browser: bars grow while the run goes on, and it ends as the report."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import live_page
import pytest
from banstorm.harness import events
from banstorm.harness.web import Web
from banstorm.reports.result import Result
from banstorm.reports.writers import html
from chromium import Page, browser
from pages import failing
from synthetic import judged

pytestmark = pytest.mark.debian

WAIT_S = 20.0
"""Longest wait for the page to show something, in seconds."""
BARS = "[...document.querySelectorAll('#chart .bars')].reduce((sum, each) => sum + Number(each.dataset.bars), 0)"


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    """A browser of its own."""
    with browser(tmp_path / "profile") as each:
        yield each


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """A failing run's result."""
    return judged(failing(), tmp_path_factory.mktemp("run"))


FAULTED = "document.querySelector('#providers tbody tr')?.textContent"
"""What the first provider's row says; it follows the news by an update."""


def _until(page: Page, expression: str) -> Any:
    """Wait until an expression in the page is true."""
    give_up = time.monotonic() + WAIT_S
    while not (found := page.evaluate(expression)):
        assert time.monotonic() < give_up, f"never came true: {expression}: {page.complaints}"
    return found


def _quiet(page: Page, url: str) -> None:
    """The page complained of nothing and asked nobody but its own address."""
    assert page.complaints == []
    assert {urlsplit(url).netloc} == {urlsplit(each).netloc for each in page.requests if not each.startswith("blob:")}


def test_the_bars_grow_and_the_page_ends_as_the_report(page: Page, result: Result, tmp_path: Path):
    """What happens is drawn as it happens; after the verdict the browser shows the report, and needs nobody for it."""
    with Web() as web:
        plan = live_page.plan(tmp_path)
        (plan.folder / "report.html").write_text(html.render(result), "utf-8")
        take, story = web.reader(plan), live_page.story(plan.folder)
        for event in story[:5]:
            take(event)
        page.open(web.url)
        few = _until(page, BARS)
        assert "running" == page.evaluate("document.querySelector('#phase').textContent")
        take(story[5])
        _until(page, f"{BARS} > {few}")
        for event in story[6:9]:
            take(event)
        _until(page, "document.querySelector('#news').textContent.includes('bit anthropic')")
        row = _until(page, f"(({FAULTED}) || '').includes('fault') && {FAULTED}")
        for word in ("anthropic", "fault", "0:org_disabled", "20ms"):
            assert word in row
        assert "anthropic: org_disabled" in page.evaluate("document.querySelector('#chart svg').textContent")
        assert "7" == page.evaluate("document.querySelector('#cards .number.bad').textContent")
        for event in story[9:]:
            take(event)
    _until(page, "location.pathname.endsWith('/runs/1/report.html') && document.documentElement?.dataset.ready")
    assert page.evaluate("document.title").startswith("fail")
    assert page.evaluate("document.querySelectorAll('#timeline-chart .bars').length")
    _quiet(page, web.url)


def test_a_page_that_comes_late_shows_the_same(page: Page, tmp_path: Path):
    """Who opens the address in the middle sees every bar so far, and the news once."""
    with Web() as web:
        plan = live_page.plan(tmp_path)
        take = web.reader(plan)
        for event in live_page.story(plan.folder)[:10]:
            take(event)
        page.open(web.url)
        _until(page, BARS)
        take(events.Warned(8.0, "one more"))
        _until(page, "document.querySelector('#news').textContent.includes('one more')")
        assert 1 == page.evaluate("document.querySelector('#news').textContent.split(' armed on').length - 1")
        assert 7 == page.evaluate("document.querySelectorAll('#news li').length")


LOOKS = [("wide and light", 1200, "light"), ("narrow and dark", 360, "dark")]


@pytest.mark.parametrize(("what", "width", "scheme"), LOOKS, ids=[each[0] for each in LOOKS])
def test_it_can_be_read_on_every_screen(what, width, scheme, page: Page, tmp_path: Path):
    """Nothing runs out of a phone's screen, and the dark page is dark."""
    with Web() as web:
        plan = live_page.plan(tmp_path)
        take = web.reader(plan)
        page.open(web.url)
        page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        page.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        for event in live_page.story(plan.folder)[:9]:
            take(event)
        _until(page, BARS)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), what
        red = page.evaluate("Number(getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0])")
        assert (red < 60) == (scheme == "dark")
        assert page.evaluate("[...document.querySelectorAll('svg')].every((each) => each.getAttribute('aria-label'))")
        _quiet(page, web.url)


def test_what_a_router_says_is_text(page: Page, tmp_path: Path):
    """Markup in a scenario's title, a provider's name, an outcome or a router's last words is shown, never run."""
    attack = "<img src=x onerror='window.hit=1'><script>window.hit=1</script>"
    with Web() as web:
        plan = live_page.plan(tmp_path)
        providers = {attack: next(iter(plan.scenario.providers.values()))}
        scenario = plan.scenario.model_copy(update={"title": attack, "story": attack, "providers": providers})
        object.__setattr__(plan, "scenario", scenario)
        take = web.reader(plan)
        page.open(web.url)
        told_load = {"outcomes": {"ok": 3, attack: 2}, "ended": 5, "good": 3, "due": 5, "in_flight": 0}
        each = {"attempts": 5, "errors": 2, "active": [attack]}
        take(events.Progress(1.0, told_load, {attack: each}))
        take(events.TargetExited(1.1, attack))
        _until(page, f"document.querySelector('#news li') && {BARS}")
        assert page.evaluate("window.hit === undefined && !document.querySelector('img')")
        for place in ("h1", "#news", "#providers", "#keys"):
            assert attack in page.evaluate(f"document.querySelector('{place}').textContent"), place
        _quiet(page, web.url)


def test_the_reports_of_several_runs_open_without_the_process(page: Page, result: Result, tmp_path: Path):
    """With a tag the next scenario follows; at the end the page has a row for each, and keeps their reports."""
    with Web() as web:
        page.open(web.url)
        for name, verdict in (("sudden_ban", "fail"), ("revoked_key", "pass")):
            plan = live_page.plan(tmp_path, name)
            (plan.folder / "report.html").write_text(html.render(result), "utf-8")
            take = web.reader(plan)
            for event in live_page.story(plan.folder, verdict):
                take(event)
    _until(page, "document.documentElement.dataset.live === 'over'")
    assert not web._thread.is_alive()
    rows = page.evaluate("[...document.querySelectorAll('#runs tbody tr')].map((each) => each.textContent)")
    assert ["fail", "pass"] == [next(word for word in ("fail", "pass") if word in row) for row in rows]
    assert "2 runs: 1 pass, 1 fail" == page.evaluate("document.querySelector('h1').textContent")
    page.evaluate("location.href = document.querySelector('#runs tbody a').href")
    _until(page, "location.protocol === 'blob:' && document.documentElement?.dataset.ready && document.title")
    assert page.evaluate("document.title").startswith("fail")
    _quiet(page, web.url)
