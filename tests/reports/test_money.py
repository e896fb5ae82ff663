"""The cost report beyond what was wasted: projection, lock-in, the router's own books."""

from __future__ import annotations

from pathlib import Path

import pytest
from banstorm.reports.lock_in import usd_at
from banstorm.reports.manifest import Price, Rates
from banstorm.reports.result import Result
from banstorm.reports.result_money import BookOut, MoneyOut
from synthetic import PRICES, TOKENS, Ledger, Story, judged, ns, simulate
from told import Told, run_of, steady

STORY = Story(rate=20, duration_s=8.0, at_s=2.0, until_s=4.0)
ANTHROPIC, OPENAI = TOKENS * PRICES["anthropic"], TOKENS * PRICES["openai"]
TABLE = {
    "anthropic": {"model": "claude-sonnet-5", "rates": {"input": 2, "output": 15, "cached": 0.2, "cache_write": 2.5}},
    "openai": {"model": "gpt-5.4-mini", "rates": {"input": 0, "output": 5, "cached": 0, "cache_write": 0}},
}


def money(result: Result) -> MoneyOut:
    """The cost report."""
    assert result.money is not None
    return result.money


def test_a_month_with_the_users_outage_at_the_users_volume(tmp_path: Path) -> None:
    """Before failover calls are lost and cost nothing; afterwards each costs what openai asks."""
    lost = [
        Told(2 + n / 20, 2.02 + n / 20, None, "error", 502, 0, [("anthropic", 2.002 + n / 20, 2.01 + n / 20, True)])
        for n in range(10)
    ]
    calls = [*steady(0, 2, 0.05), *lost, *steady(2.5, 4, 0.05, provider="openai"), *steady(4, 8, 0.05)]
    ledger = run_of(STORY, calls)
    ledger.manifest |= {"volume_per_day": 86_400.0, "outage_s": 100.0}
    (found,) = money(judged(ledger, tmp_path)).projections
    assert found.month_usd == pytest.approx(86_400 * 30 * ANTHROPIC)
    assert found.usual_usd == pytest.approx(100 * ANTHROPIC)
    # Failover took 0.498 s, in which all of the user's 0.498 calls are lost; 30 of 30 calls later on are good.
    assert found.lost_answers == pytest.approx(0.498)
    assert found.outage_usd == pytest.approx((100 - 0.498) * OPENAI)
    assert found.extra_usd == pytest.approx((100 - 0.498) * OPENAI - 100 * ANTHROPIC)
    assert found.reason is None
    assert "your volume" in found.basis


def test_without_failover_the_whole_outage_is_like_the_episode(tmp_path: Path) -> None:
    """A router that loses every call of the episode loses every call of the outage; the defaults are told as such."""
    lost = [
        Told(2 + n / 20, 2.02 + n / 20, None, "error", 502, 0, [("anthropic", 2.002 + n / 20, 2.01 + n / 20, True)])
        for n in range(40)
    ]
    (found,) = money(judged(run_of(STORY, [*steady(0, 2, 0.05), *lost, *steady(4, 8, 0.05)]), tmp_path)).projections
    assert found.lost_answers == pytest.approx(20 * 3600)
    assert "all of the outage like this episode" in found.basis
    assert "the scenario's mean rate" in found.basis


def test_a_projection_needs_a_baseline(tmp_path: Path) -> None:
    """With ten calls before the fault nobody knows what a usual month costs: no number, and why."""
    story = Story(rate=20, duration_s=6.0, at_s=0.5, until_s=3.0)
    (found,) = money(judged(simulate(story), tmp_path)).projections
    assert (found.month_usd, found.lost_answers) == (None, None)
    assert found.reason == "the baseline has 10 calls, needs 20"


def test_the_same_answers_at_each_providers_price(tmp_path: Path) -> None:
    """160 answers of 20 tokens and 10 of prompt, at each list price; what is wasted is none of them."""
    ledger = run_of(STORY, steady(0, 8, 0.05))
    ledger.manifest["prices"] = TABLE
    first, second = money(judged(ledger, tmp_path)).lock_in
    assert first.usd == pytest.approx(160 * (20 * 15 + 10 * 2) / 1e6)
    assert (second.usd, second.usd_per_answer) == pytest.approx((160 * OPENAI, OPENAI))
    assert second.factor == pytest.approx(1 / 3)


