"""From what a scenario says of speed and price to what the fakes work with."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..fakes.pace import Pace, Slowdown
from ..fakes.prices import PriceTable
from ..fakes.quantiles import Quantiles

if TYPE_CHECKING:
    from ..scenarios.model import Provider, Scenario
    from ..scenarios.speed import Speed


def pace_of(provider: Provider) -> Pace:
    """The pace of a scenario's provider, its models' included."""
    slowdown = None if provider.slowdown is None else Slowdown(provider.slowdown.at, provider.slowdown.to)
    pace = Pace(_drawn(provider.ttft), _drawn(provider.tokens_per_second), provider.jitter, provider.distance, slowdown)
    models = {
        name: replace(
            pace,
            ttft_s=pace.ttft_s if each.ttft is None else _drawn(each.ttft),
            tokens_per_second=pace.tokens_per_second
            if each.tokens_per_second is None
            else _drawn(each.tokens_per_second),
            jitter=pace.jitter if each.jitter is None else each.jitter,
        )
        for name, each in provider.models.items()
    }
    return replace(pace, models=models)


def prices_of(scenario: Scenario) -> PriceTable:
    """List prices, with those that a scenario states laid over them."""
    return PriceTable.load({name: each.model_dump(exclude_none=True) for name, each in scenario.prices.items()})


def _drawn(speed: Speed) -> float | Quantiles:
    return Quantiles.of(speed) if isinstance(speed, dict) else speed
