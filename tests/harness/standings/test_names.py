"""What there is of standings is found by itself, described from the classes, and checked before a run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from banstorm.fakes import dialects
from banstorm.harness import catalogue, schema, standings
from banstorm.harness.plan import Wish, make_plan
from banstorm.harness.registry import registry
from banstorm.harness.standings.refused import ACCOUNT_KINDS, MODEL_KINDS
from banstorm.scenarios.problems import ScenarioError

FILES = {"balance", "login_taken", "price_changed", "quota", "reinstated", "spend_limit"}


def test_standings_are_the_files_and_the_kinds():
    """Each file that defines one is found, and so is each failure that says how an account or a model stands."""
    assert sorted(FILES | {*ACCOUNT_KINDS, *MODEL_KINDS}) == standings.names()


def test_some_vendor_has_each_failure_that_a_standing_plays():
    """No standing is there that could be played on no provider."""
    having = frozenset().union(*(dialects.find(name).failures for name in dialects.names()))
    assert having.issuperset(kind for name in standings.names() for kind in standings.find(name).failure_kinds)


def test_an_unknown_standing_is_told_with_the_nearest():
    """As for faults."""
    with pytest.raises(standings.UnknownStandingError, match="did you mean 'org_disabled'"):
        standings.find("org_disable")


@pytest.mark.parametrize("name", standings.names())
def test_each_standing_is_explained(name):
    """What it changes, what it bites, and each parameter with its description stand in `banstorm show`."""
    told = catalogue.explain_standing(name)
    described = standings.describe(name)
    assert described.summary in told
    assert described.bites.split()[0] in told
    for parameter, its in described.parameters.items():
        assert f"  {parameter}: " in told
        assert its["description"].split()[0] in told


def test_show_explains_a_fault_and_a_standing_of_one_name():
    """A ban can be played in front of the provider or in it; the reader is told both."""
    told = catalogue.explain("org_disabled")
    assert "org_disabled (fault)" in told
    assert "org_disabled (standing)" in told


def test_the_list_names_each_standing_once():
    """`banstorm list standings` has a line for each, with what it is."""
    listed = catalogue.listing("standings")
    assert [*registry().standings] == [line.split()[0] for line in listed.splitlines() if not line.startswith(" ")]


def test_the_schema_knows_each_standing():
    """Editors complete their names and parameters, and mark a selector that means nothing."""
    entry = schema.schema()["$defs"]["Entry"]
    assert standings.names() == entry["properties"]["standing"]["enum"]
    assert [{"required": ["fault", "on"]}, {"required": ["standing", "on"]}, {"required": ["event"]}] == entry["oneOf"]
    rules = {
        each["if"]["properties"]["standing"]["const"]: each["then"]
        for each in entry["allOf"]
        if "standing" in each["if"]["properties"]
    }
    assert ["with"] == rules["balance"]["required"]
    assert rules["org_disabled"]["properties"]["stream"] is False
    assert {"type": "string"} == rules["org_disabled"]["properties"]["share"]
    assert rules["org_disabled"]["properties"]["every"] is False
    assert json.dumps(rules)


SCENARIO = """\
version: 1
title: A test
story: Something happens.
source: nowhere
seed: 7
providers:
  one: {dialect: anthropic, model: claude-sonnet-5}
  two: {dialect: anthropic, model: claude-sonnet-5}
load: {rate: 10/s, duration: 10s}
timeline:
  - {at: 1s, until: 3s, ENTRY}
expect:
  lost_calls: 0
"""
REFUSED = {
    # entry: (where in the document, what)
    "on: one, standing: org_disabled, with: {spread: 1s}": (".with.spread", "there is only one here"),
    "on: [one, two], standing: org_disabled, with: {spread: 2s}": (".with.spread", "before the ban has spread"),
    "on: one, standing: quota": (".with", "a quota needs a limit: requests_per_minute"),
    "on: one, standing: quota, with: {requests_per_minute: 0}": (".with.requests_per_minute", "greater than 0"),
    "on: one, standing: balance": (".with.usd", "Field required"),
    "on: one, standing: price_changed": (".with", "give factor, or both"),
    "on: one, standing: price_changed, with: {input: 3}": (".with", "give factor, or both"),
    "on: one, standing: price_changed, with: {factor: 2, output: 3}": (".with", "give factor, or both"),
    "on: one, standing: price_changed, with: {factor: 2}, share: 50%": (".share", "can't be limited by share"),
    "on: one, standing: org_disabled, model: m": (".model", "can't be limited by model"),
    "on: one, standing: overloaded": (".standing", "unknown standing 'overloaded'"),
}


@pytest.mark.parametrize("entry", REFUSED)
def test_what_makes_no_sense_is_refused_before_a_run(entry, tmp_path: Path):
    """Each with its place in the document."""
    path, what = REFUSED[entry]
    file = tmp_path / "a.yaml"
    file.write_text(SCENARIO.replace("ENTRY", entry), "utf-8")
    with pytest.raises(ScenarioError) as caught:
        make_plan(Wish(scenario=str(file), out=tmp_path))
    assert what in caught.value.problems[0].what
    assert f"{file}:11, timeline[0]{path}" == caught.value.problems[0].where


@pytest.mark.parametrize(("name", "parameters"), [("org_disabled", ""), ("spend_limit", ", with: {usd: 1}")])
def test_a_vendor_without_the_failure_is_refused_by_name(name, parameters, tmp_path: Path):
    """A standing shows itself by a failure of the vendor's, so one that has none of them can't be played on."""
    kinds = standings.find(name).failure_kinds
    lacking = next(each for each in dialects.names() if dialects.find(each).failures.isdisjoint(kinds))
    file = tmp_path / "a.yaml"
    text = SCENARIO.replace("ENTRY", f"on: one, standing: {name}{parameters}")
    file.write_text(text.replace("one: {dialect: anthropic", f"one: {{dialect: {lacking}"), "utf-8")
    with pytest.raises(ScenarioError) as caught:
        make_plan(Wish(scenario=str(file), out=tmp_path))
    wanted = " or ".join(map(repr, kinds))
    assert f"{lacking} has no failure {wanted}, so {name} can't be played on 'one'" == caught.value.problems[0].what
    assert f"{file}:11, timeline[0].standing" == caught.value.problems[0].where


@pytest.mark.parametrize(
    "scenario", ["spreading_ban", "staged_rollout", "appeal_succeeds", "empty_bucket", "spend_cap"]
)
def test_the_librarys_standings_can_be_planned(scenario, tmp_path: Path):
    """Both hosts play them."""
    plan = make_plan(Wish(scenario=scenario, out=tmp_path))
    assert "standing" in plan.scenario.tags
    assert any(entry.kind == "standing" for entry in plan.scenario.timeline)


def test_providers_of_one_vendor_have_keys_of_their_own(tmp_path: Path):
    """Two keys of an organisation are two keys on the wire, in the vendor's format; the first is its example."""
    keys = make_plan(Wish(scenario="staged_rollout", out=tmp_path)).keys
    example = dialects.find("anthropic").key_example
    assert len(keys) == len(set(keys.values()))
    assert example == keys["claude_one"]
    assert {len(example)} == {len(keys[name]) for name in keys if name.startswith("claude")}
