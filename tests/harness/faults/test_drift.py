"""The drift fault: operations on bodies, on events and on headers, and what is refused beforehand."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from banstorm.fakes import dialects
from banstorm.harness import faults
from banstorm.harness.faults.base import Context
from banstorm.harness.registry import registry
from banstorm.scenarios.document import parse
from banstorm.scenarios.library import check_document
from banstorm.scenarios.problems import ScenarioError

sys.path.insert(0, str(Path(__file__).parent))
from spoilt import ask_of, joined, payloads, said, spoil

DIALECTS = dialects.names()
TEXTS = {
    "anthropic": ("/delta/text", "/content/0/text"),
    "azure": ("/choices/*/delta/content", "/choices/*/message/content"),
    "bedrock": ("/delta/text", "/output/message/content/*/text"),
    "cohere": ("/delta/message/content/text", "/message/content/*/text"),
    "gemini": ("/candidates/*/content/parts/*/text", "/candidates/*/content/parts/*/text"),
    "groq": ("/choices/*/delta/content", "/choices/*/message/content"),
    "mistral": ("/choices/*/delta/content", "/choices/*/message/content"),
    "openai": ("/choices/*/delta/content", "/choices/*/message/content"),
    "openrouter": ("/choices/*/delta/content", "/choices/*/message/content"),
}
"""Where a dialect has its words, in a stream and in a plain body."""


def drifted(dialect, ask, **parameters):
    """What the fake says, and what becomes of it."""
    headers, pieces = said(dialect, ask)
    steps, bites = spoil("drift", dialect, ask, pieces, headers, **parameters)
    return pieces, steps, bites


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "plain"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_one_operation_changes_every_event_of_every_dialect(dialect, stream):
    """The words get another name wherever they stand, in each vendor's own framing, and nothing else changes."""
    path = TEXTS[dialect][not stream]
    pieces, steps, bites = drifted(
        dialect, ask_of(stream=stream), operations=[{"op": "rename", "path": path, "to": "said"}]
    )
    assert len(pieces) == len(steps)
    assert 6 == joined(steps).count(b"~")
    back, _ = spoil(
        "drift",
        dialect,
        ask_of(stream=stream),
        steps,
        said(dialect, ask_of(stream=stream))[0],
        operations=[{"op": "rename", "path": path.rpartition("/")[0] + "/said", "to": path.rpartition("/")[2]}],
    )
    if stream:
        assert pieces == back
        assert bites >= 6
    else:
        assert json.loads(pieces[0]) == json.loads(back[0])
        assert 1 == bites
    assert pieces != steps


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "plain"])
@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    "operations",
    [
        [{"op": "remove", "path": "/no/such/place"}],
        [{"op": "add", "path": "/x", "value": 1}, {"op": "test", "path": "/no/such/place"}],
    ],
    ids=["no place", "failing test"],
)
def test_what_does_not_apply_changes_no_byte(dialect, stream, operations):
    """Operations without their place, and those behind a failing test, leave the very bytes and have not bitten."""
    pieces, steps, bites = drifted(dialect, ask_of(stream=stream), operations=operations)
    assert (pieces, 0) == (steps, bites)


def test_what_is_no_json_passes():
    """A page, and comments and the end mark of a stream, are left alone."""
    operations = [{"op": "add", "path": "/x", "value": 1}]
    page, deep = b"<html></html>", b"[" * 500 + b"]" * 500
    for body in (page, deep):
        steps, bites = spoil(
            "drift", "openai", ask_of(), [body], [("content-type", "text/html")], operations=operations
        )
        assert ([body], 0) == (steps, bites)
    pieces, steps, _ = drifted("openrouter", ask_of(stream=True), operations=operations)
    assert pieces[:2] == steps[:2] == [b": OPENROUTER PROCESSING\n\n"] * 2
    assert pieces[-1] == steps[-1] == b"data: [DONE]\n\n"


@pytest.mark.parametrize(
    ("rule", "changed"),
    [
        ({}, {0, 1, 2, 3, 4, 5, 6, 7}),
        ({"number": 0}, {0}),
        ({"number": 3}, {3}),
        ({"number": 99}, set()),
        ({"has": "/choices/0/delta/role"}, {0}),
        ({"has": "/choices/0/finish_reason", "value": "stop"}, {7}),
        ({"has": "/choices/*/delta/content", "times": 2}, {0, 1}),
        ({"number": 3, "has": "/choices/0/delta/role"}, set()),
    ],
)
def test_a_rule_chooses_events(rule, changed):
    """By number (only events with JSON count), by what they hold, and at most so many."""
    rule = {**rule, "operations": [{"op": "add", "path": "/mine", "value": True}]}
    _, steps, bites = drifted("openai", ask_of(stream=True), events=[rule])
    assert changed == {index for index, payload in enumerate(payloads("openai", steps)) if "mine" in payload}
    assert len(changed) == bites


