"""A registry with a handful of names, so that the language is tested without the harness."""

from __future__ import annotations

import pytest
from banstorm.scenarios.expectation import Unit
from banstorm.scenarios.registry import FaultRule, MeasureRule, Registry
from banstorm.scenarios.units import Duration
from pydantic import BaseModel, ConfigDict


class Nothing(BaseModel):
    """A fault without parameters."""

    model_config = ConfigDict(extra="forbid")


class Waiting(Nothing):
    """A fault with one parameter."""

    retry_after: Duration = 1.0


@pytest.fixture
def registry() -> Registry:
    """Three faults, two dialects, three measures."""
    return Registry(
        faults={
            "banned": FaultRule(Nothing, "banned", "answer", "The account is gone."),
            "limited": FaultRule(Waiting, None, "answer", "Too many requests."),
            "slow": FaultRule(Nothing, None, "latency", "Late."),
        },
        dialects={"alpha": frozenset({"banned"}), "beta": frozenset()},
        measures={
            "lost_calls": MeasureRule(frozenset({Unit.NUMBER, Unit.SHARE}), (), "Lost."),
            "time_to_recover": MeasureRule(frozenset({Unit.SECONDS}), (), "Back.", "end", 2.0),
            "switch_gap": MeasureRule(frozenset({Unit.SECONDS}), ("p50", "p95"), "Gap."),
        },
    )
