"""From what a scenario says of speed and price to what the fakes work with."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from ..fakes.pace import Pace, Slowdown, speed_of
from ..fakes.prices import PriceTable

if TYPE_CHECKING:
    from ..scenarios.model import Provider, Scenario


def pace_of(provider: Provider) -> Pace:
    """The pace of a scenario's provider, its models' included."""
    slowdown = None if provider.slowdown is None else Slowdown(provider.slowdown.at, provider.slowdown.to)
    pace = Pace(
        speed_of(provider.ttft), speed_of(provider.tokens_per_second), provider.jitter, provider.distance, slowdown
    )
    models = {
        name: pace.varied(speed_of(each.ttft), speed_of(each.tokens_per_second), each.jitter)
        for name, each in provider.models.items()
    }
    return replace(pace, models=models)


def prices_of(scenario: Scenario) -> PriceTable:
    """List prices, with those that a scenario states laid over them."""
    return PriceTable.load({name: each.model_dump(exclude_none=True) for name, each in scenario.prices.items()})


def prices_told(scenario: Scenario) -> dict[str, dict[str, Any]]:
    """What each provider's model costs by the list that its fake bills by, for `run.json`; none where it has no price.

    Rates are in US dollars per million tokens. Reports know no price table: what a run was billed by travels with it.
    """
    table = prices_of(scenario)
    told = {}
    for name, provider in scenario.providers.items():
        price = table.find(provider.model)
        if price is not None:
            told[name] = {"model": provider.model, **asdict(price)}
    return told