def test_events_are_inserted_and_left_out():
    """Before and after an event, from a payload or as a changed copy; the chosen event itself may go."""
    copy = {"operations": [{"op": "replace", "path": "/choices", "value": []}]}
    rule = {"number": 1, "before": [{"payload": {"a": 1}}], "after": [copy, {"payload": {"b": 2}}], "drop": True}
    pieces, steps, bites = drifted("openai", ask_of(stream=True), events=[rule])
    assert pieces[0] == steps[0]
    assert b'data: {"a":1}\n\n' == steps[1]
    assert {**payloads("openai", pieces)[1], "choices": []} == payloads("openai", steps)[2]
    assert b'data: {"b":2}\n\n' == steps[3]
    assert pieces[2:] == steps[4:]
    assert 1 == bites


def test_inserted_events_are_named_like_their_payload():
    """A server-sent event that has a name has that of its type, also when an operation changes the type."""
    rule = {"number": 0, "after": [{"payload": {"type": "surprise"}}]}
    operations = [{"op": "replace", "path": "/type", "was": "ping", "value": "pong"}]
    pieces, steps, _ = drifted("anthropic", ask_of(stream=True), events=[rule], operations=operations)
    assert b'event: surprise\ndata: {"type":"surprise"}\n\n' == steps[1]
    assert b'event: pong\ndata: {"type":"pong"}\n\n' in steps
    assert pieces[0] == steps[0]


def test_frames_of_bedrock_are_whole_again():
    """A changed frame has its lengths and checksums made anew, so that it reads as a frame."""
    rule = {"has": "/stopReason", "operations": [{"op": "replace", "path": "/stopReason", "value": "tool_use"}]}
    pieces, steps, bites = drifted("bedrock", ask_of(stream=True), events=[rule])
    assert 1 == bites
    cut, rest = dialects.find("bedrock").split_events(joined(steps))
    assert (steps, b"") == (cut, rest)
    assert [p.get("stopReason") for p in payloads("bedrock", steps) if "stopReason" in p] == ["tool_use"]
    assert len(pieces) == len(steps)


def test_a_json_array_is_changed_and_keeps_its_elements():
    """In a stream that is one JSON array events are changed, never inserted or left out, so it stays an array."""
    ask = ask_of(stream=True, body={"$alt": "json"})
    rule = {"number": 0, "drop": True, "before": [{"payload": {"a": 1}}]}
    operations = [{"op": "rename", "path": "/candidates", "to": "choices"}]
    pieces, steps, bites = drifted("gemini", ask, events=[rule], operations=operations)
    whole, was = json.loads(joined(steps)), json.loads(joined(pieces))
    assert [{"choices" if key == "candidates" else key: value for key, value in each.items()} for each in was] == whole
    assert len(was) == bites == 6


def test_plain_operations_are_for_plain_bodies():
    """What stands under `plain` leaves streams alone, and `events` plain bodies."""
    parameters = {"plain": [{"op": "remove", "path": "/id"}]}
    pieces, steps, bites = drifted("openai", ask_of(stream=True), **parameters)
    assert (pieces, 0) == (steps, bites)
    _, steps, _ = drifted("openai", ask_of(), **parameters)
    assert "id" not in json.loads(steps[0])
    rule = {"operations": [{"op": "remove", "path": "/id"}]}
    pieces, steps, bites = drifted("openai", ask_of(), events=[rule])
    assert (pieces, 0) == (steps, bites)


