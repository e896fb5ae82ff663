"""The HTTP front: what it refuses, what it lists, and what it counts."""

from __future__ import annotations

import asyncio
import json

import banstorm.router
import pytest
from banstorm.router import LLMRequest, OpenAIProvider
from banstorm.router.observer import Observer

BAN = {"type": "error", "error": {"type": "invalid_request_error", "message": "This organization has been disabled."}}
OVERLOADED = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
HELLO = [{"role": "user", "content": "hello"}]


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        (b"{", 400, None),
        (b"[]", 400, None),
        (b"{}", 400, "messages"),
        (b'{"messages": []}', 400, "messages"),
        (b'{"messages": "hi"}', 400, "messages"),
        (b'{"messages": ["hi"]}', 400, "messages[0]"),
        (b'{"messages": [{"role": "user", "content": 7}]}', 400, "messages[0]"),
        (b'{"messages": [{"role": "user", "content": ["x"]}]}', 400, "messages[0]"),
        (b'{"messages": [{"role": "user", "content": "x"}], "tools": {}}', 400, "tools"),
        (b'{"messages": [{"role": "user", "content": "x"}], "tools": ["x"]}', 400, "tools"),
        (b'{"messages": [{"role": "user", "content": "x"}], "response_format": "json"}', 400, "response_format"),
        (b" " * 2000, 413, None),
    ],
)
async def test_bad_bodies(bench, body, status, param):
    """What the router can't work with is refused in OpenAI's envelope, and no provider sees it."""
    b = await bench(limits={"body_bytes_max": 1000})
    response = await b.client.post("/v1/chat/completions", content=body)
    error = response.json()["error"]
    assert (status, param) == (response.status_code, error["param"])
    assert {"message", "type", "param", "code"} == error.keys()
    assert [] == b.anthropic.requests


async def test_the_callers_fault_comes_back_as_it_was(bench):
    """A provider's 400 about the request goes to the caller with its own words and status; nobody else is asked."""
    b = await bench()
    message = "messages.0.role: Input should be 'user' or 'assistant'"
    b.anthropic.always = b.anthropic.replies(
        400, {"type": "error", "error": {"type": "invalid_request_error", "message": message}}
    )
    for stream in (False, True):
        response = await b.ask(stream=stream)
        assert (400, message) == (response.status_code, response.json()["error"]["message"])
        assert "anthropic" == response.headers["x-llm-provider"]
    assert [] == b.openai.requests


async def test_exhausted_is_a_503_with_every_reason(bench):
    """When nobody answers the caller gets a 503 that names each attempt's reason and when to come back."""
    b = await bench()
    b.anthropic.always = b.anthropic.replies(400, BAN)
    b.openai.always = b.openai.replies(
        401, {"error": {"message": "Incorrect API key provided: sk-abcdef", "code": "invalid_api_key"}}
    )
    response = await b.ask()
    error = response.json()["error"]
    assert (503, "all_providers_exhausted") == (response.status_code, error["code"])
    assert "anthropic: org_disabled" in error["message"]
    assert "openai: bad_key" in error["message"]
    assert "sk-abcdef" not in error["message"]
    assert int(response.headers["retry-after"]) >= 1


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/healthz", 200),
        ("GET", "/readyz", 200),
        ("GET", "/metrics", 200),
        ("GET", "/v1/models", 200),
        ("GET", "/v1/chat/completions", 405),
        ("POST", "/healthz", 405),
        ("GET", "/v1/nothing", 404),
    ],
)
async def test_pages(bench, method, path, status):
    """Health, readiness, metrics and models are there; everything else says so in the envelope."""
    b = await bench()
    response = await b.client.request(method, path)
    assert status == response.status_code
    if status >= 400:
        assert response.json()["error"]["type"] == "invalid_request_error"


async def test_models_are_listed(bench):
    """`/v1/models` lists what the providers are asked for."""
    b = await bench()
    models = (await b.client.get("/v1/models")).json()
    assert ["anthropic-model", "openai-model"] == [model["id"] for model in models["data"]]


