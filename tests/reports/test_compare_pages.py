"""The pages of a comparison and of a history: they ask for nothing, run nothing, and fit a phone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from banstorm.reports import compare_html, compare_markdown, compare_text, trends_html
from banstorm.reports.compare import compare
from banstorm.reports.comparison import ComparisonOut
from banstorm.reports.static_page import Html, h
from banstorm.reports.tolerance import parse_tolerance
from banstorm.reports.trends import history
from chromium import browser
from recorded_runs import found, side

EVIL = "<img src=x onerror=\"document.title='hurt'\"></script><script>document.title='hurt'</script>'\"&"


def _comparison(name: str = "reference") -> ComparisonOut:
    a = [found(seed, "pass", {"lost_calls": float(seed % 3), "outage": 0.1}, target=name) for seed in range(6)]
    b = [found(seed, "fail", {"lost_calls": 9.0 + seed % 2, "outage": 0.1}, target=name) for seed in range(5)]
    return compare(side(*a), side(*b), parse_tolerance("10%,lost_calls=1"))


def _history(name: str = "reference") -> Any:
    values: list[Any] = [0.0, 2.0, None, (9.0, "≥"), 4.0]
    runs = [
        found(k, "fail" if k > 2 else "pass", {"time_to_fail_over": value}, target=name, started=f"2026-01-0{k + 1}")
        for k, value in enumerate(values)
    ]
    return history(side(*runs))


PAGES: dict[str, Callable[[str], str]] = {
    "compare": lambda name: compare_html.render(_comparison(name)),
    "history": lambda name: trends_html.render(_history(name)),
}


@pytest.mark.debian
@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize(("width", "scheme"), [(1200, "light"), (380, "dark")])
def test_a_page_opens_anywhere(page: str, width: int, scheme: str, tmp_path: Path) -> None:
    """Wide and narrow, light and dark: nothing is asked for, nothing complains, nothing stands out to the side."""
    path = tmp_path / "page.html"
    path.write_text(PAGES[page](EVIL), "utf-8")
    with browser(tmp_path / "profile") as tab:
        tab.open(path)
        tab.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 500)
        tab.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        assert [path.as_uri()] == tab.requests
        assert [] == tab.complaints
        assert "hurt" != tab.evaluate("document.title")
        assert 0 == tab.evaluate("document.querySelectorAll('img, script').length")
        assert width >= tab.evaluate("document.documentElement.scrollWidth")
        background = tab.evaluate("getComputedStyle(document.body).backgroundColor")
        assert ("rgb(15, 18, 22)" if scheme == "dark" else "rgb(246, 247, 249)") == background
        assert EVIL in tab.evaluate("document.body.textContent")


def test_the_comparison_says_verdicts_differences_and_the_gate() -> None:
    """In each of its forms."""
    comparison = _comparison()
    for text in (compare_text.render(comparison), compare_html.render(comparison), compare_markdown.render(comparison)):
        plain = text.replace("\\_", "_")
        assert "B against A, 5 pairs of sudden_ban: verdicts 5 worse; worse: lost_calls" in plain
        assert "5 × pass → fail" in plain
        assert "the gate is shut" in plain
        assert "beyond 1" in plain
        assert "B has no run of the same scenario and seed" in plain


def test_a_history_draws_each_run() -> None:
    """A dot a run that has a value, an arrow where its end was not seen, and a text for who can't see them."""
    page = trends_html.render(_history())
    assert 3 == page.count("<circle")
    assert "time_to_fail_over over 5 runs: from 0ms to 9s, newest 4s" in page
    assert page.count('<path class="run-fail"') == 1


@pytest.mark.parametrize(
    ("element", "wanted"),
    [
        (h("p", "a<b"), "<p>a&lt;b</p>"),
        (h("p", None, 0, h("b", "&")), "<p>0<b>&amp;</b></p>"),
        (h("a", "x", href='"><script>', class_="c", title=None), '<a href="&quot;&gt;&lt;script&gt;" class="c">x</a>'),
        (h("div", Html("<hr>"), aria_label="l"), '<div aria-label="l"><hr></div>'),
    ],
)
def test_an_element_escapes_what_is_not_markup(element: Html, wanted: str) -> None:
    """Children and attributes alike."""
    assert wanted == element
