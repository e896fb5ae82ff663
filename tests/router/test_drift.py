"""Plain answers that aren't in the agreed format go to the next provider."""

from __future__ import annotations

import copy
import json

import pytest
from banstorm.router.errors import Meaning, fail

SCHEMA = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
ANTHROPIC = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [{"type": "text", "text": "anthropic is well"}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 1, "output_tokens": 1},
}
OPENAI = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "openai is well"}, "finish_reason": "stop"}],
}


def without(answer, *path):
    """The answer with the field at `path` renamed."""
    changed = copy.deepcopy(answer)
    holder = changed
    for step in path[:-1]:
        holder = holder[step]
    holder[f"{path[-1]}_v2"] = holder.pop(path[-1])
    return changed


def with_(answer, value, *path):
    """The answer with another value at `path`."""
    changed = copy.deepcopy(answer)
    holder = changed
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = value
    return changed


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (without(ANTHROPIC, "content"), "drift_fields"),
        (without(ANTHROPIC, "content", 0, "text"), "drift_fields"),
        (without(ANTHROPIC, "content", 0, "type"), "drift_fields"),
        (with_(ANTHROPIC, "text", "content"), "drift_fields"),
        (without(ANTHROPIC, "stop_reason"), "drift_fields"),
        (with_(ANTHROPIC, [], "content"), "drift_empty"),
        (with_(ANTHROPIC, "words", "content", 0, "type"), "drift_empty"),
        (with_(ANTHROPIC, [{"type": "tool_use", "id": "x", "name": "f"}], "content"), "drift_fields"),
        ([ANTHROPIC], "drift_fields"),
        (b"<html><body>hello</body></html>", "drift_not_json"),
        (b'{"id": "msg_1", "content": [{"type": "te', "drift_not_json"),
    ],
)
async def test_anthropic(bench, answer, reason):
    """A renamed or missing field, a page, or half a document never reaches the caller."""
    b = await bench()
    b.anthropic.script.append(b.anthropic.replies(200, answer))
    response = await b.ask()
    assert "openai is well" == response.json()["choices"][0]["message"]["content"]
    assert f'reason="{reason}"}} 1.0' in b.metrics.render().decode()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (without(OPENAI, "choices"), "drift_fields"),
        (with_(OPENAI, [], "choices"), "drift_fields"),
        (without(OPENAI, "choices", 0, "message"), "drift_fields"),
        (without(OPENAI, "choices", 0, "finish_reason"), "drift_fields"),
        (without(OPENAI, "choices", 0, "message", "content"), "drift_empty"),
        (with_(OPENAI, None, "choices", 0, "message", "content"), "drift_empty"),
        (with_(OPENAI, [{"type": "text"}], "choices", 0, "message", "content"), "drift_fields"),
        (with_(OPENAI, [{"function": {}}], "choices", 0, "message", "tool_calls"), "drift_fields"),
        (
            with_(OPENAI, [{"function": {"name": "f", "arguments": "{"}}], "choices", 0, "message", "tool_calls"),
            "drift_json_answer",
        ),
    ],
)
async def test_openai(bench, answer, reason):
    """The same for OpenAI's form."""
    b = await bench()
    b.anthropic.always = b.anthropic.replies(500, {})
    b.openai.always = b.openai.replies(200, answer)
    response = await b.ask()
    assert 503 == response.status_code
    assert f"openai: {reason}" in response.json()["error"]["message"]


@pytest.mark.parametrize(
    "answer",
    [
        without(ANTHROPIC, "usage"),
        without(ANTHROPIC, "id"),
        without(ANTHROPIC, "model"),
        with_(ANTHROPIC, "a_new_reason", "stop_reason"),
        with_(ANTHROPIC, None, "usage"),
        with_(ANTHROPIC, {"input_tokens": None}, "usage"),
        with_(ANTHROPIC, [{"type": "thinking", "thinking": "hm"}, *ANTHROPIC["content"]], "content"),
        with_(ANTHROPIC, [{"type": "new_kind"}, *ANTHROPIC["content"]], "content"),
    ],
)
async def test_what_is_merely_new_passes(bench, answer):
    """New fields, new kinds of blocks, unknown reasons and missing usage are no drift."""
    b = await bench()
    b.anthropic.script.append(b.anthropic.replies(200, answer))
    response = await b.ask()
    assert "anthropic" == response.headers["x-llm-provider"]
    assert "anthropic is well" == response.json()["choices"][0]["message"]["content"]