async def test_not_ready_when_nobody_is(bench):
    """`/readyz` turns 503 when every breaker is open, and says which."""
    b = await bench()
    b.anthropic.always = b.anthropic.replies(400, BAN)
    b.openai.always = b.openai.replies(402, {"error": {"message": "pay"}})
    await b.ask()
    response = await b.client.get("/readyz")
    assert (503, {"anthropic": "open", "openai": "open"}) == (response.status_code, response.json()["breakers"])


async def test_calls_at_once_are_bounded(bench):
    """Beyond `in_flight_max` a call gets a 503 at once, and the ones inside are not disturbed."""
    b = await bench(limits={"in_flight_max": 2})
    inside, release = asyncio.Semaphore(0), asyncio.Event()

    async def held(exchange):
        inside.release()
        await release.wait()
        await b.anthropic.well(exchange)

    b.anthropic.always = held
    running = [asyncio.ensure_future(b.ask()) for _ in range(2)]
    await inside.acquire()
    await inside.acquire()
    refused = await b.ask()
    assert (503, "too_many_calls", "1") == (
        refused.status_code,
        refused.json()["error"]["code"],
        refused.headers["retry-after"],
    )
    release.set()
    assert [200, 200] == [response.status_code for response in await asyncio.gather(*running)]


async def test_metrics_tell_what_happened(bench):
    """Attempts, failures by reason, failovers, tokens, breaker and calls are counted under bounded labels."""
    b = await bench()
    b.anthropic.script.append(b.anthropic.replies(529, OVERLOADED))
    b.anthropic.script.append(b.anthropic.well)
    b.anthropic.script.append(b.anthropic.replies(400, BAN))
    for stream in (False, True, False):
        assert (await b.ask(stream=stream)).status_code == 200
    text = (await b.client.get("/metrics")).text
    for line in (
        'llm_requests_total{model="anthropic-model",outcome="ok",provider="anthropic"} 1.0',
        'llm_requests_total{model="anthropic-model",outcome="failed",provider="anthropic"} 2.0',
        'llm_requests_total{model="openai-model",outcome="ok",provider="openai"} 2.0',
        'llm_requests_failed_total{model="anthropic-model",provider="anthropic",reason="overloaded"} 1.0',
        'llm_requests_failed_total{model="anthropic-model",provider="anthropic",reason="org_disabled"} 1.0',
        'llm_failovers_total{from="anthropic",reason="org_disabled",to="openai"} 1.0',
        'llm_provider_available{provider="anthropic"} 0.0',
        'llm_provider_available{provider="openai"} 1.0',
        'llm_breaker_state{credential="",model="anthropic-model",provider="anthropic",scope="all"} 2.0',
        'llm_tokens_total{basis="counted",direction="input",model="anthropic-model",provider="anthropic"} 15.0',
        'llm_tokens_total{basis="counted",direction="cached",model="anthropic-model",provider="anthropic"} 5.0',
        'llm_tokens_total{basis="counted",direction="output",model="openai-model",provider="openai"} 6.0',
        'llm_calls_total{outcome="ok"} 3.0',
        "llm_request_duration_seconds_count 3.0",
        "llm_time_to_first_token_seconds_count 1.0",
        "llm_calls_in_flight 0.0",
    ):
        assert line in text.split("\n")


async def test_observers_hear_no_prompts_and_no_keys(bench):
    """What observers hear of a call holds no prompt text and no key."""
    heard = []

    class Ears(Observer):
        def call_ended(self, record):
            heard.append(repr(record))

        def attempt_ended(self, end):
            heard.append(repr(end))

    b = await bench(Ears())
    b.anthropic.script.append(b.anthropic.replies(529, OVERLOADED))
    await b.ask("my secret question")
    assert len(heard) == 3
    assert not any("secret" in text or "sk-test" in text for text in heard)


async def test_last_user_message_passes_byte_for_byte(bench):
    """Neither dialect's request changes a character of what the user wrote."""
    text = ' \u200b<mark:7f> "ünï" \\n\n\ttail  '
    b = await bench()
    b.anthropic.script.append(b.anthropic.replies(529, OVERLOADED))
    await b.ask(text)
    assert text == b.anthropic.requests[0].body["messages"][-1]["content"]
    assert text == b.openai.requests[0].body["messages"][-1]["content"]


