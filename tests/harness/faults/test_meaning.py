"""Faults of meaning: a flawless envelope and a wrong answer, vendor by vendor."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from banstorm.fakes import dialects
from banstorm.fakes.answer import TOOL_NAME, Mark, Shape, expected, word
from banstorm.harness import faults
from banstorm.harness.faults.base import Context, End, Forward, Respond
from banstorm.harness.registry import registry
from banstorm.scenarios.document import parse
from banstorm.scenarios.library import check_document
from banstorm.scenarios.problems import ScenarioError

sys.path.insert(0, str(Path(__file__).parent))
from spoilt import ask_of, joined, payloads, said, spoil

DIALECTS = dialects.names()
REWRITTEN = ("answer_shortened", "empty_answer", "refusal", "schema_ignored", "swapped_answer")
BOTH = pytest.mark.parametrize("stream", [True, False], ids=["stream", "plain"])
EACH = pytest.mark.parametrize("dialect", DIALECTS)


def played(fault, dialect, ask, **parameters):
    """What the fake says, what becomes of it, and how often the fault bit."""
    headers, pieces = said(dialect, ask)
    steps, bites = spoil(fault, dialect, ask, pieces, headers, **parameters)
    return pieces, steps, bites


def documents(dialect, ask, steps):
    """The JSON of the events, or of the one body."""
    pieces = [step for step in steps if isinstance(step, bytes)]
    return payloads(dialect, pieces) if ask.stream else [json.loads(joined(pieces))]


def finishes(value):
    """Each finish or stop reason in a document, at any depth."""
    if isinstance(value, list):
        return [each for inner in value for each in finishes(inner)]
    if not isinstance(value, dict):
        return []
    keys = ("finish_reason", "stop_reason", "stopReason", "finishReason")
    own = [value[key] for key in keys if isinstance(value.get(key), str)]
    return own + [each for inner in value.values() for each in finishes(inner)]


def unwrapped(value, names=("id", "created", "responseId")):
    """A document without what names the one answer."""
    if isinstance(value, dict):
        return {key: unwrapped(inner, names) for key, inner in value.items() if key not in names}
    return [unwrapped(inner, names) for inner in value] if isinstance(value, list) else value


REFUSED = {
    "anthropic": ("refusal", None),
    "azure": ("stop", '"refusal":"I'),
    "bedrock": ("content_filtered", None),
    "cohere": ("COMPLETE", "I'm "),
    "gemini": ("SAFETY", None),
    "groq": ("stop", '"content":"I'),
    "mistral": ("stop", '"content":"I'),
    "openai": ("stop", '"refusal":"I'),
    "openrouter": ("stop", '"content":"I'),
}
"""How a refusal ends, and how what is said begins, if anything is."""


@BOTH
@EACH
@pytest.mark.parametrize("shape", ["text", "tool"])
def test_refusal_has_the_vendors_own_form(dialect, stream, shape):
    """A 200 in which the model declines: by a stop reason, a member of its own, or an ordinary text."""
    ask = ask_of(shape, stream=stream)
    finish, words = REFUSED[dialect]
    _, steps, bites = played("refusal", dialect, ask)
    found = documents(dialect, ask, steps)
    assert [finish] == list(dict.fromkeys(each for each in finishes(found) if each))
    assert b"~" not in joined(steps)
    assert TOOL_NAME.encode() not in joined(steps)
    assert words is None or words.encode() in joined(steps)
    assert bites > 0


LENGTH = {"anthropic": "max_tokens", "bedrock": "max_tokens", "cohere": "MAX_TOKENS", "gemini": "MAX_TOKENS"}
STOP = {"anthropic": "end_turn", "bedrock": "end_turn", "cohere": "COMPLETE", "gemini": "STOP"}


@BOTH
@EACH
def test_answer_shortened_ends_for_reasons_of_length(dialect, stream):
    """So many tokens, then the vendor's own finish for a full answer; a stream ends there and the provider is left."""
    ask = ask_of(stream=stream)
    _, steps, bites = played("answer_shortened", dialect, ask, to="4 tokens")
    mark = Mark("7f3a9c", 12, Shape.TEXT, 6)
    assert 4 == joined(steps).count(b"~")
    assert all(word(mark, "acme", place).encode() in joined(steps) for place in (1, 2, 3, 4))
    assert LENGTH.get(dialect, "length") == finishes(documents(dialect, ask, steps))[-1]
    assert stream == isinstance(steps[-1], End)
    assert bites > 0


