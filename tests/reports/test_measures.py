"""The registry of measures: names, keys and needs, as scenarios and the catalogue ask for them."""

from __future__ import annotations

import pytest
from banstorm.reports import measures
from banstorm.scenarios.expectation import Unit

NAMES = [
    "silent_losses",
    "lost_calls",
    "callers_hurt",
    "caller_fairness",
    "time_to_detect",
    "switch_gap",
    "time_to_fail_over",
    "outage",
    "added_latency",
    "time_to_recover",
    "metastable",
    "time_to_revert",
    "probe_rate",
    "retry_amplification",
    "availability",
    "budget_spent",
    "cost_per_answer",
    "cost_increase",
    "wasted",
    "bookkeeping_drift",
    "hidden_spend",
]


def test_the_measures_are_the_designs() -> None:
    """Every name that a scenario may expect, silent losses first of all."""
    assert measures.names() == NAMES


@pytest.mark.parametrize(
    ("key", "units"),
    [
        ("lost_calls", {Unit.NUMBER, Unit.SHARE}),
        ("time_to_fail_over", {Unit.SECONDS}),
        ("switch_gap.p95", {Unit.SECONDS}),
        ("added_latency.p99", {Unit.SECONDS}),
        ("retry_amplification", {Unit.NUMBER, Unit.FACTOR}),
        ("availability", {Unit.SHARE}),
        ("cost_increase", {Unit.NUMBER, Unit.FACTOR}),
        ("cost_per_answer", {Unit.USD}),
        ("probe_rate", {Unit.PER_SECOND}),
    ],
)
def test_a_key_finds_its_measure(key: str, units: set[Unit]) -> None:
    """A measure by name, a distribution by name and statistic."""
    assert set(measures.find(key).units) == units
    assert measures.keys().count(key) == 1


@pytest.mark.parametrize("key", ["nothing", "switch_gap.p99", "outage.p50", "switch_gap.max.max", ""])
def test_a_key_that_is_none_is_a_key_error(key: str) -> None:
    """An unknown measure, a statistic that it does not have."""
    with pytest.raises(KeyError):
        measures.find(key)


def test_times_that_must_hold_say_how_long() -> None:
    """The planner adds the hold to the limit: a scenario whose load ends too early is refused."""
    holds = {name: (measures.find(name).anchor, measures.find(name).hold_s) for name in measures.names()}
    assert {name: each for name, each in holds.items() if each[0]} == {
        "time_to_detect": ("begin", 0.0),
        "time_to_fail_over": ("begin", 1.0),
        "time_to_recover": ("end", 2.0),
        "metastable": ("end", 30.0),
        "time_to_revert": ("end", 0.0),
    }


def test_every_definition_is_a_paragraph() -> None:
    """The catalogue prints them as they stand."""
    for name in measures.names():
        text = measures.find(name).definition
        assert text.endswith("."), name
        assert "\n" not in text, name