async def test_each_dialect_gets_its_own_credentials_and_model(bench):
    """The caller's model name is accepted and mapped; keys go where each API wants them."""
    b = await bench()
    b.anthropic.script.append(b.anthropic.replies(529, OVERLOADED))
    await b.ask()
    first, second = b.anthropic.requests[0], b.openai.requests[0]
    assert ("/v1/messages", "sk-test", "2023-06-01", "anthropic-model") == (
        first.path,
        first.headers["x-api-key"],
        first.headers["anthropic-version"],
        first.body["model"],
    )
    assert ("/v1/chat/completions", "Bearer sk-test", "openai-model") == (
        second.path,
        second.headers["authorization"],
        second.body["model"],
    )


async def test_models_can_be_mapped(upstream):
    """A `models` mapping decides what is asked for; other names get the provider's own model."""
    up = await upstream("openai")
    provider = OpenAIProvider("sk", up.url, "small", models={"big": "very-big"})
    for name in ("big", "other"):
        await provider.generate(LLMRequest.from_chat({"model": name, "messages": HELLO}))
    await provider.aclose()
    assert ["very-big", "small"] == [exchange.body["model"] for exchange in up.requests]


async def test_a_caller_who_never_finishes_its_body_is_let_go(bench):
    """A body that doesn't arrive in time ends with a 408, and its place among the calls is free again."""
    b = await bench(timeouts={"caller": 0.01})
    sent = []

    async def send(message):
        sent.append(message)

    await b.app({"type": "http", "method": "POST", "path": "/v1/chat/completions"}, asyncio.Event().wait, send)
    assert (408, 0) == (sent[0]["status"], b.app._in_flight)


async def test_a_caller_who_never_reads_is_let_go(bench):
    """A stream nobody reads is dropped: no [DONE], and the provider's connection is closed."""
    b = await bench(timeouts={"caller": 0.01})
    sent = []

    async def send(message):
        if message["type"] == "http.response.body":
            await asyncio.Event().wait()
        sent.append(message)

    body = json.dumps({"messages": HELLO, "stream": True}).encode()
    inbox = asyncio.Queue()
    inbox.put_nowait({"type": "http.request", "body": body, "more_body": False})
    await b.app({"type": "http", "method": "POST", "path": "/v1/chat/completions"}, inbox.get, send)
    assert ["http.response.start"] == [message["type"] for message in sent]
    assert b'llm_calls_total{outcome="cancelled"} 1.0' in b.metrics.render()


async def test_openai_learns_the_newer_name_of_max_tokens(bench):
    """A model that refuses `max_tokens` is asked with `max_completion_tokens` at once and from then on."""
    b = await bench()
    b.anthropic.always = b.anthropic.replies(529, OVERLOADED)
    refusal = {
        "error": {
            "message": "Unsupported parameter",
            "type": "x",
            "param": "max_tokens",
            "code": "unsupported_parameter",
        }
    }
    b.openai.script.append(b.openai.replies(400, refusal))
    for _ in range(2):
        response = await b.ask(max_tokens=9)
        assert (200, "openai") == (response.status_code, response.headers["x-llm-provider"])
    bodies = [exchange.body for exchange in b.openai.requests]
    assert [9, None, None] == [body.get("max_tokens") for body in bodies]
    assert [None, 9, 9] == [body.get("max_completion_tokens") for body in bodies]


async def test_what_was_changed_is_said(bench):
    """Parameters that had to go are named in a response header."""
    b = await bench()
    response = await b.ask(seed=7, temperature=1.7, max_tokens=50)
    assert "temperature clamped to 1, dropped seed" == response.headers["x-llm-adapted"]
    body = b.anthropic.requests[0].body
    assert (1.0, 50, None) == (body["temperature"], body["max_tokens"], body.get("seed"))


def test_public_names():
    """`banstorm.router` exports what its documentation says, sorted, and each name can be had."""
    names = banstorm.router.__all__
    assert sorted(names) == names
    assert all(getattr(banstorm.router, name).__name__ == name for name in names)
    assert json.dumps(names).count("LLMRouter") == 1
