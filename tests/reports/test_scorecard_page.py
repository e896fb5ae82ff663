"""scorecard.html in a real browser: styled by its own style alone, wide and narrow, dark, no request, hostile words."""

from __future__ import annotations

from pathlib import Path

import pytest
from banstorm.reports import scorecard_html
from banstorm.reports.scorecard import Cell, Column, Note, Row, Scorecard, Standing
from chromium import browser

pytestmark = pytest.mark.debian

HOSTILE = "\"><script>window.hit=1</script><img src=x onerror='window.hit=1'>@@cells@@"
LIGHT, DARK = "rgb(246, 247, 249)", "rgb(15, 18, 22)"
PAGE = "getComputedStyle(document.body).backgroundColor"


def card() -> Scorecard:
    """Six scenarios, four targets, and words that want to be more than words."""
    targets, scenarios = (
        ["one", "two:tuned", "claude_code_router", HOSTILE],
        [f"a_scenario_{each}" for each in range(6)],
    )
    cells = [
        Cell(
            target=target,
            scenario=scenario,
            standing=Standing.FAIL,
            broken=["lost_calls == 0: 61", "time_to_fail_over <= 250ms: ≥ 4.86s"],
            measures={"lost_calls": "61", "time_to_fail_over": "≥ 4.86s"},
            evidence=HOSTILE,
            reasons=[HOSTILE],
            command=HOSTILE,
            note=Note(note=HOSTILE),
        )
        for target in targets
        for scenario in scenarios
    ]
    rows = [Row(name=each, label=each, kind="program", detail=HOSTILE) for each in targets]
    return Scorecard(
        title=HOSTILE, targets=rows, scenarios=[Column(name=each, title=HOSTILE) for each in scenarios], cells=cells
    )


@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_holds_at_every_width(width: int, tmp_path: Path):
    """Its own style is taken, nothing is asked for or complained of, nothing that was said acts, nothing sticks out."""
    (tmp_path / "scorecard.html").write_text(scorecard_html.render(card(), {}), "utf-8")
    with browser(tmp_path / "profile", width=width) as page:
        page.open(tmp_path / "scorecard.html")
        assert LIGHT == page.evaluate(PAGE)
        assert page.evaluate("window.hit === undefined")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert 24 == page.evaluate("document.querySelectorAll('a.cell').length")
        assert page.evaluate("[...document.querySelectorAll('a.cell')].every((a) => document.querySelector(a.hash))")
        page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
        assert DARK == page.evaluate(PAGE)
        assert [] == page.complaints
        assert not [each for each in page.requests if not each.startswith("file:")]
