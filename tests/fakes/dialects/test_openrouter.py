from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import orjson
import pytest
from banstorm.fakes.answer import Mark, Shape
from banstorm.fakes.compose import compose
from banstorm.fakes.dialects import find
from banstorm.fakes.dialects._failure_table import PAGES
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


@pytest.mark.parametrize("kind", sorted(OPENROUTER.failures - {"error_in_200", *PAGES}))
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
    """The reset is an epoch in milliseconds, in the headers and in the body, from 2026 on when nobody says when."""
    reply = OPENROUTER.failure("daily_limited", {"now_s": 1_763_640_000, "retry_after": 30}, id_seed=1)
    assert dict(reply.headers)["x-ratelimit-reset"] == "1763640030000"
    metadata = orjson.loads(reply.body)["error"]["metadata"]
    assert metadata["headers"]["X-RateLimit-Reset"] == "1763640030000"
    untold = dict(OPENROUTER.failure("daily_limited", {}, id_seed=1).headers)
    assert untold["x-ratelimit-reset"] == "1767229200000"


def test_context() -> None:
    """Another endpoint's words, which a search for OpenAI's does not find."""
    body = OPENROUTER.failure("context_too_long", {}, id_seed=1).body.decode()
    assert "This endpoint's maximum context length is 32768 tokens. However, you requested about 42832 tokens" in body


@pytest.mark.parametrize(
    ("stream", "cause", "code"), [(False, None, 502), (False, "overloaded", 503), (True, None, 502)]
)
def test_error_in_200_suits_the_request(stream: bool, cause: str | None, code: int) -> None:  # noqa: FBT001 - a row
    """A failure behind a head of 200 is a body, or a stream that begins as any other."""
    asked = replace(ask("a/b"), stream=stream)
    reply = OPENROUTER.failure("error_in_200", {"cause": cause} if cause else {}, id_seed=1, ask=asked)
    assert (reply.status, OPENROUTER.is_stream(reply.headers)) == (200, stream)
    if stream:
        comment, event = OPENROUTER.split_events(reply.body)[0]
        assert comment == b": OPENROUTER PROCESSING\n\n"
        assert orjson.loads(event[6:])["model"] == "a/b"
    assert orjson.loads(reply.body[reply.body.index(b"{") :])["error"]["code"] == code


def test_an_error_chunk_goes_on() -> None:
    """An error in a stream belongs to the generation that it ends."""
    begun = events()[:5]
    chunk = orjson.loads(OPENROUTER.error_event("upstream_error", {}, id_seed=1, after=b"".join(begun))[6:])
    last = orjson.loads(begun[-1][6:])
    assert all(chunk[key] == last[key] for key in ("id", "created", "model", "provider"))
    assert chunk["choices"][0]["finish_reason"] == "error"


def test_the_price_is_the_one_that_is_billed() -> None:
    """The cost is what the fake bills, so that a price table of the user's own counts; else the list price."""
    answer = compose(ask(), "openrouter", id_seed=7, created_s=1)
    assert OPENROUTER.tells_price
    told = orjson.loads(OPENROUTER.write(ask(), replace(answer, usd=0.25)).body)["usage"]["cost"]
    assert told == 0.25
    assert orjson.loads(OPENROUTER.write(ask(), answer).body)["usage"]["cost"] == pytest.approx(21.75e-6)


@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_embeddings(encoding: str) -> None:
    """Embeddings are OpenAI's, with the model's whole name, who gave them and their cost."""
    body = {"model": "openai/text-embedding-3-large", "input": ["fox", "dog"], "encoding_format": encoding}
    asked = OPENROUTER.read("POST", "/api/v1/embeddings", BEARER, orjson.dumps(body))
    reply = OPENROUTER.write(asked, replace(compose(asked, "x", id_seed=7, created_s=5), usd=0.5))
    found = orjson.loads(reply.body)
    assert int(dict(reply.headers)["content-length"]) == len(reply.body)
    assert (found["model"], found["provider"], found["usage"]["cost"]) == (body["model"], "OpenAI", 0.5)
    assert found["id"].startswith("gen-emb-5-")
    plain = find("openai").read(
        "POST", "/v1/embeddings", BEARER, orjson.dumps({**body, "model": "text-embedding-3-large"})
    )
    same = orjson.loads(find("openai").write(plain, compose(plain, "x", id_seed=7, created_s=5)).body)
    assert found["data"] == same["data"]


@pytest.mark.parametrize("model", ["a/text-embedding-ada-002", "/", "text-embedding-3-small"])
def test_embeddings_of_any_name(model: str) -> None:
    """Whatever a model is called, it embeds."""
    raw = orjson.dumps({"model": model, "input": "x"})
    asked = OPENROUTER.read("POST", "/api/v1/embeddings", BEARER, raw)
    assert orjson.loads(OPENROUTER.write(asked, compose(asked, "x", id_seed=7, created_s=5)).body)["model"] == model


def test_pages() -> None:
    """The edge speaks HTML."""
    assert b"openrouter.ai | 524" in OPENROUTER.failure("edge_page", {"status": 524}, id_seed=1).body
    assert b"502 Bad Gateway" in OPENROUTER.failure("bad_gateway_page", {}, id_seed=1).body