@BOTH
@EACH
@pytest.mark.parametrize(("to", "asked"), [("6 tokens", None), ("4 tokens", 4), ("4 tokens", 3)])
def test_answer_shortened_leaves_what_is_short(dialect, stream, to, asked):
    """An answer within the cap, and one that was asked to be as short, pass byte for byte."""
    pieces, steps, bites = played("answer_shortened", dialect, ask_of(stream=stream, max_tokens=asked), to=to)
    assert (pieces, 0) == (steps, bites)


@pytest.mark.parametrize("asked", [64, None])
def test_anthropic_calls_a_lowered_cap_by_its_name(asked):
    """Its finish is max_tokens, though the request asked for more."""
    body = {} if asked is None else {"max_tokens": asked}
    ask = ask_of(max_tokens=asked, body=body)
    _, steps, _ = played("answer_shortened", "anthropic", ask, to="4 tokens")
    assert ["max_tokens"] == finishes(json.loads(joined(steps)))


@BOTH
@EACH
@pytest.mark.parametrize("shape", ["text", "json", "tool"])
def test_empty_answer_holds_nothing_and_ends_well(dialect, stream, shape):
    """A valid envelope with a proper finish, no word, no tool call, and the usage of the whole answer."""
    ask = ask_of(shape, stream=stream)
    _, steps, bites = played("empty_answer", dialect, ask)
    found = documents(dialect, ask, steps)
    assert b"~" not in joined(steps)
    assert TOOL_NAME.encode() not in joined(steps)
    assert STOP.get(dialect, "stop") == finishes(found)[-1]
    assert bites > 0
    _, whole = said(dialect, ask_of("text", stream=stream))
    if shape == "text" and not stream:
        usage = next(key for key in ("usage", "usageMetadata") if key in found[0])
        assert json.loads(whole[0])[usage] == found[0][usage]


@BOTH
@EACH
@pytest.mark.parametrize("shape", ["text", "json", "tool"])
def test_swapped_answer_is_the_answer_to_the_call_before(dialect, stream, shape):
    """The same shape, length and envelope; every word is what the provider tells the other call, or would."""
    ask = ask_of(shape, stream=stream)
    pieces, steps, bites = played("swapped_answer", dialect, ask)
    theirs = ask_of(shape, stream=stream, mark=Mark("7f3a9c", 11, Shape(shape), 6))
    _, wanted = said(dialect, theirs)
    assert unwrapped(documents(dialect, ask, wanted)) == unwrapped(documents(dialect, ask, steps))
    assert len(pieces) == len(steps)
    assert joined(pieces).count(b"~") == joined(steps).count(b"~") == 6
    assert bites > 0


def test_the_very_first_call_gets_the_next_ones_answer():
    """There is no call before number 0, so it is given what number 1 gets; an unmarked one keeps its own."""
    first = ask_of(mark=Mark("7f3a9c", 0, Shape.TEXT, 6))
    _, steps, _ = played("swapped_answer", "openai", first)
    assert expected(Mark("7f3a9c", 1, Shape.TEXT, 6), "acme").encode() in joined(steps)
    pieces, steps, bites = played("swapped_answer", "openai", ask_of(mark=None))
    assert (pieces, 0) == (steps, bites)


@BOTH
@EACH
@pytest.mark.parametrize("form", ["prose", "fenced", "missing"])
@pytest.mark.parametrize("shape", ["json", "tool"])
def test_schema_ignored_says_the_same_words_in_another_form(dialect, stream, shape, form):
    """Prose, JSON in a fence, or JSON that lacks a member; a tool is called only in the last case."""
    ask = ask_of(shape, stream=stream)
    _, steps, bites = played("schema_ignored", dialect, ask, form=form)
    data = joined(steps)
    assert 6 == data.count(b"~")
    assert (form == "missing" and shape == "tool") == (TOOL_NAME.encode() in data)
    assert (form == "fenced") == (b"```json" in data)
    assert (form == "prose") == (b"Sure!" in data)
    assert (form == "fenced") == (b"length" in data.replace(b"content-length", b""))
    assert bites > 0


