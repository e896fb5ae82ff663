"""What each fault does, dialect by dialect, without any host."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from banstorm.fakes import dialects
from banstorm.fakes.answer import TOOL_NAME, Mark, Shape, words
from banstorm.fakes.dialects.base import Answer, Ask
from banstorm.harness import faults
from banstorm.harness.faults.base import Context, Cut, Forward, Hang, Host, Respond
from banstorm.harness.faults.plan import Body
from pydantic import ValidationError

DIALECTS = dialects.names()
MARK = Mark("7f3a9c", 12, Shape.TEXT, 6)
JSON_HEAD = [("content-type", "application/json")]
WAITS = {"bedrock": ("x-amz-retry-after", 0.001)}
"""Headers that say when to come back, where it isn't Retry-After, with their unit in seconds."""
USAGE = {"gemini": "usageMetadata"}
"""Where a plain body has the tokens that were used, if it isn't `usage`."""


def context_of(dialect: str, *, stream: bool = True) -> Context:
    """A request to `dialect` for six words."""
    ask = Ask("some-model", stream, MARK.render(), MARK, input_tokens=9)
    return Context(dialects.find(dialect), "acme", ask, id_seed=7)


def stream_of(dialect: str, tool: str | None = None) -> tuple[list[tuple[str, str]], list[bytes]]:
    """Headers and events of an unspoilt stream."""
    context = context_of(dialect)
    first, *middle, last = (f"{word} " for word in words(MARK, "acme"))
    pieces = ('{"answer":"' + first, *middle, last + '"}') if tool else (first, *middle, last)
    answer = Answer(pieces, tool, "tool" if tool else "stop", 9, 6, id_seed=7, created_s=0)
    _, headers = context.dialect.stream_head(context.ask, answer)
    # a token that the vendor keeps for a later event has no bytes of its own
    return headers, [event.data for event in context.dialect.stream(context.ask, answer) if event.data]


def plain_of(dialect: str) -> tuple[list[tuple[str, str]], bytes]:
    """Headers and body of an unspoilt plain answer."""
    context = context_of(dialect, stream=False)
    answer = Answer((" ".join(words(MARK, "acme")),), None, "stop", 9, 6, id_seed=7, created_s=0)
    reply = context.dialect.write(context.ask, answer)
    return reply.headers, reply.body


def play(name: str, dialect: str, events: list[bytes], headers: Any, **parameters: Any) -> tuple[list[Any], int]:
    """The steps that a stream becomes, and how often the fault bit."""
    context, bites = context_of(dialect), []
    fault = faults.find(name).model_validate(parameters)
    body_filter = fault.body_filter(context, 200, headers)
    if body_filter is None:
        return list(events), 0
    body = Body([(body_filter, lambda: bites.append(1))], context.dialect)
    steps = [step for event in events for step in body.feed(event)] + body.close()
    return steps, len(bites)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("org_disabled", {"anthropic": 400}),
        ("permission_denied", {"anthropic": 403}),
        ("oauth_revoked", {"anthropic": 403}),
        ("rate_limited", {"anthropic": 429, "openai": 429}),
        ("overloaded", {"anthropic": 529, "openai": 503}),
    ],
)
def test_refusals_are_the_vendors_own(name, status, dialect):
    """A refusing fault answers in the provider's place with the bytes its dialect gives for that failure."""
    context = context_of(dialect)
    fault = faults.find(name)()
    if faults.refusals(name, context.dialect, Host.INLINE):
        with pytest.raises(ValueError, match=name):
            fault.on_request(context)
        return
    action = fault.on_request(context)
    assert isinstance(action, Respond)
    details = {"now_s": context.wall_s}
    assert context.dialect.failure(fault.failure_kind, details, id_seed=7, ask=context.ask) == action.reply
    assert status.get(dialect, action.reply.status) == action.reply.status
    assert action.reply.status >= 400
    assert (False, False) == (fault.reaches_provider, fault.billed)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(("retry_after", "expected"), [("2s", "2"), ("1500ms", None), (None, None)])
