"""What a reader who has never seen the project asks of report.html: answered, without contradiction, on any screen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from banstorm.reports.result import Result, Verdict
from banstorm.reports.writers import html
from chromium import Page, browser
from pages import both_broken, chart, failing, opened, without_loss
from synthetic import judged, ns

pytestmark = pytest.mark.debian

CARDS = "[...document.querySelectorAll('#headlines .card')].map((each) => each.innerText.replaceAll('\\n', ' | '))"
WIDTHS = [1440, 390]


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """The result of the failing run."""
    return judged(failing(), tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """The page of a run in which two providers broke, open in a browser."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "report.html").write_text(html.render(judged(both_broken(), folder / "run")), "utf-8")
    with browser(folder / "profile") as opened:
        opened.open(folder / "report.html")
        yield opened


def resize(page: Page, width: int) -> None:
    """Give the window a width in pixels, and have the timeline drawn for it."""
    page.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
    chart(page)


def test_the_top_answers_what_a_newcomer_asks(result: Result, tmp_path: Path) -> None:
    """Losses out of how many, failover with the slowest switch, and the money behind the ratio are on the cards."""
    cards = opened(result, tmp_path, CARDS)
    due = sum(each.calls for each in result.outcomes)
    phases = {each.name: each.usd_per_answer for each in result.phases}
    assert f"Lost calls | 10 | of {due} calls: no right answer in time" in cards[1]
    over = result.episodes[0].times["time_to_fail_over"].text
    assert cards[2].startswith(f"Failover | {over} | until another provider answered every call")
    assert f"slowest switch: {result.episodes[0].times['switch_gap.max'].text}" in cards[2]
    assert f"before: ${phases['baseline']:.3g} | meanwhile: ${phases['episode 1 (anthropic)']:.3g}" in cards[4]
    assert f"billed in all: ${sum(each.usd for each in result.costs):.3g}" in cards[4]


def test_a_failover_that_never_came_and_hurt_nobody_is_told_as_that(result: Result, tmp_path: Path) -> None:
    """Where no call was lost, neither the card nor the strip of the episode says that calls failed."""
    strip = (
        "(async () => { document.querySelector('#failover .drawing').scrollIntoView(); "
        "await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))); "
        f"return [document.querySelector('#failover svg').getAttribute('aria-label'), ...{CARDS}]; }})()"
    )
    label, *cards = opened(without_loss(result), tmp_path, strip)
    assert "never failed over, no call lost" in label
    assert "calls fail" not in label
    assert "never failed over while the fault lasted | yet no call was lost" in cards[2]


def test_the_cost_of_each_episode_is_told_and_the_top_has_the_worst(page: Page) -> None:
    """With two episodes the card says which it tells, and the cost section both: they never contradict."""
    card = page.evaluate(CARDS)[4]
    told = page.evaluate("document.querySelector('#cost dl').innerText")
    texts = page.evaluate("data.findings.find((each) => each.key === 'cost_increase').values.map((each) => each.text)")
    known = [each for each in texts if each != "–"]
    assert len(texts) == 2
    assert ", ".join(texts) in told
    assert any(each in card for each in known)
    assert ("worst of 2 episodes" in card) == (len(known) == 2)


def test_a_meter_is_a_share_of_all(result: Result, tmp_path: Path) -> None:
    """A bar of 60 calls of 100 is not as long as one of 100 of 100."""
    widths = opened(
        result,
        tmp_path,
        "[...document.querySelectorAll('#integrity .meter')].map((each) => parseFloat(each.style.width))",
    )
    assert widths == pytest.approx([max(each.share * 70, 2) for each in result.outcomes], abs=0.01)


def test_a_fail_beside_a_check_that_fell_short_stands(result: Result, tmp_path: Path) -> None:
    """What fell short is open to see, what passed is folded, and the words say that the fail stands."""
    found = "time_to_fail_over: no good answer"
    checks = [result.checks[0].model_copy(update={"ok": False, "found": found}), *result.checks[1:]]
    shown = opened(
        result.model_copy(update={"checks": checks}), tmp_path, "document.querySelector('#checks').innerText"
    )
    assert "what broke is broken all the same" in shown
    assert "1 fell short" in shown
    assert "time to fail over: no good answer" in shown
    assert result.checks[1].found not in shown


def test_an_option_of_a_command_stays_on_one_line(result: Result, tmp_path: Path) -> None:
    """Advice that names an option shows it whole, wherever the line breaks."""
    short = [result.checks[0].model_copy(update={"name": "generator on time", "ok": False})]
    document = result.model_copy(update={"verdict": Verdict.INCONCLUSIVE, "checks": short})
    style = "[each.textContent, getComputedStyle(each).whiteSpaceCollapse, getComputedStyle(each).textWrapMode]"
    codes = opened(document, tmp_path, f"[...document.querySelectorAll('#verdict .what code')].map((each) => {style})")
    assert codes == [["--rate 15/s", "collapse", "nowrap"]]