@BOTH
@EACH
def test_schema_ignored_leaves_text_alone(dialect, stream):
    """Where no form was asked for none is ignored; and a document that was cut short is left."""
    pieces, steps, bites = played("schema_ignored", dialect, ask_of(stream=stream))
    assert (pieces, 0) == (steps, bites)
    pieces, steps, bites = played("schema_ignored", dialect, ask_of("json", stream=stream, max_tokens=3))
    assert (pieces, 0) == (steps, bites)


NAMELESS = ("bedrock", "cohere")


@BOTH
@EACH
def test_wrong_model_names_another(dialect, stream):
    """Every place that names the model names a sibling, or the one that the scenario says; the words stay."""
    ask = ask_of(stream=stream)
    pieces, steps, bites = played("wrong_model", dialect, ask)
    named = b"some-model-mini" in joined(steps)
    assert (dialect not in NAMELESS) == named == (bites > 0)
    back = [step.replace(b"some-model-mini", b"some-model") for step in steps]
    assert documents(dialect, ask, pieces) == documents(dialect, ask, back)
    _, steps, _ = played("wrong_model", dialect, ask, to="other-1")
    assert named == (b"other-1" in joined(steps))
    assert (dialect in NAMELESS) == bool(list(faults.find("wrong_model")().complaints(dialects.find(dialect))))


def counts(value, *, within=False):
    """Each token count in usage, in order."""
    if isinstance(value, dict):
        return [
            each
            for key, inner in value.items()
            for each in (
                [inner]
                if within and isinstance(inner, int) and "oken" in key
                else counts(inner, within=within or key in ("usage", "usageMetadata"))
            )
        ]
    return [each for inner in value for each in counts(inner, within=within)] if isinstance(value, list) else []


