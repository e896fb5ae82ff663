"""A timeline entry plays a fault or a standing, and a mistake in a standing is told as exactly as one in a fault."""

from __future__ import annotations

import dataclasses

import pytest
from banstorm.scenarios.document import parse
from banstorm.scenarios.entry import Entry
from banstorm.scenarios.library import check_document
from banstorm.scenarios.model import Scenario
from banstorm.scenarios.problems import ScenarioError
from banstorm.scenarios.registry import Complaint, StandingRule
from banstorm.scenarios.units import Duration
from pydantic import BaseModel, ConfigDict, ValidationError

VALID = """\
version: 1
title: A test
story: Something happens.
source: nowhere
seed: 7
providers:
  first: {dialect: alpha, model: a-1}
  second: {dialect: beta, model: b-1}
load: {rate: 10/s, duration: 10s}
timeline:
  - {at: 1s, until: 3s, on: first, standing: disowned}
expect:
  lost_calls: 0
"""


class Spreading(BaseModel):
    """A standing with one parameter."""

    model_config = ConfigDict(extra="forbid")

    spread: Duration = 0.0


def _too_slow(parameters: Spreading, entry: Entry, window_s: float) -> list[Complaint]:
    slow = parameters.spread >= window_s
    return [Complaint(("with", "spread"), f"{entry.name} is too slow", "be quick")] if slow else []


@pytest.fixture
def rules(registry):
    """The registry with two standings, and a fault that shares one's name."""
    standings = {
        "disowned": StandingRule(
            Spreading, ("banned",), "account", frozenset({"share", "credential"}), "Gone.", _too_slow
        ),
        "dearer": StandingRule(Spreading, (), "prices", frozenset({"model"}), "Dear.", lambda *_: ()),
    }
    return dataclasses.replace(registry, standings=standings)


def test_an_entry_plays_a_standing(rules):
    """Its id, its kind and its parameters are read as a fault's are, and come back equal from JSON."""
    scenario = check_document(parse(VALID, "file.yaml"), rules)
    (entry,) = scenario.timeline
    assert ("standing", "disowned", "3:disowned") == (entry.kind, entry.name, entry.id_at(3))
    assert scenario == Scenario.model_validate(scenario.model_dump(mode="json", by_alias=True))


MISTAKES = {
    # what is written instead: (old, new, line and path, words of the message, words of the advice)
    "unknown standing": ("disowned", "disownd", "11, timeline[0].standing", "unknown standing 'disownd'", "'disowned'"),
    "a fault's name": ("disowned", "limited", "11, timeline[0].standing", "unknown standing", "write fault: limited"),
    "a standing's name": (
        "standing: disowned",
        "fault: dearer",
        "11, timeline[0].fault",
        "unknown fault",
        "write standing: dearer",
    ),
    "both": ("standing:", "fault: banned, standing:", "11, timeline[0]", "either fault or standing", "change"),
    "neither": (", standing: disowned", "", "11, timeline[0]", "'fault' or 'standing' is missing", "change"),
    "another vendor": ("on: first", "on: second", "11, timeline[0].standing", "has no failure 'banned'", "use one of"),
    "unknown parameter": (
        "disowned}",
        "disowned, with: {spred: 1s}}",
        "11, timeline[0].with.spred",
        "disowned has no parameter 'spred'",
        "'spread'",
    ),
    "bad parameter": (
        "disowned}",
        "disowned, with: {spread: 1}}",
        "11, timeline[0].with.spread",
        "a duration with its unit",
        "banstorm show disowned",
    ),
    "stream": (
        "disowned}",
        "disowned, stream: true}",
        "11, timeline[0].stream",
        "can't be limited by stream",
        "the selectors of disowned: credential, share",
    ),
    "path": ("disowned}", "disowned, path: /v1}", "11, timeline[0].path", "can't be limited by path", "leave it out"),
    "model": ("disowned}", "disowned, model: x}", "11, timeline[0].model", "can't be limited by model", "leave it out"),
    "share": (
        "disowned}",
        "dearer, share: 50%}",
        "11, timeline[0].share",
        "can't be limited by share",
        "the selectors of dearer: model",
    ),
    "the whole of it": (
        "disowned}",
        "disowned, with: {spread: 2s}}",
        "11, timeline[0].with.spread",
        "disowned is too slow",
        "be quick",
    ),
    "clash": (
        "disowned}",
        "disowned}\n  - {at: 2s, until: 4s, on: first, standing: disowned}",
        "12, timeline[1].at",
        "both act on the account",
        "move or merge",
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_told_with_line_path_and_advice(case, rules):
    """Each names the line, the path in the document, what is wrong, and what to write."""
    old, new, where, what, advice = MISTAKES[case]
    assert old in VALID
    with pytest.raises(ScenarioError) as caught:
        check_document(parse(VALID.replace(old, new, 1), "file.yaml"), rules)
    problem = caught.value.problems[0]
    assert what in problem.what
    assert f"file.yaml:{where}" == problem.where
    assert advice in problem.next


@pytest.mark.parametrize(
    "entry",
    [
        "{at: 1s, until: 3s, on: first, fault: limited}",  # a fault is played in front of the account
        "{at: 2s, until: 4s, on: first, standing: dearer}",  # another phase
        "{at: 2s, until: 4s, on: first, standing: disowned, credential: key}",  # other customers
        "{at: 3s, until: 4s, on: first, standing: disowned}",  # later
    ],
)
def test_what_goes_together_is_not_refused(entry, rules):
    """Standings of different phases, customers or times, and faults beside them, are compound entries."""
    assert check_document(parse(VALID.replace("disowned}", f"disowned}}\n  - {entry}"), "file.yaml"), rules)


def test_an_entry_needs_exactly_one_of_the_two():
    """Whoever builds one in Python is told as well."""
    for more in ({}, {"fault": "a", "standing": "b"}):
        with pytest.raises(ValidationError, match="fault"):
            Entry.model_validate({"at": "1s", "on": "first", **more})
