"""A run whose page is looked at, and hands for its timeline."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from banstorm.reports.result import Result
from banstorm.reports.writers import html
from chromium import Page, browser
from synthetic import Ledger, Story, ns, simulate


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


def without_loss(result: Result) -> Result:
    """The failing run as it would be told had it stayed with the broken provider, and every call been answered."""
    document = result.model_dump(mode="json")
    document["sentence"] = "simulated failed under org_disabled: none of 9 calls was lost; first to break was x."
    document["outcomes"] = [{**each, "good": True, "silent": 0} for each in document["outcomes"]]
    for each in document["expectations"]:
        each["state"] = "broken"
    for episode in document["episodes"]:
        episode["calls_lost"] = 0
        over = episode["times"]["time_to_fail_over"]
        over.update(value=2.0, text="≥ 2s", censored=True, reason="never failed over while the fault lasted")
    for headline in document["headlines"]:
        if headline["label"] == "Failover":
            headline.update(text="≥ 2s", tone="bad", note="never failed over while the fault lasted")
    return Result.model_validate(document)


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


def opened(result: Result, folder: Path, expression: str) -> Any:
    """The value of an expression in the page of a result."""
    (folder / "report.html").write_text(html.render(result), "utf-8")
    with browser(folder / "profile") as page:
        page.open(folder / "report.html")
        assert page.complaints == []
        return page.evaluate(expression)
