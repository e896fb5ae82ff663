"""OpenRouter by the OpenAI SDK, which is how its users speak to it."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest
from banstorm.fakes.answer import ANSWER_SCHEMA, TOOL_NAME, Shape, expected, expected_object
from banstorm.fakes.dialects import find

MODEL = "openai/gpt-5.4-mini"
TOOLS = [{"type": "function", "function": {"name": TOOL_NAME, "description": "…", "parameters": ANSWER_SCHEMA}}]
FORCED = {"type": "function", "function": {"name": TOOL_NAME}}
FORMAT = {"type": "json_schema", "json_schema": {"name": "answer", "schema": ANSWER_SCHEMA, "strict": True}}

FAILURES = {
    "bad_key": ("AuthenticationError", 401),
    "bad_request": ("BadRequestError", 400),
    "content_filtered": ("PermissionDeniedError", 403),
    "context_too_long": ("BadRequestError", 400),
    "daily_limited": ("RateLimitError", 429),
    "missing_key": ("AuthenticationError", 401),
    "model_not_found": ("BadRequestError", 400),
    "model_retired": ("NotFoundError", 404),
    "oauth_expired": ("AuthenticationError", 401),
    "overloaded": ("InternalServerError", 503),
    "permission_denied": ("PermissionDeniedError", 403),
    "quota_exhausted": ("APIStatusError", 402),
    "ramp_limited": ("APIStatusError", 402),
    "rate_limited": ("RateLimitError", 429),
    "request_over_limit": ("APIStatusError", 402),
    "request_too_large": ("APIStatusError", 413),
    "server_error": ("InternalServerError", 500),
    "spend_capped": ("PermissionDeniedError", 403),
    "timeout": ("APIStatusError", 408),
    "unknown_url": ("NotFoundError", 404),
    "upstream_error": ("InternalServerError", 502),
    "wrong_method": ("APIStatusError", 405),
}


@pytest.fixture
def client(clients, lab, flavour) -> Any:
    """A client pointed at the fake."""
    return clients("openai", lab.root("openrouter") + "/api/v1", flavour)


def ask(client: Any, text: str, **options: Any) -> Any:
    """One question."""
    return client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": text}], **options)


async def test_text(client, call, lab) -> None:
    """A marked prompt's words come back, with who gave them, and a cost that is what is billed."""
    reply = await call.settle(ask(client, call.prompt(Shape.TEXT, 5)))
    assert expected(call.mark(Shape.TEXT, 5), "openrouter") == reply.choices[0].message.content
    assert (reply.provider, reply.choices[0].native_finish_reason) == ("OpenAI", "stop")
    assert reply.id.startswith("gen-")
    [bill] = lab.bills
    assert reply.usage.cost == pytest.approx(bill.usd)


async def test_stream(client, call) -> None:
    """The SDK skips the comments; the usage comes last, unasked."""
    chunks = await call.items(await call.settle(ask(client, call.prompt(Shape.TEXT, 4), stream=True)))
    *said, last, usage = chunks
    assert "".join(chunk.choices[0].delta.content for chunk in said) == expected(call.mark(Shape.TEXT, 4), "openrouter")
    assert last.choices[0].finish_reason == "stop"
    assert (usage.choices[0].finish_reason, usage.usage.completion_tokens) == (None, 4)


async def test_tool(client, call) -> None:
    """A forced tool is called with the words as its arguments, whole and streamed."""
    wanted = expected_object(call.mark(Shape.TOOL, 3), "openrouter")
    options: Any = {"tools": TOOLS, "tool_choice": FORCED}
    reply = await call.settle(ask(client, call.prompt(Shape.TOOL, 3), **options))
    [tool] = reply.choices[0].message.tool_calls
    assert (tool.function.name, json.loads(tool.function.arguments)) == (TOOL_NAME, wanted)
    chunks = await call.items(await call.settle(ask(client, call.prompt(Shape.TOOL, 3), stream=True, **options)))
    pieces = [chunk.choices[0].delta.tool_calls[0] for chunk in chunks if chunk.choices[0].delta.tool_calls]
    assert json.loads("".join(piece.function.arguments for piece in pieces)) == wanted


async def test_json_schema(client, call) -> None:
    """A JSON answer is the object that was asked for."""
    reply = await call.settle(ask(client, call.prompt(Shape.JSON, 3), response_format=FORMAT))
    assert json.loads(reply.choices[0].message.content) == expected_object(call.mark(Shape.JSON, 3), "openrouter")


def test_table_is_whole() -> None:
    """Every failure that the dialect has stands in the table above, or is the one that no SDK sees."""
    assert set(FAILURES) == find("openrouter").failures - {"error_in_200"}


@pytest.mark.parametrize(("kind", "row"), FAILURES.items())
async def test_failure(clients, lab, call, flavour, monkeypatch, kind, row) -> None:
    """The SDK raises the class and the status, and tries 408, 429 and 5xx three times, no 402 twice."""

    async def no_sleep(_: float) -> None:
        pass

    monkeypatch.setattr("time.sleep", lambda _: None)
    monkeypatch.setattr("anyio.sleep", no_sleep)
    client = clients("openai", f"{lab.root('failing-openrouter')}/{kind}/api/v1", flavour, max_retries=2)
    with pytest.raises(openai.APIStatusError) as caught:
        await call.settle(ask(client, "hello"))
    error: Any = caught.value
    assert row == (type(error).__name__, error.status_code)
    assert error.body["code"] == row[1]
    assert lab.hits[kind] == (3 if row[1] in {408, 429} or row[1] >= 500 else 1)


async def test_error_in_200(clients, lab, call, flavour) -> None:
    """An error with status 200 looks like a completion without choices."""
    client = clients("openai", f"{lab.root('failing-openrouter')}/error_in_200/api/v1", flavour)
    reply = await call.settle(ask(client, "hello"))
    assert (reply.choices, reply.error["code"]) == (None, 502)


async def test_stream_error(clients, lab, call, flavour) -> None:
    """An error inside a stream surfaces as `APIError`, after the chunks before it."""
    client = clients("openai", f"{lab.root('failing-openrouter')}/stream-upstream_error/api/v1", flavour)
    stream = await call.settle(ask(client, "hello", stream=True))
    with pytest.raises(openai.APIError) as caught:
        await call.items(stream)
    assert (type(caught.value), str(caught.value.code)) == (openai.APIError, "502")