def test_without_prices_nothing_is_claimed(tmp_path: Path) -> None:
    """The folder of an earlier version has no price list: its providers are named, with the reason."""
    found = money(judged(run_of(STORY, steady(0, 8, 0.05)), tmp_path)).lock_in
    assert [(each.provider, each.usd, each.reason) for each in found] == [
        ("anthropic", None, "the run's folder names no price for it"),
        ("openai", None, "the run's folder names no price for it"),
    ]


def test_long_prompts_cost_the_long_rates_and_caches_theirs(tmp_path: Path) -> None:
    """Fresh, cached, written and produced tokens have a rate each; a prompt over the threshold has other ones."""
    import pandas as pd

    price = Price(
        model="m",
        rates=Rates(input=2, output=10, cached=1, cache_write=4),
        long_above_tokens=100,
        long=Rates(input=20, output=100, cached=10, cache_write=40),
    )
    invoices = pd.DataFrame(
        {
            "input_tokens": [100, 101],
            "cached_tokens": [30, 0],
            "cache_write_tokens": pd.Series([20, None], dtype="Int64"),
            "produced_tokens": [7, 1],
        }
    )
    expected = [50 * 2 + 30 * 1 + 20 * 4 + 7 * 10, 101 * 20 + 100]
    assert (usd_at(price, invoices) * 1e6).tolist() == pytest.approx(expected)


def counted(ledger: Ledger, name: str, labels: dict[str, str], *readings: tuple[float, float]) -> Ledger:
    """Let the router's metrics page show a counter."""
    rows = [
        {"at_ns": ns(at), "process": "target", "name": name, "labels": labels, "value": amount}
        for at, amount in readings
    ]
    ledger.tables["samples"] += rows
    return ledger


def books(result: Result) -> dict[tuple[str, str], BookOut]:
    """The router's accounts by source and what they count."""
    return {(each.source, each.what): each for each in money(result).books}


def test_a_counter_of_the_routers_is_held_against_the_invoices(tmp_path: Path) -> None:
    """Between its first reading and its last it grew by 3,000 tokens; 160 invoices of 20 tokens were billed."""
    ledger = run_of(STORY, steady(0, 8, 0.05))
    counted(ledger, "llm_tokens_total", {"direction": "output", "model": "a"}, (-0.5, 100), (3, 1100), (9, 2100))
    counted(ledger, "llm_tokens_total", {"direction": "output", "model": "b"}, (5, 400), (9, 1000))
    counted(ledger, "llm_tokens_total", {"direction": "input"}, (-0.5, 5), (9, 1605))
    found = books(judged(ledger, tmp_path))
    output = found["llm_tokens_total", "output tokens"]
    assert (output.said, output.billed, output.ratio) == (3000, 3200, pytest.approx(3000 / 3200))
    assert found["llm_tokens_total", "input tokens"].ratio == 1


def test_a_router_that_restarts_keeps_what_it_had_counted(tmp_path: Path) -> None:
    """A counter that falls was set back to zero: 2,000 before it, 1,200 since."""
    ledger = run_of(STORY, steady(0, 8, 0.05))
    counted(ledger, "litellm_output_tokens_metric_total", {}, (-0.5, 0), (4, 2000), (5, 100), (9, 1200))
    assert books(judged(ledger, tmp_path))["litellm_output_tokens_metric_total", "output tokens"].said == 3200


def test_a_router_without_metrics_is_not_observable(tmp_path: Path) -> None:
    """Nothing is said of books that nobody read; the answers' usage is compared all the same."""
    ledger = run_of(STORY, steady(0, 8, 0.05))
    ledger.change("calls", lambda row: row["call"] < 80, tokens_reported=TOKENS // 2)
    found = money(judged(ledger, tmp_path)).books
    assert [(each.source, each.ratio, each.off) for each in found] == [
        ("the answers' usage", 0.75, 80),
        ("its metrics", None, None),
    ]
    assert "no metrics page" in (found[1].reason or "")
