"""Requests that can't be put into a provider's words, and refusals too long to be read."""

from __future__ import annotations

import asyncio
import json

import pytest

DEEP = "[" * 300 + "]" * 300


def user(**part):
    """Messages with one part of content."""
    return [{"role": "user", "content": [part]}]


@pytest.mark.parametrize(
    "odd",
    [
        {"stop": 5},
        {"tool_choice": ["auto"], "tools": [{"type": "function", "function": {"name": "f"}}]},
        {"response_format": {"type": "json_schema", "json_schema": "s"}},
        {"functions": [{"name": "f", "parameters": {"type": "object"}}], "function_call": {"name": "f"}},
        {"messages": user(type="image_url", image_url="http://x/y.png")},
        {"messages": user(type="image_url", image_url={"url": 5})},
        {"messages": [{"role": "assistant", "content": "x", "tool_calls": 5}]},
        {"messages": [{"role": "assistant", "content": "x", "tool_calls": ["f"]}]},
        {"messages": [{"role": "assistant", "content": "x", "tool_calls": [{"function": "f"}]}]},
    ],
    ids=str,
)
@pytest.mark.parametrize("stream", [False, True])
async def test_what_one_api_has_no_words_for_is_asked_elsewhere(bench, odd, stream):
    """A field that can't be translated moves no breaker, however often it comes; the other API may make sense of it."""
    b = await bench()
    for _ in range(4):
        response = await b.ask(**{**odd, "stream": stream})
        assert (200, "openai") == (response.status_code, response.headers["x-llm-provider"])
    assert [True, True] == [lane.available() for lane in b.router.lanes]
    assert [] == b.anthropic.requests


SAID = "x"
WRONG = [
    ("/v1/chat/completions", {"model": ["x"], "messages": [{"role": "user", "content": SAID}]}, "model"),
    ("/v1/chat/completions", {"messages": [{"role": ["user"], "content": SAID}]}, "messages[0]"),
    (
        "/v1/chat/completions",
        {"messages": [{"role": "user", "content": SAID}], "response_format": {"type": ["json_object"]}},
        "response_format.type",
    ),
    ("/v1/embeddings", {"model": ["x"], "input": SAID}, "model"),
    ("/v1/responses", {"model": {"x": 1}, "input": SAID}, "model"),
    ("/v1/responses", {"input": [{"role": ["user"], "content": SAID}]}, "input[0].role"),
    ("/v1/responses", {"input": [{"role": "user", "content": [{"type": ["text"]}]}]}, "input[0].content.type"),
    (
        "/v1/responses",
        {"input": [{"role": "user", "content": [{"type": "text", "text": [SAID]}]}]},
        "input[0].content.text",
    ),
    ("/v1/messages", {"model": ["x"], "max_tokens": 9, "messages": [{"role": "user", "content": SAID}]}, "model"),
    ("/v1/messages", {"max_tokens": 9, "messages": [{"role": ["user"], "content": SAID}]}, "messages.0.role"),
    ("/v1/messages", {"max_tokens": 9, "messages": user(type=["text"], text=SAID)}, "messages.0.type"),
    ("/v1/messages", {"max_tokens": 9, "messages": user(type="text", text=[SAID])}, "messages.0.text"),
    (
        "/v1/messages",
        {
            "max_tokens": 9,
            "messages": user(type="text", text=SAID),
            "tools": [{"name": "f"}],
            "tool_choice": {"type": []},
        },
        "tool_choice.type",
    ),
]


@pytest.mark.parametrize(("path", "body", "field"), WRONG)
async def test_a_wrong_type_is_the_callers_fault_and_named(bench, path, body, field):
    """A member that the router looks up or compares and that is no text is a 400 in the API's shape that names it."""
    b = await bench()
    b.app.router.lanes[0].provider._models = {"a": "b"}
    for _ in range(4):
        response = await b.client.post(path, json=body)
        assert 400 == response.status_code
        error = response.json()["error"]
        assert "invalid_request_error" == error["type"]
        assert field in error["message"]
        assert path == "/v1/messages" or error["param"].startswith(field)
    assert [] == b.anthropic.requests
    assert ["closed", "closed"] == [lane.breaker.state for lane in b.router.lanes]


async def test_a_document_too_deep_to_be_written_hurts_nobody_else(bench):
    """A request that no provider can be sent goes back as a 400 and leaves every breaker closed."""
    b = await bench()
    message = '{"role": "user", "content": "hi", "tool_calls": [{"function": {"arguments": "{}", "deep": DEEP}}]}'
    tools = '[{"type": "function", "function": {"name": "f", "parameters": {"deep": DEEP}}}]'
    for _ in range(4):
        content = f'{{"messages": [{message}], "tools": {tools}}}'.replace("DEEP", DEEP)
        response = await b.client.post("/v1/chat/completions", content=content)
        assert 400 == response.status_code
        assert "unsupported_parameter" == response.json()["error"]["code"]
    assert [True, True] == [lane.available() for lane in b.router.lanes]


async def test_calls_at_once_all_learn_the_newer_name(bench):
    """A refused `max_tokens` costs none of the calls that were sent before the first refusal came back."""
    b = await bench(fallback=False)
    b.router.fleet.reorder(["openai"])
    refusal = {"message": "Unsupported parameter: 'max_tokens'", "param": "max_tokens", "code": "unsupported_parameter"}
    both_sent = asyncio.Event()

    async def picky(exchange):
        if len(b.openai.requests) > 1:
            both_sent.set()
        await both_sent.wait()
        if "max_tokens" in exchange.body:
            await exchange.reply(400, {"error": refusal})
        else:
            await b.openai.well(exchange)

    b.openai.always = picky
    responses = await asyncio.gather(*(b.ask(max_tokens=9) for _ in range(2)))
    assert [200, 200] == [response.status_code for response in responses]


@pytest.mark.parametrize(
    ("status", "headers", "reason"),
    [(429, {"retry-after": "7"}, "rate_limited"), (401, {}, "bad_key"), (502, {}, "gateway_page")],
)
async def test_a_refusal_too_long_to_read_is_still_what_its_status_says(bench, status, headers, reason):
    """A page of a hundred kilobytes with a refusal's status is that refusal, not an answer in a wrong format."""
    b = await bench()
    b.anthropic.always = b.anthropic.replies(status, b"<p>" + b"x" * 100_000, {"content-type": "text/html", **headers})
    response = await b.ask()
    assert (200, "openai") == (response.status_code, response.headers["x-llm-provider"])
    shown = (await b.client.get("/metrics")).text
    assert f'llm_requests_failed_total{{model="anthropic-model",provider="anthropic",reason="{reason}"}} 1.0' in shown
    failure = b.router.lanes[0].breaker.last_failure
    assert (7.0 if status == 429 else None) == (failure.retry_after_s if failure else None)
    assert json.loads(response.content)["choices"]