async def test_content_type_counts(bench):
    """JSON that calls itself HTML is drift; with `validate: false` it passes."""
    for validate, provider in ((True, "openai"), (False, "anthropic")):
        b = await bench(validate=validate)
        b.anthropic.script.append(b.anthropic.replies(200, ANTHROPIC, {"content-type": "text/html"}))
        assert provider == (await b.ask()).headers["x-llm-provider"]


async def test_json_answers_have_to_be_json(bench):
    """A `response_format` answer that doesn't parse goes to the next provider; a cut one passes as cut."""
    b = await bench()
    b.anthropic.always = b.anthropic.replies(200, with_(ANTHROPIC, "not JSON", "content", 0, "text"))
    response = await b.ask(response_format=SCHEMA)
    assert "openai" == response.headers["x-llm-provider"]
    assert {"words": "openai is well"} == json.loads(response.json()["choices"][0]["message"]["content"])
    b.anthropic.always = b.anthropic.replies(200, with_(ANTHROPIC, "max_tokens", "stop_reason"))
    response = await b.ask(response_format=SCHEMA, max_tokens=1)
    assert ("anthropic", "length") == (
        response.headers["x-llm-provider"],
        response.json()["choices"][0]["finish_reason"],
    )


async def test_persistent_drift_opens_the_breaker(bench):
    """After a few drifted answers the provider isn't asked any more; until then no caller noticed."""
    b = await bench()
    b.anthropic.always = b.anthropic.replies(200, without(ANTHROPIC, "content"))
    assert ["openai"] * 10 == [(await b.ask()).headers["x-llm-provider"] for _ in range(10)]
    assert 3 == len(b.anthropic.requests)


async def test_an_error_in_a_200_is_read_for_what_it_is(bench):
    """A ban inside a 200 is a ban: the provider is left at once."""
    b = await bench()
    b.anthropic.always = b.anthropic.replies(
        200,
        {
            "type": "error",
            "error": {"type": "invalid_request_error", "message": "This organization has been disabled."},
        },
    )
    assert ["2", "1"] == [(await b.ask()).headers["x-llm-attempts"] for _ in range(2)]


HEX, ALNUM = "5f2c9a0b7d1e4c3f8a6b9d0e1f2a3b4c", "Q7hK2mNpR4sT6vW8xY0zA1bC3dE5fG7h"
UNAUTHORISED = {"error": {"type": "x", "message": f"what is {HEX}? {'-' * 260} or {HEX}"}}


@pytest.mark.parametrize(
    ("status", "said", "kind"),
    [
        (200, f"<html>authorization: {HEX}</html>".encode(), "text/html"),
        (200, b"<html>Authorization: Bearer " + ALNUM.encode(), "text/html"),
        (200, b"-" * 70 + HEX.encode(), "text/html"),
        (418, UNAUTHORISED, "application/json"),
        (401, UNAUTHORISED, "application/json"),
        (200, UNAUTHORISED, "application/json"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_key_that_is_echoed_reaches_nobody(bench, status, said, kind, stream):
    """Pages and errors that repeat the credential reach the caller without it, whole or cut, whatever it looks like."""
    b = await bench()
    for member in b.router.fleet.members:
        member.provider.use_key(HEX)
    for up in (b.anthropic, b.openai):
        up.always = up.replies(status, said, {"content-type": kind})
    response = await b.ask(stream=stream)
    assert 503 == response.status_code
    assert HEX[:8] not in response.text
    assert ALNUM[:8] not in response.text


def test_what_any_provider_raises_is_told_without_a_key():
    """An exception of a provider of the user's own may quote a header."""
    assert ALNUM not in str(fail(Meaning.TRANSIENT, "unknown_error", f"ValueError: Bearer {ALNUM}"))
