"""What a scenario says of speed and price is what the fakes work with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from banstorm.fakes.pace import Pace, Slowdown
from banstorm.fakes.quantiles import Quantiles
from banstorm.harness.catalogue import explain_scenario
from banstorm.harness.launch import Child
from banstorm.harness.pacing import pace_of, prices_of, prices_told
from banstorm.scenarios.model import Provider, Scenario

PROVIDER: dict[str, Any] = {"dialect": "openai", "model": "m", "ttft": "120ms", "tokens_per_second": 40}
SCENARIO: dict[str, Any] = {
    "version": 1,
    "title": "t",
    "story": "s",
    "source": "x",
    "seed": 1,
    "providers": {"vendor": PROVIDER},
    "load": {"rate": "1/s", "duration": "1s"},
    "expect": {"lost_calls": 0},
}


@pytest.mark.parametrize(
    ("said", "pace"),
    [
        ({}, Pace(0.12, 40, 0.2)),
        ({"jitter": "0%"}, Pace(0.12, 40)),
        ({"ttft": {"p50": "300ms", "p95": "1.2s"}}, Pace(Quantiles.of({"p50": 0.3, "p95": 1.2}), 40, 0.2)),
        ({"tokens_per_second": {"p5": 30, "p50": 80}}, Pace(0.12, Quantiles.of({"p5": 30.0, "p50": 80.0}), 0.2)),
        ({"distance": "80ms"}, Pace(0.12, 40, 0.2, distance_s=0.08)),
        ({"slowdown": {"at": 20, "to": "3x"}}, Pace(0.12, 40, 0.2, slowdown=Slowdown(20, 3.0))),
    ],
)
def test_a_pace_is_what_was_said(said: dict[str, Any], pace: Pace):
    """Each key of a provider becomes its part of the pace."""
    assert pace == pace_of(Provider.model_validate({**PROVIDER, **said}))


def test_a_model_differs_in_what_was_said_alone():
    """What a model leaves out is its provider's: so is the way there, and what load does."""
    said = {"distance": "80ms", "slowdown": {"at": 20, "to": "3x"}, "models": {"mini": {"ttft": "50ms"}}}
    mini = pace_of(Provider.model_validate({**PROVIDER, **said})).models["mini"]
    assert Pace(0.05, 40, 0.2, distance_s=0.08, slowdown=Slowdown(20, 3.0)) == mini


def test_stated_prices_lie_over_the_table():
    """A model costs what the scenario says, another what the table does."""
    prices = {"m": {"input": 2, "output": 10, "cached": 0.5, "cache_write": 4}}
    table = prices_of(Scenario.model_validate({**SCENARIO, "prices": prices}))
    billed = table.bill("m", 3_000_000, 1_000_000, 1_000_000, cache_write_tokens=1_000_000)
    assert (pytest.approx(2 + 0.5 + 4 + 10), True) == billed
    assert (pytest.approx(0.75), True) == table.bill("gpt-5.4-mini", 1_000_000, 0, 0)


def test_speed_and_prices_are_shown():
    """`banstorm show` has a line for each provider, for each model of it that differs, and for each price stated."""
    provider = {**PROVIDER, "distance": "80ms", "models": {"mini": {"ttft": {"p50": "20ms", "p95": "50ms"}}}}
    prices = {"m": {"input": 2, "output": 10, "cached": 0.5}}
    scenario = {**SCENARIO, "providers": {"vendor": provider}, "prices": prices}
    told = [line.strip() for line in explain_scenario("t", Scenario.model_validate(scenario)).splitlines()]
    assert "vendor  openai, m, first token after 120ms, 40 tokens/s, 80ms away" in told
    assert "for mini: first token after p50 20ms p95 50ms, 40 tokens/s" in told
    assert "m costs per million tokens: input $2, output $10, cached $0.5" in told


async def test_the_host_bills_by_the_scenario_s_prices(tmp_path: Path):
    """An invoice in the ledger costs what the scenario says, and says what was put into the cache."""
    import httpx

    provider = {**PROVIDER, "dialect": "anthropic", "model": "house", "ttft": "0ms", "tokens_per_second": 100_000}
    prices = {"house": {"input": 1000, "output": 0, "cache_write_1h": 3000}}
    scenario = Scenario.model_validate({**SCENARIO, "providers": {"vendor": provider}, "prices": prices})
    config = {"run": "7f3a9c", "seed": 1, "ledger": str(tmp_path / "ledger"), "ports": {"vendor": 0}, "inline": False}
    child = Child("fakes", "banstorm.harness.fakes_host", tmp_path / "log")
    await child.spawn()
    ready = await child.configure({**config, "scenario": scenario.model_dump(mode="json", by_alias=True)})
    body = {
        "model": "house",
        "max_tokens": 100,
        "system": [{"type": "text", "text": "x" * 8000, "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
        "messages": [{"role": "user", "content": "hi"}],
    }
    async with httpx.AsyncClient(trust_env=False) as client:
        headers = {"x-api-key": "k", "anthropic-version": "2023-06-01"}
        url = f"http://127.0.0.1:{ready['ports']['vendor']}/v1/messages"
        usage = (await client.post(url, json=body, headers=headers)).json()["usage"]
    await child.stop()
    rows = [orjson.loads(line) for line in (tmp_path / "ledger" / "fakes.ndjson").read_bytes().splitlines()]
    [row] = [each for each in rows if each["table"] == "invoices"]
    written = usage["cache_creation"]["ephemeral_1h_input_tokens"]
    assert written > 1000
    assert (written, written + usage["input_tokens"]) == (row["cache_write_tokens"], row["input_tokens"])
    assert row["usd"] == pytest.approx((usage["input_tokens"] * 1000 + written * 3000) / 1e6)


def test_what_a_run_was_billed_by_is_told_by_provider():
    """The price that the fake bills by, the scenario's own if it states one; a model without a price is left out."""
    providers = {
        "listed": {**PROVIDER, "model": "gpt-5.4-mini"},
        "own": {**PROVIDER, "model": "mine"},
        "unknown": {**PROVIDER, "model": "nobody-knows-it"},
    }
    own = {"mine": {"input": 1, "output": 2, "cached": 0.5}}
    scenario = Scenario.model_validate({**SCENARIO, "providers": providers, "prices": own})
    told = prices_told(scenario)
    assert ["listed", "own"] == list(told)
    assert "mine" == told["own"]["model"]
    rates = {"input": 1, "output": 2, "cached": 0.5, "cache_write": 1, "cache_write_1h": 1}
    assert rates == told["own"]["rates"]
    table = prices_of(scenario)
    usd, _ = table.bill("gpt-5.4-mini", 1000, 200, 30)
    listed = told["listed"]["rates"]
    assert pytest.approx(usd) == (800 * listed["input"] + 200 * listed["cached"] + 30 * listed["output"]) / 1e6
