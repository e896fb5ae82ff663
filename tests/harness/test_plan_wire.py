"""What scenarios may ask of faults of transport and streams, told before anything starts."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest
from banstorm.harness.errors import HarnessError
from banstorm.harness.plan import Wish, make_plan
from banstorm.harness.registry import registry
from banstorm.scenarios.problems import ScenarioError

SCENARIO = """\
    version: 1
    title: Broken lines
    story: Something breaks.
    source: made for this test
    seed: 1
    providers:
      anthropic: {{dialect: anthropic, model: claude-sonnet-5}}
      bedrock: {{dialect: bedrock, model: m}}
    load: {{rate: 1/s, duration: 20s}}
    timeline:
      - {{at: 1s, until: 9s, {entry}}}
    expect: {{lost_calls: 0}}
"""


def plan(tmp_path: Path, entry: str) -> None:
    """Plan a scenario with one entry."""
    path = tmp_path / "broken.yaml"
    path.write_text(dedent(SCENARIO).format(entry=entry))
    make_plan(Wish(str(path), out=tmp_path))


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("on: anthropic, fault: connection_refused, model: m", "can't be limited by model: it acts on connections"),
        ("on: anthropic, fault: connection_refused, share: 50%", "can't be limited by share: it acts on connections"),
        ("on: anthropic, fault: unreachable, stream: true", "can't be limited by stream: it acts on connections"),
        ("on: bedrock, fault: trickle", "streams of 'bedrock' have no pings"),
        ("on: anthropic, fault: error_event, with: {kind: no_such}", "no_such"),
        ("on: anthropic, fault: error_in_200", "has no failure 'error_in_200'"),
        ("on: anthropic, fault: stream_stall, with: {after: soon}", "8 tokens or 3 events"),
        ("on: anthropic, fault: slow_upload, with: {rate: 16}", "16KB/s"),
    ],
)
def test_what_can_not_be_played_is_refused(tmp_path: Path, entry: str, told: str):
    """A selector that means nothing, a vendor without such a thing, and a quantity without its unit are told."""
    with pytest.raises(ScenarioError, match=told):
        plan(tmp_path, entry)


def test_tls_is_refused_where_none_is_spoken(tmp_path: Path):
    """Routers that are given a base URL speak plain HTTP to banstorm."""
    with pytest.raises(HarnessError, match="no TLS is spoken"):
        plan(tmp_path, "on: anthropic, fault: tls_broken")


@pytest.mark.parametrize(
    "entry",
    [
        "on: [anthropic, bedrock], fault: connection_refused, every: 2s, duty: 25%",
        "on: anthropic, fault: unreachable",
        "on: bedrock, fault: trickle, with: {what: bytes, every: 10ms}",
        "on: bedrock, fault: error_event, with: {after: content}",
        "on: anthropic, fault: reset_mid_body, with: {after: 100 bytes, how: close}",
    ],
)
def test_what_can_be_played_plans(tmp_path: Path, entry: str):
    """These are accepted."""
    plan(tmp_path, entry)


def test_a_vendor_without_the_failure_is_told_with_faults_that_can_be_written(tmp_path: Path):
    """The advice names faults that this vendor has, never a kind of failure that no timeline knows."""
    with pytest.raises(ScenarioError) as told:
        plan(tmp_path, "on: anthropic, fault: tool_call_failed")
    (problem,) = told.value.problems
    offered = problem.next.removeprefix("use one of: ").partition(", …")[0].split(", ")
    assert "key_revoked" in offered
    assert not {each for each in offered if each not in registry().faults}
    assert "banstorm show tool_call_failed" in problem.next
