from __future__ import annotations

import re
from typing import Any

import orjson
import pytest
from banstorm.fakes.answer import Mark, Shape
from banstorm.fakes.compose import compose
from banstorm.fakes.dialects import find
from banstorm.fakes.dialects.base import Ask

OPENROUTER = find("openrouter")
BEARER = {"authorization": "Bearer k"}


def ask(model: str = "openai/gpt-5.4-mini") -> Ask:
    """A question for three words."""
    return Ask(model, stream=True, text="", mark=Mark("7f3a9c", 5, Shape.TEXT, 3), input_tokens=11)


def events() -> list[bytes]:
    """A stream."""
    answer = compose(ask(), "openrouter", id_seed=7, created_s=1_764_031_697)
    return [event.data for event in OPENROUTER.stream(ask(), answer)]


def test_stream_to_the_letter() -> None:
    """Comments first; every delta says who speaks; the usage stands in a chunk after the finish reason."""
    comment, again, first, second, *_, last, usage, done = events()
    assert comment == again == b": OPENROUTER PROCESSING\n\n"
    head = (
        rb'data: \{"id":"gen-1764031697-\w{20}","provider":"OpenAI","model":"openai/gpt-5\.4-mini",'
        rb'"object":"chat\.completion\.chunk","created":1764031697,"choices":\[\{"index":0,"delta":'
    )
    empty = rb'\{"role":"assistant","content":""\}'
    interior = rb',"finish_reason":null,"native_finish_reason":null,"logprobs":null\}\]'
    assert re.fullmatch(head + empty + interior + rb"\}\n\n", first)
    word = rb'\{"role":"assistant","content":"~7f3a9c\.5\.openrouter\.1\.3\.\w{4} "\}'
    assert re.fullmatch(head + word + interior + rb"\}\n\n", second)
    finish = rb',"finish_reason":"stop","native_finish_reason":"stop","logprobs":null\}\]\}\n\n'
    assert re.fullmatch(head + empty + finish, last)
    assert re.fullmatch(head + empty + interior + rb',"usage":\{.+\}\}\n\n', usage)
    assert orjson.loads(usage[6:])["usage"]["cost"] == pytest.approx((11 * 0.75 + 3 * 4.5) / 1e6)
    assert done == b"data: [DONE]\n\n"


@pytest.mark.parametrize(
    ("model", "provider", "native"),
    [
        ("openai/gpt-5.4-mini", "OpenAI", "stop"),
        ("anthropic/claude-sonnet-5", "Anthropic", "end_turn"),
        ("google/gemini-2.5-flash", "Google", "STOP"),
        ("somebody/model", "Somebody", "stop"),
        ("model", "OpenAI", "stop"),
    ],
)
def test_provider(model: str, provider: str, native: str) -> None:
    """An answer says who gave it and what that provider calls the ending; the finish reason is OpenAI's."""
    body = orjson.loads(OPENROUTER.write(ask(model), compose(ask(model), "x", id_seed=7, created_s=1)).body)
    choice = body["choices"][0]
    assert (body["provider"], choice["native_finish_reason"], choice["finish_reason"]) == (provider, native, "stop")


def test_first_of_models() -> None:
    """A list of models can stand in for the model."""
    body: dict[str, Any] = {"models": ["a/b", "c/d"], "messages": [{"role": "user", "content": "x"}]}
    assert OPENROUTER.read("POST", "/api/v1/chat/completions", BEARER, orjson.dumps(body)).model == "a/b"


@pytest.mark.parametrize(
    ("kind", "details", "status", "source", "wait"),
    [
        ("quota_exhausted", {"retry_after": 5}, 402, "openrouter_credits", None),
        ("request_over_limit", {}, 402, "openrouter_credits", None),
        ("ramp_limited", {}, 402, "openrouter_in_flight_budget", "1"),
        ("ramp_limited", {"retry_after": 5}, 402, "openrouter_in_flight_budget", "5"),
        ("spend_capped", {"retry_after": 5}, 403, "openrouter_key_limit", None),
    ],
)
def test_money(kind: str, details: dict[str, Any], status: int, source: str, wait: str | None) -> None:
    """A 402 passes if it has a wait, and not otherwise; the metadata name the limit."""
    reply = OPENROUTER.failure(kind, details, id_seed=1)
    error = orjson.loads(reply.body)["error"]
    assert (reply.status, error["code"], error["metadata"]["limit_source"]) == (status, status, source)
    assert dict(reply.headers).get("retry-after") == wait


@pytest.mark.parametrize("kind", sorted(OPENROUTER.failures - {"error_in_200"}))
def test_codes_are_statuses(kind: str) -> None:
    """The body's code is the status, a number."""
    reply = OPENROUTER.failure(kind, {"code": "a_word"}, id_seed=1)
    assert orjson.loads(reply.body)["error"]["code"] == reply.status


def test_error_in_200() -> None:
    """Once something was generated the status is 200 and the body is an error."""
    reply = OPENROUTER.failure("error_in_200", {}, id_seed=1)
    assert (reply.status, orjson.loads(reply.body)["error"]["code"]) == (200, 502)


def test_error_chunk() -> None:
    """In a stream the error stands at the chunk's top, and its choice is finished by it."""
    chunk = orjson.loads(OPENROUTER.error_event("upstream_error", {}, id_seed=1)[6:])
    assert chunk["error"]["code"] == 502
    assert {"provider_name", "raw"} == set(chunk["error"]["metadata"])
    assert chunk["choices"][0]["finish_reason"] == "error"


def test_moderation() -> None:
    """A flagged prompt is told why, by whom and for which model."""
    error = orjson.loads(OPENROUTER.failure("content_filtered", {"model": "a/b"}, id_seed=1).body)["error"]
    assert (error["code"], error["metadata"]["model_slug"]) == (403, "a/b")
    assert {"reasons", "flagged_input", "provider_name", "model_slug"} == set(error["metadata"])


def test_daily_limit() -> None:
    """The reset is an epoch in milliseconds, in the headers and in the body, left out when it isn't known."""
    reply = OPENROUTER.failure("daily_limited", {"now_s": 1_763_640_000, "retry_after": 30}, id_seed=1)
    assert dict(reply.headers)["x-ratelimit-reset"] == "1763640030000"
    metadata = orjson.loads(reply.body)["error"]["metadata"]
    assert metadata["headers"]["X-RateLimit-Reset"] == "1763640030000"
    assert "x-ratelimit-reset" not in dict(OPENROUTER.failure("daily_limited", {}, id_seed=1).headers)


def test_context() -> None:
    """Another endpoint's words, which a search for OpenAI's does not find."""
    body = OPENROUTER.failure("context_too_long", {}, id_seed=1).body.decode()
    assert "This endpoint's maximum context length is 32768 tokens. However, you requested about 42832 tokens" in body