@pytest.mark.parametrize(
    ("responses", "changed"),
    [("answers", {200}), ("failures", {400, 429, 500}), ("all", {200, 302, 400, 429, 500})],
)
def test_a_drift_is_about_answers_unless_told(responses, changed):
    """Answers, failures, or all responses: body and headers alike."""
    operations = [{"op": "add", "path": "/x", "value": 1}]
    headers = [{"op": "add", "name": "x-new", "value": "1"}]
    fault = faults.find("drift").model_validate({"responses": responses, "operations": operations, "headers": headers})
    context = Context(dialects.find("openai"), "acme", None, id_seed=7)
    kind = [("content-type", "application/json")]
    for status in (200, 302, 400, 429, 500):
        body_filter = fault.body_filter(context, status, kind)
        assert (status in changed) == (body_filter is not None and [b'{"x":1}'] == list(body_filter.feed(b"{}")))
        assert (status in changed) == (fault.on_head(context, status, kind) != (status, kind))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"op": "add", "name": "X-New", "value": "1"}, [("a", "1"), ("b", "2"), ("a", "3"), ("x-new", "1")]),
        ({"op": "remove", "name": "A"}, [("b", "2")]),
        ({"op": "replace", "name": "a", "value": "0"}, [("a", "0"), ("b", "2"), ("a", "0")]),
        ({"op": "rename", "name": "b", "to": "C"}, [("a", "1"), ("c", "2"), ("a", "3")]),
        ({"op": "rename", "name": "z", "to": "C"}, [("a", "1"), ("b", "2"), ("a", "3")]),
    ],
)
def test_headers_come_go_and_change(change, expected):
    """Added, removed, replaced and renamed, whatever the capitals; a header that isn't there is left out."""
    fault = faults.find("drift").model_validate({"headers": [change]})
    headers = [("a", "1"), ("b", "2"), ("a", "3")]
    context = Context(dialects.find("openai"), "acme", None, id_seed=7)
    assert (200, expected) == fault.on_head(context, 200, headers)
    assert fault.body_filter(context, 200, headers) is None


@pytest.mark.parametrize("dialect", ["openai", "azure"])
def test_a_rename_knows_the_keys_of_the_responses_api(dialect):
    """By default `field_renamed` renames what carries the answer in the API that was asked: here, `delta`."""
    ask = ask_of(stream=True, api="responses")
    headers, pieces = said(dialect, ask)
    steps, bites = spoil("field_renamed", dialect, ask, pieces, headers)
    assert 6 == joined(steps).count(b'"delta_v2":"~')
    assert b'"delta":' not in joined(steps)
    assert bites >= 6


TEXT = """\
version: 1
title: A test
story: Something happens.
source: nowhere
seed: 7
providers:
  first: {dialect: anthropic, model: claude-sonnet-5}
  second: {dialect: openai, model: gpt-5.4-mini}
load: {rate: 10/s, duration: 10s}
timeline:
  - {at: 1s, until: 3s, on: ON, fault: drift, with: WITH}
expect:
  lost_calls: 0
"""
MISTAKES = [
    ("first", "{}", "with", "changes nothing", "name one"),
    ("first", "{named: azure_empty_first_chunk}", "with.named", "a drift of openai, not of anthropic", "anthropic_"),
    (
        "first",
        "{named: anthropic_thinking_blok}",
        "with.named",
        "did you mean 'anthropic_thinking_block'",
        "show drift",
    ),
    ("first", "{named: anthropic_pause_turn, responses: all}", "with", "'named' says it all", "show drift"),
    (
        "second",
        "{operations: [{op: romove, path: /a}]}",
        "with.operations[0].op",
        "did you mean 'remove'",
        "show drift",
    ),
    ("second", "{operations: [{op: remove, path: a}]}", "with.operations[0].path", "begins with a slash", "show drift"),
    ("second", "{events: [{number: 1}]}", "with.events[0]", "needs operations", "show drift"),
    ("second", "{events: [{value: 1, drop: true}]}", "with.events[0]", "'value' needs 'has'", "show drift"),
    (
        "second",
        "{headers: [{op: add, name: content-length, value: '1'}]}",
        "with.headers[0].name",
        "belongs to",
        "drift",
    ),
    ("second", "{headers: [{op: add, name: a}]}", "with.headers[0]", "'value' belongs to add", "show drift"),
    ("second", '{headers: [{op: add, name: a, value: "b\\r\\nc"}]}', "with.headers[0].value", "pattern", "show drift"),
    ("second", "{operation: []}", "with.operation", "no parameter 'operation'", "operations"),
]


@pytest.mark.parametrize(("on", "given", "place", "told", "advice"), MISTAKES)
def test_mistakes_are_told_at_their_place(on, given, place, told, advice):
    """What is no drift, or none of this vendor's, is refused when the scenario is read, with what would be right."""
    with pytest.raises(ScenarioError) as caught:
        check_document(parse(TEXT.replace("ON", on).replace("WITH", given), "file.yaml"), registry())
    (problem,) = caught.value.problems
    assert place in problem.where
    assert told in problem.what
    assert advice in problem.next