@BOTH
@EACH
@pytest.mark.parametrize(
    ("parameters", "wrong"),
    [
        ({}, lambda count: count * 10),
        ({"factor": "2.5x"}, lambda count: round(count * 2.5)),
        ({"factor": "4x", "direction": "low"}, lambda count: count // 4),
    ],
)
def test_usage_wrong_changes_token_counts_and_nothing_else(dialect, stream, parameters, wrong):
    """Every count of tokens in usage is off by the factor; times, prices and words are not."""
    ask = ask_of(stream=stream, include_usage=True)
    pieces, steps, bites = played("usage_wrong", dialect, ask, **parameters)
    was, now = documents(dialect, ask, pieces), documents(dialect, ask, steps)
    assert counts(was)
    assert [wrong(count) for count in counts(was)] == counts(now)
    assert unwrapped(was, ("usage", "usageMetadata")) == unwrapped(now, ("usage", "usageMetadata"))
    assert joined(pieces).count(b"~") == joined(steps).count(b"~")
    assert bites > 0


def test_usage_wrong_changes_counts_in_headers():
    """InvokeModel tells counts in headers; others stay."""
    fault = faults.find("usage_wrong")()
    headers = [("x-amzn-bedrock-input-token-count", "9"), ("content-length", "9"), ("x-token-count", "junk")]
    context = Context(dialects.find("bedrock"), "acme", None, id_seed=7)
    assert [("x-amzn-bedrock-input-token-count", "90"), *headers[1:]] == fault.on_head(context, 200, headers)[1]
    assert headers == fault.on_head(context, 429, headers)[1]


@EACH
@pytest.mark.parametrize(("tokens", "refused"), [(8192, False), (8193, True), (100_000, True)])
def test_shorter_context_refuses_what_no_longer_fits(dialect, tokens, refused):
    """Prompts above the limit are refused as too long, in the vendor's words; the rest passes. Nothing is billed."""
    fault = faults.find("shorter_context")()
    context = Context(dialects.find(dialect), "acme", ask_of(input_tokens=tokens), id_seed=7)
    action = fault.on_request(context)
    assert refused == isinstance(action, Respond)
    if not refused:
        assert Forward() == action
        return
    assert 400 == action.reply.status
    figures = dialect not in ("bedrock", "groq")  # whose words have none
    assert figures == (b"8192" in action.reply.body)
    assert (False, False) == (fault.reaches_provider, fault.billed)


@pytest.mark.parametrize("name", REWRITTEN)
def test_rewritten_answers_reach_the_provider_and_are_billed(name):
    """The provider answers and bills; only answers to a chat are rewritten, refusals and lists of models pass."""
    fault = faults.find(name)()
    assert (True, True) == (fault.reaches_provider, fault.billed)
    headers, _ = said("openai", ask_of())
    for ask, status in ((ask_of("json"), 429), (None, 200), (ask_of("json", operation="models"), 200)):
        context = Context(dialects.find("openai"), "acme", ask, id_seed=7)
        assert fault.body_filter(context, status, headers) is None


@EACH
def test_another_answer_comes_at_the_providers_pace(dialect):
    """Each event of the provider's stream lets one of the other's go, so that it isn't there all at once."""
    ask = ask_of(stream=True)
    headers, pieces = said(dialect, ask)
    context = Context(dialects.find(dialect), "acme", ask, id_seed=7)
    body_filter = faults.find("swapped_answer")().body_filter(context, 200, headers)
    assert [1] * len(pieces) == [len(body_filter.feed(piece)) for piece in pieces]
    assert [] == list(body_filter.close())


TEXT = """\
version: 1
title: A test
story: Something happens.
source: nowhere
seed: 7
providers:
  first: {dialect: cohere, model: command-a-03-2025}
  paid: {dialect: http_service, service: payments, model: charges}
load: {rate: 10/s, duration: 10s}
timeline:
  - {at: 1s, until: 3s, on: ENTRY}
expect:
  lost_calls: 0
"""


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        *((f"paid, fault: {name}", "are no model's") for name in REWRITTEN),
        ("first, fault: wrong_model", "name no model"),
        ("first, fault: answer_shortened, with: {to: 8}", "24 tokens"),
        ("first, fault: usage_wrong, with: {factor: 10}", "3x"),
        ("first, fault: schema_ignored, with: {form: poem}", "'prose', 'fenced' or 'missing'"),
    ],
)
def test_what_cant_be_played_is_refused_beforehand(entry, told):
    """Services without a model, vendors that name none, and parameters without their unit."""
    with pytest.raises(ScenarioError) as caught:
        check_document(parse(TEXT.replace("ENTRY", entry), "file.yaml"), registry())
    assert told in caught.value.problems[0].what + caught.value.problems[0].next


APIS = [
    ("openai", {"api": "responses"}, "response.completed"),
    ("azure", {"api": "responses"}, "response.completed"),
    ("bedrock", {"api": "invoke"}, "message_stop"),
    ("gemini", {"body": {"$alt": "json"}}, "STOP"),
]
"""A vendor's other forms of an answer, and what its stream ends with."""


@BOTH
@pytest.mark.parametrize("fault", REWRITTEN)
@pytest.mark.parametrize(("dialect", "api", "end"), APIS)
def test_a_vendors_other_apis_are_rewritten_in_their_own_form(dialect, api, end, fault, stream):
    """The Responses API, InvokeModel and a JSON array get an answer of theirs, whole, and in streams properly ended."""
    ask = ask_of("json", stream=stream, **api)
    pieces, steps, bites = played(fault, dialect, ask, **({"to": "4 tokens"} if fault == "answer_shortened" else {}))
    assert bites > 0
    if dialect == "gemini":
        assert isinstance(json.loads(joined(steps)), list) == stream
        return
    was, now = documents(dialect, ask, pieces), documents(dialect, ask, steps)
    if (dialect, fault) == ("bedrock", "refusal"):  # a guardrail's envelope, in one piece
        assert "refusal" in finishes(now)
        return
    assert was[0].keys() == now[0].keys()
    if stream and fault not in ("answer_shortened", "refusal"):
        assert end == was[-1]["type"] == now[-1]["type"]