def test_rate_limited_says_when_to_come_back(dialect, retry_after, expected):
    """When to come back is sent if the scenario says so, in the vendor's own place, and is left out otherwise."""
    action = faults.find("rate_limited").model_validate({"retry_after": retry_after}).on_request(context_of(dialect))
    assert isinstance(action, Respond)
    header, unit_s = WAITS.get(dialect, ("retry-after", 1))
    sent = dict(action.reply.headers).get(header)
    if dialect == "gemini":  # in the body, and nowhere else
        assert sent is None
        details = {entry["@type"]: entry for entry in json.loads(action.reply.body)["error"]["details"]}
        sent = details.get("type.googleapis.com/google.rpc.RetryInfo", {}).get("retryDelay", "").rstrip("s") or None
    if expected is not None:
        expected = f"{int(expected) / unit_s:.0f}"
    assert (retry_after is not None) == (sent is not None)
    if expected is not None:
        assert expected == sent


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("tool", [None, TOOL_NAME])
def test_field_renamed_renames_in_every_event(dialect, tool):
    """By default each key that carries the answer gets a new name in every event, and nothing else changes."""
    headers, events = stream_of(dialect, tool)
    steps, bites = play("field_renamed", dialect, events, headers)
    keys = dialects.find(dialect).answer_keys
    for key in keys:
        assert f'"{key}":'.encode() not in b"".join(steps)

    def undo(value):
        if isinstance(value, dict):
            return {key.removesuffix("_v2"): undo(inner) for key, inner in value.items()}
        return [undo(inner) for inner in value] if isinstance(value, list) else value

    assert events == [dialects.find(dialect).map_event(step, undo) for step in steps]
    assert bites >= sum(b"~" in event for event in events) > 0


@pytest.mark.parametrize("dialect", DIALECTS)
def test_field_renamed_renames_in_plain_bodies(dialect):
    """A named field is renamed at any depth of a plain body."""
    headers, body = plain_of(dialect)
    usage = USAGE.get(dialect, "usage")
    fault = faults.find("field_renamed").model_validate({"field": usage, "to": "consumption"})
    (changed,) = fault.body_filter(context_of(dialect), 200, headers).feed(body)
    was, now = json.loads(body), json.loads(changed)
    assert was.pop(usage) == now.pop("consumption")
    assert was == now


@pytest.mark.parametrize("dialect", DIALECTS)
def test_field_renamed_without_the_field_changes_no_byte(dialect):
    """A rename that finds nothing to rename passes the very bytes on, and has not bitten."""
    headers, events = stream_of(dialect)
    assert (events, 0) == play("field_renamed", dialect, events, headers, field="no_such_field")
    loose = b'{ "spaced":  1 }'
    fault = faults.find("field_renamed").model_validate({"field": "no_such_field"})
    assert [loose] == list(fault.body_filter(context_of(dialect), 200, JSON_HEAD).feed(loose))
    assert [b"no json"] == list(fault.body_filter(context_of(dialect), 200, JSON_HEAD).feed(b"no json"))


@pytest.mark.parametrize("name", ["field_renamed", "content_type_changed"])
def test_drifts_leave_refusals_alone(name):
    """Drifts change answers; a refusal of the provider keeps its form."""
    fault, context = faults.find(name)(), context_of("openai")
    assert (429, JSON_HEAD) == fault.on_head(context, 429, JSON_HEAD)
    assert fault.body_filter(context, 429, JSON_HEAD) is None


def test_content_type_changed_replaces_the_header():
    """The content type is replaced, once, and nothing else is touched."""
    fault = faults.find("content_type_changed").model_validate({"to": "text/plain; charset=utf-8"})
    status, headers = fault.on_head(context_of("openai"), 200, [("content-type", "application/json"), ("x", "1")])
    assert (200, [("x", "1"), ("content-type", "text/plain; charset=utf-8")]) == (status, headers)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    ("after", "tokens", "is_cut"),
    [("0 tokens", 0, True), ("1 token", 1, True), ("5 tokens", 5, True), ("6 tokens", 6, True), ("7 tokens", 6, False)],
)
def test_stream_cut_counts_tokens(dialect, after, tokens, is_cut):
    """Exactly so many tokens get through, then the connection is cut; a stream that ends before is left whole."""
    headers, events = stream_of(dialect)
    steps, bites = play("stream_cut", dialect, events, headers, after=after)
    passed = b"".join(step for step in steps if isinstance(step, bytes))
    assert tokens == passed.count(b"~")
    assert is_cut == isinstance(steps[-1], Cut)
    assert is_cut == bool(bites)
    assert b"".join(events).startswith(passed)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("count", [0, 1, 3])