def test_names_leave_their_values_room(result: Result, tmp_path: Path) -> None:
    """In a list of names and values no long name squeezes the values beside it to a word a line."""
    widths = opened(
        result,
        tmp_path,
        "[...document.querySelectorAll('#integrity dl.facts')].map((each) => { "
        "const edge = each.querySelector('dd').getBoundingClientRect(); return edge.width / each.clientWidth; })",
    )
    assert widths
    assert min(widths) > 0.4


def test_advice_speaks_of_names_and_not_of_keys(result: Result, tmp_path: Path) -> None:
    """What to fix first, and what it would mend, takes no knowledge of the measures' keys."""
    fix = opened(result, tmp_path, "document.querySelector('#fix').innerText")
    assert "would mend: lost calls" in fix
    assert "_calls" not in fix


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_drawn_over_a_lanes_name(page: Page, width: int) -> None:
    """The names of the lanes come last, over marks and edges, and end inside the picture."""
    resize(page, width)
    kinds = page.evaluate(
        "[...document.querySelector('#timeline-chart svg g').children]"
        ".map((each) => each.classList.contains('lane-name'))"
    )
    assert kinds.count(True) == 5
    assert all(kinds[-5:])
    assert page.evaluate(
        "(() => { const edge = document.querySelector('#timeline-chart').getBoundingClientRect().right; "
        "const ends = [...document.querySelectorAll('.lane-name')].map((each) => each.getBoundingClientRect().right); "
        "return ends.every((each) => each <= edge); })()"
    )


@pytest.mark.parametrize("width", WIDTHS)
def test_a_faults_name_stands_in_its_bar_or_beside_it(result: Result, width: int, tmp_path: Path) -> None:
    """No name straddles its bar's end; where the bar is short, the name of one provider's fault does without it."""
    (tmp_path / "report.html").write_text(html.render(result), "utf-8")
    with browser(tmp_path / "profile") as page:
        page.open(tmp_path / "report.html")
        resize(page, width)
        bar, text, words = page.evaluate(
            "(() => { const one = (name) => document.querySelector(name), "
            "at = (each) => { const {left, right} = each.getBoundingClientRect(); return [left, right]; }; "
            "return [at(one('rect.fault')), at(one('.band-name')), one('.band-name').textContent]; })()"
        )
    assert (bar[0] <= text[0] and text[1] <= bar[1]) or text[0] >= bar[1] or text[1] <= bar[0]
    assert words in {"anthropic: org_disabled", "org_disabled"}


def test_a_narrow_screen_shows_where_more_is_to_come(page: Page) -> None:
    """Five cards leave no hole, a table that scrolls sideways is shaded at its edge, and a command is seen whole."""
    resize(page, 390)
    wide = "document.querySelector('#headlines .card:{}').getBoundingClientRect().width"
    assert page.evaluate(wide.format("last-child")) > 1.8 * page.evaluate(wide.format("first-child"))
    assert page.evaluate(
        "[...document.querySelectorAll('.scroll')].filter((each) => each.scrollWidth > each.clientWidth)"
        ".every((each) => getComputedStyle(each).backgroundImage.includes('gradient'))"
    )
    assert page.evaluate(
        "[...document.querySelectorAll('#worst details[open] .copy pre, #repeat .copy pre')]"
        ".every((each) => each.scrollHeight <= each.clientHeight + 1)"
    )
    assert page.evaluate(
        "[...document.querySelectorAll('#repeat .copy .nowrap')].map((each) => [each.textContent, "
        "each.getClientRects().length])"
    ) == [["--seed", 1]]
    page.call("Emulation.clearDeviceMetricsOverride")


def test_a_target_that_ended_is_what_failed(tmp_path: Path) -> None:
    """However many limits broke with it, none of them is the cause: the page names the exit and no first limit."""
    story = failing()
    log = "a | KeyError: 'B'"
    story.manifest["target_exit"] = {"code": 3, "signal": None, "at_ns": ns(3), "ours": False, "log": log}
    result = judged(story, tmp_path)
    assert result.first_broken
    cards = opened(
        result, tmp_path, "[...document.querySelectorAll('#verdict .answers > div')].map((each) => each.textContent)"
    )
    ended = "the target did not stay up: it exited with code 3"
    assert cards[0] == f"What failed{ended}its log ends with: a | KeyError: 'B'"
    assert not any(each.startswith("Broke first") for each in cards)
