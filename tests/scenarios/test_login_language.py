"""A provider's login: what may be said of it, and how a mistake in it is told."""

from __future__ import annotations

import dataclasses

import pytest
from banstorm.scenarios.document import parse
from banstorm.scenarios.library import check_document
from banstorm.scenarios.model import Scenario
from banstorm.scenarios.problems import ScenarioError

TEXT = """\
version: 1
title: A test
story: Something happens.
source: nowhere
seed: 7
providers:
  first: {dialect: alpha, model: a-1, login: LOGIN}
  second: {dialect: beta, model: b-1}
load: {rate: 10/s, duration: 10s}
expect:
  lost_calls: 0
"""


@pytest.fixture
def rules(registry):
    """The registry, in which one dialect has logins."""
    return dataclasses.replace(registry, logins=frozenset({"alpha"}))


@pytest.mark.parametrize(("said", "expires"), [("{expires: 4s}", 4.0), ("{}", 3600.0), ("{expires: 2000ms}", 2.0)])
def test_a_login_says_how_long_a_token_lives(rules, said, expires):
    """In whole seconds, an hour unless said otherwise; and it comes back equal from JSON."""
    scenario = check_document(parse(TEXT.replace("LOGIN", said), "f.yaml"), rules)
    assert expires == scenario.providers["first"].login.expires
    assert scenario.providers["second"].login is None
    assert scenario == Scenario.model_validate(scenario.model_dump(mode="json", by_alias=True))


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ("{expires: 4}", "expected a duration with its unit"),
        ("{expires: 1s}", "expected whole seconds, 2 or more"),
        ("{expires: 4500ms}", "expected whole seconds, 2 or more"),
        ("{expire: 4s}", "unknown key 'expire'"),
    ],
)
def test_a_mistake_in_a_login_is_told_with_its_place(rules, said, what):
    """The line, and the path in the file."""
    with pytest.raises(ScenarioError) as caught:
        check_document(parse(TEXT.replace("LOGIN", said), "f.yaml"), rules)
    assert caught.value.problems[0].what.startswith(what)
    assert caught.value.problems[0].where.startswith("f.yaml:7, providers.first.login.expire")


def test_a_vendor_without_logins_has_none(registry):
    """It is refused by name, with those who have them."""
    rules = dataclasses.replace(registry, logins=frozenset({"beta"}))
    with pytest.raises(ScenarioError) as caught:
        check_document(parse(TEXT.replace("LOGIN", "{}"), "f.yaml"), rules)
    (problem,) = caught.value.problems
    assert ("alpha has no OAuth logins", "f.yaml:7, providers.first.login") == (problem.what, problem.where)
    assert "beta" in problem.next