def test_stream_cut_counts_events(dialect, count):
    """Counted in events, whatever they carry."""
    headers, events = stream_of(dialect)
    steps, _ = play("stream_cut", dialect, events, headers, after=f"{count} events")
    assert [*events[:count], Cut()] == steps


def test_stream_cut_lets_plain_answers_pass():
    """A plain answer has no middle to be cut in."""
    assert faults.find("stream_cut")().body_filter(context_of("openai"), 200, JSON_HEAD) is None


def test_actions_of_the_rest():
    """Slowness forwards later, a hang never answers, and noop forwards at once."""
    context = context_of("openai")
    assert Forward(0.25) == faults.find("slow_first_token").model_validate({"delay": "250ms"}).on_request(context)
    assert Forward(2.0) == faults.find("slow_first_token")().on_request(context)
    assert Hang() == faults.find("hang")().on_request(context)
    assert Forward() == faults.find("noop")().on_request(context)
    assert faults.find("noop")().body_filter(context, 200, JSON_HEAD) is None


@pytest.mark.parametrize(
    ("name", "parameters", "told"),
    [
        ("rate_limited", {"retry_after": 2}, "2s"),
        ("rate_limited", {"retry_afte": "2s"}, "retry_afte"),
        ("slow_first_token", {"delay": "2"}, "unit"),
        ("stream_cut", {"after": "8"}, "8 tokens or 3 events"),
        ("stream_cut", {"after": 8}, "8 tokens or 3 events"),
        ("content_type_changed", {"to": "html\r\nx: y"}, "pattern"),
        ("field_renamed", {"to": "x"}, "needs 'field'"),
        ("hang", {"delay": "1s"}, "delay"),
    ],
)
def test_bad_parameters_are_refused(name, parameters, told):
    """A parameter without its unit, of the wrong form, or unknown is refused with what was expected."""
    with pytest.raises(ValidationError, match=told):
        faults.find(name).model_validate(parameters)


def test_faults_are_found_by_file_name():
    """Every fault of the first library is found; machinery in the same folder is none."""
    wanted = "org_disabled permission_denied oauth_revoked rate_limited overloaded field_renamed content_type_changed"
    wanted += " slow_first_token stream_cut hang noop"
    assert set(wanted.split()) <= set(faults.names())
    assert {"base", "timeline", "plan", "attempt"}.isdisjoint(faults.names())
    with pytest.raises(faults.UnknownFaultError, match="did you mean 'overloaded'"):
        faults.find("overlaoded")


@pytest.mark.parametrize("name", faults.names())
def test_descriptions_are_complete(name):
    """The catalogue's words exist for every fault and parameter, and defaults satisfy their own schema."""
    described = faults.describe(name)
    assert described.summary.endswith(".")
    fault = faults.find(name)()
    defaults = {key: each["default"] for key, each in described.parameters.items()}
    jsonschema.validate(defaults, described.schema)
    assert fault == faults.find(name).model_validate(defaults)
    assert all(each["description"] for each in described.parameters.values())
    assert described.in_flight
    assert described.hosts


def test_refusals_name_what_is_missing():
    """A fault that the vendor has no words for, or that the host can't play, is refused by name."""

    class Mute(type(dialects.find("openai"))):
        name = "mute"
        failures = frozenset({"overloaded"})

    assert [] == faults.refusals("overloaded", Mute(), Host.MITMPROXY)
    assert [] == faults.refusals("stream_cut", Mute(), Host.INLINE)
    (reason,) = faults.refusals("org_disabled", Mute(), Host.MITMPROXY)
    assert "'mute' has no failure 'org_disabled'" in reason
    fault = faults.find("hang")
    hosts, fault.hosts = fault.hosts, frozenset({Host.MITMPROXY})
    try:
        (reason,) = faults.refusals("hang", Mute(), Host.INLINE)
    finally:
        fault.hosts = hosts
    assert "'hang' can't be played in the 'inline' host" in reason
