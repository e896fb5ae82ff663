"""What a vendor can't say is told when the scenario is read, at its line, before anything starts."""

from __future__ import annotations

import pytest
from banstorm.harness.registry import registry
from banstorm.scenarios.document import parse
from banstorm.scenarios.library import check_document
from banstorm.scenarios.problems import ScenarioError

TEXT = """\
version: 1
title: A test
story: Something happens.
source: nowhere
seed: 7
providers:
  first: {dialect: anthropic, model: claude-sonnet-5}
  second: {dialect: openai, model: gpt-5.4-mini}
  paid: {dialect: http_service, service: payments, model: charges}
load: {rate: 10/s, duration: 10s}
timeline:
  - {at: 1s, until: 3s, on: ENTRY}
expect:
  lost_calls: 0
"""
VALID = [
    "first, fault: org_disabled, with: {variant: no_code}",
    "[first, second], fault: rate_limited, with: {retry_after: date 30s, should_retry: false}",
    "first, fault: third_party_refused, with: {system: 'you are*agent', variant: system_2025}",
    "second, fault: unsupported_parameter, with: {param: temperature}",
    "[first, second], fault: oauth_refresh_down",
    "paid, fault: rate_limited, with: {retry_after: 3s}",
    "first, fault: edge_page, with: {status: 530}",
]
MISTAKES = [
    (
        "[first, second], fault: org_disabled, with: {variant: no_code}",
        "with.variant",
        "OpenAI's 'org_disabled' has no",
    ),
    ("second, fault: server_error, with: {retry_after: 2s}", "with.retry_after", "'openai' says 'server_error'"),
    ("first, fault: overloaded, with: {in_200: true}", "with.in_200", "'anthropic' never says"),
    ("first, fault: overloaded, with: {details: {colour: red}}", "with.details.colour", "'colour'"),
    ("first, fault: rate_limited, with: {retry_after: 30}", "with.retry_after", "expected a wait with its unit"),
    ("first, fault: edge_page, with: {status: 531}", "with.status", "Input should be 500"),
    ("second, fault: third_party_refused", "fault", "no failure 'third_party_refused'"),
    ("paid, fault: oauth_refresh_down", "timeline[0]", "'http_service' has no token endpoint"),
]


@pytest.mark.parametrize("entry", VALID)
def test_a_fault_that_every_provider_can_play_is_read(entry):
    """Variants, waits, patterns and services are accepted where the vendor has them."""
    scenario = check_document(parse(TEXT.replace("ENTRY", entry), "file.yaml"), registry())
    assert 1 == len(scenario.timeline)


@pytest.mark.parametrize(("entry", "place", "told"), MISTAKES)
def test_a_fault_that_a_provider_cannot_play_is_located(entry, place, told):
    """The line, the path in the document, what the vendor can't say, and what to do."""
    with pytest.raises(ScenarioError) as raised:
        check_document(parse(TEXT.replace("ENTRY", entry), "file.yaml"), registry())
    (problem,) = raised.value.problems
    assert problem.where.startswith("file.yaml:12")
    assert place in problem.where
    assert told in problem.what
    assert problem.next


def test_details_that_no_answer_can_carry_are_told():
    """A scenario that was made in Python may hold a number past 64 bits, which no vendor's words are written with."""
    entry = "second, fault: server_error, with: {details: {code: 1}}"
    document = parse(TEXT.replace("ENTRY", entry), "file.yaml")
    document.data["timeline"][0]["with"]["details"]["code"] = 2**70
    with pytest.raises(ScenarioError) as raised:
        check_document(document, registry())
    (problem,) = raised.value.problems
    assert "with.details" in problem.where
    assert "can't say 'server_error'" in problem.what
