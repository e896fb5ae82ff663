"""The live page in a real browser: bars grow while the run goes on, and it ends as the report."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import live_page
import pytest
from banstorm.harness import command_web, events, repeat, run_many
from banstorm.harness.errors import HarnessError
from banstorm.harness.exitcode import Exit
from banstorm.harness.plan import Plan, Wish
from banstorm.harness.web import Web
from banstorm.reports.result import Result, Verdict
from banstorm.reports.writers import html
from chromium import NavigatedError, Page, browser
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
    while True:
        with contextlib.suppress(NavigatedError):
            if found := page.evaluate(expression):
                return found
        assert time.monotonic() < give_up, f"never came true: {expression}: {page.complaints}"


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


@pytest.fixture
def playing(page: Page, result: Result, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Lets runs only be told of, with a browser that watches from the first on; what it showed while each went on."""

    def begin(*ends: str) -> list[str]:
        left, seen = list(ends), []

        class Told:
            def __init__(self, plan: Plan, listener: events.Listener) -> None:
                self._plan, self._listener = plan, listener

            async def execute(self) -> Result:
                web = self._plan.wish.audience
                assert isinstance(web, Web)
                if not seen:
                    page.open(web.url)
                folder, end = self._plan.folder, left.pop(0)
                story = live_page.story(folder, end)
                for event in story[:9]:
                    self._listener(event)
                number = len(seen) + 1
                shown = "document.querySelector('#now .kicker')?.textContent || ''"
                _until(page, f"({shown}).includes('run {number} of') && {BARS}")
                seen.append(page.evaluate(shown))
                if end == "mute":
                    raise HarnessError("the target never answered", "http://x", "start it")
                folder.mkdir(parents=True)
                (folder / "report.html").write_text(html.render(result), "utf-8")
                for event in story[9:]:
                    self._listener(event)
                return result.model_copy(update={"verdict": Verdict(end)})

        monkeypatch.setattr("banstorm.harness.run.Run", Told)
        return seen

    return begin


def _rows(page: Page, place: str) -> list[str]:
    return list(page.evaluate(f"[...document.querySelectorAll('{place} tbody tr')].map((each) => each.textContent)"))


def test_a_repeat_ends_with_what_its_runs_say_together(page: Page, playing: Any, tmp_path: Path):
    """The page follows each run, says which of how many it is, and ends with the worst verdict and the measures."""
    seen = playing("pass", "mute", "fail")
    wish = Wish(scenario="sudden_ban", out=tmp_path)
    assert Exit.FAIL is command_web.watched(partial(repeat.play_repeated, times=3), wish)
    assert [f"seed {20260104 + k}, run {k + 1} of 3" for k in range(3)] == [each[each.index("seed") :] for each in seen]
    _until(page, "document.documentElement.dataset.live === 'over'")
    assert page.evaluate("!location.pathname.includes('report')")
    assert "3 runs: 1 pass, 1 fail, 1 not judged" == page.evaluate("document.querySelector('h1').textContent")
    assert page.evaluate("document.querySelector('#now').classList.contains('fail')")
    assert "fail" == page.evaluate("document.querySelector('#phase').textContent")
    (written,) = tmp_path.glob("*/repeat.md")
    together = page.evaluate("document.querySelector('#together').textContent")
    assert "1 fail, 1 inconclusive, 1 pass" in together
    assert f"saved: {written}" in together
    assert "again: banstorm run sudden_ban --target reference --seed 20260104 --repeat 3" in together
    measures = _rows(page, "#measures")
    assert [each for each in measures if "n = 2" in each]
    runs = _rows(page, "#runs")
    assert ["pass", "not judged", "fail"] == [
        next(word for word in ("pass", "not judged", "fail") if word in row) for row in runs
    ]
    assert "the target never answered" in runs[1]
    assert ["seed 20260104" in runs[0], "seed 20260106" in runs[2]] == [True, True]
    page.evaluate("location.href = document.querySelector('#runs tbody tr:last-child a').href")
    _until(page, "location.protocol === 'blob:' && document.documentElement?.dataset.ready && document.title")
    assert page.complaints == []


def test_a_tag_ends_with_a_row_for_each_of_its_runs(page: Page, playing: Any, tmp_path: Path, monkeypatch: Any):
    """The next scenario follows on the same page; nothing is said of several together that was not asked for."""
    monkeypatch.setattr(run_many.catalogue, "tagged", lambda _: ["sudden_ban", "revoked_key"])
    seen = playing("pass", "inconclusive")
    wish = Wish(scenario="", out=tmp_path)
    assert Exit.INCONCLUSIVE is command_web.watched(partial(run_many.play_tagged, "ci"), wish)
    assert ["run 1 of 2", "run 2 of 2"] == [each[each.index("run ") :] for each in seen]
    _until(page, "document.documentElement.dataset.live === 'over'")
    assert ["revoked_key", "sudden_ban"] == sorted(
        next(name for name in ("revoked_key", "sudden_ban") if name in row) for row in _rows(page, "#runs")
    )
    assert page.evaluate("document.querySelector('#now').classList.contains('inconclusive')")
    assert "" == page.evaluate("document.querySelector('#together').textContent")
    assert page.complaints == []
