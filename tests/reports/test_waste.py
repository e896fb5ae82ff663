"""What was billed for nothing good, reason by reason, on runs small enough to be worked out by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from banstorm.reports.frames import read_run
from banstorm.reports.history import History
from banstorm.reports.result import Result
from banstorm.reports.waste import MEANINGS, reasons
from synthetic import PRICES, TOKENS, Ledger, Story, add_attempt, judged, value
from told import Told, run_of, steady

STORY = Story(rate=20, duration_s=8.0, at_s=2.0, until_s=4.0)
ANTHROPIC, OPENAI = TOKENS * PRICES["anthropic"], TOKENS * PRICES["openai"]


def one(outcome: str = "ok", provider: str | None = "anthropic", *attempts: tuple[str, float, float]) -> Ledger:
    """Good calls, and one due at 1.025 with these attempts; those at a broken call's provider were billed in full."""
    call = Told(1.025, 1.5, provider, outcome, 200 if outcome in {"ok", "late", "truncated"} else 502)
    call.attempts = [(name, began, ended, False) for name, began, ended in attempts]
    return run_of(STORY, [*steady(0, 8, 0.05), call])


def end(ledger: Ledger, provider: str, ended_by: str) -> Ledger:
    """Say how the odd call's attempt at a provider ended."""
    number = next(row["call"] for row in ledger.tables["schedule"] if row["scheduled_ns"] % 50_000_000)
    ledger.change("attempts", lambda row: (row["call"], row["provider"]) == (number, provider), ended_by=ended_by)
    return ledger


def left() -> Ledger:
    """A caller leaves in the middle of its answer: neither good nor lost."""
    return end(one("left", "anthropic", ("anthropic", 1.026, 1.5)), "anthropic", "router")


def background() -> Ledger:
    """The router asks a provider of its own accord."""
    ledger = run_of(STORY, steady(0, 8, 0.05))
    add_attempt(ledger.tables, None, 0, "anthropic", 5.0, 5.1)
    return ledger


def wasted(result: Result) -> dict[str, float]:
    """USD by reason."""
    assert result.money is not None
    return {each.why: each.usd for each in result.money.wasted}


@pytest.mark.parametrize(
    ("ledger", "expected"),
    [
        (left(), {"abandoned": ANTHROPIC}),
        (background(), {"background": ANTHROPIC}),
        (one("late", "anthropic", ("anthropic", 1.026, 1.5)), {"late": ANTHROPIC}),
        (one("truncated", "anthropic", ("anthropic", 1.026, 1.5)), {"truncated": ANTHROPIC}),
        (one("error", None, ("anthropic", 1.026, 1.4)), {"failed": ANTHROPIC}),
        (end(one("hung", "anthropic", ("anthropic", 1.026, 1.5)), "anthropic", "router"), {"abandoned": ANTHROPIC}),
        (one("ok", "openai", ("anthropic", 1.026, 1.4), ("openai", 1.2, 1.5)), {"hedged": ANTHROPIC}),
        (one("ok", "openai", ("anthropic", 1.026, 1.1), ("openai", 1.2, 1.5)), {"retried": ANTHROPIC}),
        (
            end(one("ok", "openai", ("anthropic", 1.026, 1.1), ("openai", 1.2, 1.5)), "anthropic", "router"),
            {"abandoned": ANTHROPIC},
        ),
        (
            end(one("ok", "openai", ("anthropic", 1.026, 1.1), ("openai", 1.2, 1.5)), "anthropic", "fault"),
            {"failed": ANTHROPIC},
        ),
        (
            one("late", "openai", ("anthropic", 1.026, 1.1), ("openai", 1.2, 1.5)),
            {"late": OPENAI, "retried": ANTHROPIC},
        ),
        (run_of(STORY, steady(0, 8, 0.05)), {}),
    ],
    ids=lambda each: "+".join(each) or "nothing" if isinstance(each, dict) else "",
)
def test_each_wasted_invoice_has_one_reason(ledger: Ledger, expected: dict[str, float], tmp_path: Path) -> None:
    """What a call became and how its attempt ended say why it was billed for nothing; it adds up to `wasted`."""
    result = judged(ledger, tmp_path)
    assert wasted(result) == pytest.approx(expected)
    assert value(result, "wasted") == pytest.approx(sum(expected.values()))
    assert expected.keys() <= MEANINGS.keys()


def test_a_caller_who_left_is_billed_in_its_phase_and_no_loss(tmp_path: Path) -> None:
    """Its stream counts as wasted and hidden, in the phase it was due in, and no call of it is lost or good."""
    result = judged(left(), tmp_path)
    assert value(result, "lost_calls", "run") == 0
    assert value(result, "hidden_spend") == pytest.approx(ANTHROPIC)
    assert value(result, "cost_per_answer", "run") == pytest.approx(161 / 160 * ANTHROPIC)
    assert result.money is not None
    by_phase = {each.phase: (each.invoices, each.wasted_usd) for each in result.money.by_phase}
    assert by_phase["baseline"] == (41, pytest.approx(ANTHROPIC))
    assert sum(invoices for invoices, _ in by_phase.values()) == 161


def test_a_hedge_is_told_by_the_overlap_alone(tmp_path: Path) -> None:
    """An attempt that ended as the answering one began lies not beside it."""
    touching = one("ok", "openai", ("anthropic", 1.026, 1.2), ("openai", 1.2, 1.5))
    assert reasons(History(read_run(touching.write(tmp_path)))).tolist() == ["retried"]


def test_an_unbilled_attempt_is_no_waste(tmp_path: Path) -> None:
    """A refusal costs nothing: it appears under no reason."""
    ledger = one("ok", "openai", ("anthropic", 1.026, 1.1), ("openai", 1.2, 1.5))

    def refused(row: dict[str, Any]) -> bool:
        return bool(row["at_ns"] == 5_001_100_000_000)

    ledger.change("invoices", refused, usd=0.0)
    assert wasted(judged(ledger, tmp_path)) == {}
