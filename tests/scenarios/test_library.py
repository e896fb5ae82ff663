"""The library: what every scenario of it has, whatever it plays."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from banstorm.harness.faults import drift_named
from banstorm.harness.registry import registry
from banstorm.reports import measures
from banstorm.scenarios import library
from banstorm.scenarios.model import Scenario
from banstorm.scenarios.units import format_duration

PATHS = library.paths()
LOADED = {name: library.load(path, registry()) for name, path in PATHS.items()}
FOLDERS = {"bans", "storms", "drift", "outages", "money", "incidents"}
CI_S_MAX = 90.0
"""Warm-up and load of the ci set, in seconds: half a minute of its two is for starting and judging."""
COVERED = ("ban", "limit", "drift", "outage", "stream", "money")
"""What the ci set must have one of."""


def test_the_library_is_as_large_as_it_says():
    """At least forty scenarios, in six folders and no others, each name once."""
    assert 40 <= len(PATHS)
    assert FOLDERS == {path.parent.name for path in PATHS.values()}
    assert len(PATHS) == len(list(library.FOLDER.glob("*/*.yaml")))


UNSEEN = {"duplicated_event", "reordered_events", "swapped_answer"}
"""Faults whose answers are as plausible as the right ones, for whoever has only the wire to go by."""


def test_no_scenario_has_the_name_of_something_else():
    """`banstorm show NAME` would otherwise show one and hide the other."""
    known = registry()
    others = {*known.faults, *known.standings, *drift_named.names(), *measures.names()}
    assert set() == others & set(PATHS)


@pytest.mark.parametrize("name", PATHS)
def test_a_scenario_says_what_it_is(name):
    """A story, a source, what a good router does, tags, and the line by which editors complete it."""
    scenario = LOADED[name]
    assert PATHS[name].read_text("utf-8").startswith("# yaml-language-server: $schema=../schema.json\n")
    for text in (scenario.story, scenario.source, scenario.remedy or ""):
        assert 20 <= len(text)
        assert text.rstrip()[-1] in '.")'
    assert scenario.tags
    assert len(set(scenario.tags)) == len(scenario.tags)


@pytest.mark.parametrize("name", PATHS)
def test_a_scenario_asks_for_something(name):
    """Losses in silence are allowed only where nobody could know; losses at all are bounded; more is said besides."""
    wanted = {each.measure: each for each in LOADED[name].expect}
    unseen = {entry.fault for entry in LOADED[name].timeline} & UNSEEN
    assert bool(unseen) == ("unseen" in LOADED[name].tags)
    if not unseen:
        assert 0 == wanted["silent_losses"].limit
    # Nobody can see them, so they are bounded by how many were sent, and asking anybody twice makes it worse.
    assert wanted["silent_losses"].limit <= 0.2
    assert not unseen or wanted["retry_amplification"].limit <= 1.05
    assert "lost_calls" in wanted
    assert len(wanted) >= 3


@pytest.mark.parametrize("name", PATHS)
def test_a_scenario_is_short(name):
    """None keeps anybody waiting for half a minute."""
    load = LOADED[name].load
    assert load.warmup + load.duration <= 25, format_duration(load.warmup + load.duration)


def test_every_seed_is_one_scenario_s_own():
    """Two scenarios that share one would share their arrivals."""
    seeds = [each.seed for each in LOADED.values()]
    assert len(set(seeds)) == len(seeds)


def _of(folder: str) -> list[Path]:
    return [path for path in PATHS.values() if path.parent.name == folder]


@pytest.mark.parametrize("path", _of("incidents"), ids=lambda path: path.stem)
def test_an_incident_is_dated_and_says_how_it_is_scaled(path: Path):
    """Its name begins with the year and the month; its time is scaled by a factor, unless no time is known."""
    scenario = LOADED[path.stem]
    assert re.match(r"20\d\d_\d\d_", path.stem)
    assert "incident" in scenario.tags
    assert scenario.scaled is not None or "not reported" in scenario.source


SAID_BY_A_FAULT = {"gemini_overloaded_text": ("gemini", "overloaded", "2025")}
"""Drifts of a refusal that no fake makes by itself: a fault says the same words, as its variant."""


def _drifts(scenario: Scenario) -> set[str]:
    """The named drifts that a scenario plays."""
    found = set()
    for entry in scenario.timeline:
        if entry.fault == "drift" and "named" in entry.with_:
            found.add(entry.with_["named"])
        said = (scenario.providers[entry.on[0]].dialect, entry.fault, entry.with_.get("variant")) if entry.on else None
        found |= {drift for drift, words in SAID_BY_A_FAULT.items() if words == said}
    return found


def test_each_named_drift_has_its_scenario():
    """A drift that nothing plays would be data that nobody has seen work."""
    played: set[str] = set().union(*(_drifts(each) for each in LOADED.values()))
    assert set(drift_named.names()) == played


UNPLAYED = {"noop"}
"""Faults without a scenario: it does nothing."""


def test_each_fault_has_its_scenario():
    """What no scenario plays would be a fault whose use nobody can look up; each of them bites somewhere here."""
    played = {entry.fault for scenario in LOADED.values() for entry in scenario.timeline} - {None}
    assert set(registry().faults) - UNPLAYED == played - UNPLAYED


def test_the_ci_set_is_short_and_covers_each_kind():
    """It has one of each kind, and time enough on two cores."""
    chosen = [each for each in LOADED.values() if "ci" in each.tags]
    assert CI_S_MAX >= sum(each.load.warmup + each.load.duration for each in chosen)
    assert 5 <= len(chosen) <= 6
    for tag in COVERED:
        assert any(tag in each.tags for each in chosen), tag


def test_no_scenario_asks_for_more_than_is_possible():
    """What a good router can't reach is no expectation: none is set apart as too hard."""
    assert [] == [name for name, each in LOADED.items() if "hard" in each.tags]


def test_one_ban_reaches_forty_thousand_callers():
    """The ban that banstorm began with is there, at its size."""
    counts = {name: scenario.load.callers.count for name, scenario in LOADED.items()}
    assert 40_000 == counts["ban_of_forty_thousand"]
    assert any("callers_hurt" == each.measure for each in LOADED["ban_of_forty_thousand"].expect)
