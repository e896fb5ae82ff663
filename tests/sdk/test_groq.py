"""Groq's own SDK against the fake."""

from __future__ import annotations

import json
from typing import Any

import groq
import pytest
from banstorm.fakes.answer import ANSWER_SCHEMA, TOOL_NAME, Shape, expected, expected_object
from banstorm.fakes.dialects import find

MODEL = "openai/gpt-oss-120b"
TOOLS = [{"type": "function", "function": {"name": TOOL_NAME, "description": "…", "parameters": ANSWER_SCHEMA}}]
FORCED = {"type": "function", "function": {"name": TOOL_NAME}}
FORMAT = {"type": "json_schema", "json_schema": {"name": "answer", "schema": ANSWER_SCHEMA, "strict": True}}

FAILURES = {
    "bad_gateway": ("InternalServerError", 502, None),
    "bad_key": ("AuthenticationError", 401, "invalid_api_key"),
    "bad_request": ("BadRequestError", 400, None),
    "capacity_exceeded": ("APIStatusError", 498, "capacity_exceeded"),
    "context_too_long": ("BadRequestError", 400, "context_length_exceeded"),
    "daily_limited": ("RateLimitError", 429, "rate_limit_exceeded"),
    "missing_key": ("AuthenticationError", 401, "invalid_api_key"),
    "model_not_found": ("NotFoundError", 404, "model_not_found"),
    "model_retired": ("BadRequestError", 400, "model_decommissioned"),
    "org_disabled": ("BadRequestError", 400, "organization_restricted"),
    "overloaded": ("InternalServerError", 503, None),
    "permission_denied": ("PermissionDeniedError", 403, None),
    "rate_limited": ("RateLimitError", 429, "rate_limit_exceeded"),
    "request_over_limit": ("APIStatusError", 413, "rate_limit_exceeded"),
    "request_too_large": ("APIStatusError", 413, "request_too_large"),
    "server_error": ("InternalServerError", 500, None),
    "unknown_url": ("NotFoundError", 404, "unknown_url"),
    "wrong_method": ("APIStatusError", 405, "method_not_allowed"),
}


@pytest.fixture
async def make(flavour, call):
    """Makes clients that don't retry unless told to."""
    made: list[Any] = []

    def client(base_url: str, **options: Any) -> Any:
        maker: Any = groq.Groq if flavour == "sync" else groq.AsyncGroq
        made.append(maker(**{"base_url": base_url, "api_key": "gsk_test", "max_retries": 0, "timeout": 20, **options}))
        return made[-1]

    yield client
    for each in made:
        await call.settle(each.close())


@pytest.fixture
def client(make, lab) -> Any:
    """A client pointed at the fake."""
    return make(lab.root("groq"))


def ask(client: Any, text: str, **options: Any) -> Any:
    """One question."""
    return client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": text}], **options)


async def test_text(client, call, lab) -> None:
    """A marked prompt's words come back, with timings, the tier and Groq's own id."""
    reply = await call.settle(ask(client, call.prompt(Shape.TEXT, 5)))
    assert expected(call.mark(Shape.TEXT, 5), "groq") == reply.choices[0].message.content
    assert (reply.usage.completion_tokens, reply.service_tier) == (5, "on_demand")
    assert reply.usage.total_time > 0
    assert reply.x_groq.id.startswith("req_01")
    [bill] = lab.bills
    assert bill.usd == pytest.approx((bill.input_tokens * 0.15 + 5 * 0.6) / 1e6)


async def test_stream(client, call) -> None:
    """A stream carries one word a chunk, and the usage in the last one."""
    chunks = await call.items(await call.settle(ask(client, call.prompt(Shape.TEXT, 4), stream=True)))
    first, *middle, last = chunks
    assert first.x_groq.id == last.x_groq.id
    assert "".join(chunk.choices[0].delta.content for chunk in middle) == expected(call.mark(Shape.TEXT, 4), "groq")
    assert all(chunk.x_groq is None for chunk in middle)
    assert last.choices[0].finish_reason == "stop"
    assert last.x_groq.usage.completion_tokens == 4


async def test_tool(client, call) -> None:
    """A forced tool is called with the words as its arguments; streamed, the call is one chunk."""
    wanted = expected_object(call.mark(Shape.TOOL, 3), "groq")
    options: Any = {"tools": TOOLS, "tool_choice": FORCED}
    reply = await call.settle(ask(client, call.prompt(Shape.TOOL, 3), **options))
    [tool] = reply.choices[0].message.tool_calls
    assert (tool.function.name, json.loads(tool.function.arguments)) == (TOOL_NAME, wanted)
    chunks = await call.items(await call.settle(ask(client, call.prompt(Shape.TOOL, 3), stream=True, **options)))
    [called] = [chunk.choices[0].delta.tool_calls for chunk in chunks if chunk.choices[0].delta.tool_calls]
    assert json.loads(called[0].function.arguments) == wanted
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


async def test_json_schema(client, call) -> None:
    """A JSON answer is the object that was asked for."""
    reply = await call.settle(ask(client, call.prompt(Shape.JSON, 3), response_format=FORMAT))
    assert json.loads(reply.choices[0].message.content) == expected_object(call.mark(Shape.JSON, 3), "groq")


async def test_models(client, call) -> None:
    """Models can be listed."""
    assert MODEL in {model.id for model in (await call.settle(client.models.list())).data}


def test_table_is_whole() -> None:
    """Every failure that the dialect has stands in the table above."""
    assert set(FAILURES) == find("groq").failures


@pytest.mark.parametrize(("kind", "row"), FAILURES.items())
async def test_failure(make, lab, call, monkeypatch, kind, row) -> None:
    """The SDK raises the class, with the status and code, and tries 429 and 5xx three times, the rest once."""
    record_waits(monkeypatch)
    client = make(f"{lab.root('failing-groq')}/{kind}", max_retries=2)
    with pytest.raises(groq.APIStatusError) as caught:
        await call.settle(ask(client, "hello"))
    error: Any = caught.value
    assert row == (type(error).__name__, error.status_code, error.body["error"].get("code"))
    assert lab.hits[kind] == (3 if row[1] == 429 or row[1] >= 500 else 1)


@pytest.mark.parametrize(("retry_after", "waited"), [(7, [7.0, 7.0]), (61, None)])
async def test_wait(make, lab, call, monkeypatch, retry_after, waited) -> None:
    """The SDK waits as it is told up to a minute; a longer wait it ignores and comes back at once."""
    waits = record_waits(monkeypatch)
    lab.details = {"retry_after": retry_after}
    client = make(f"{lab.root('failing-groq')}/daily_limited", max_retries=2)
    with pytest.raises(groq.RateLimitError):
        await call.settle(ask(client, "hello"))
    assert len(waits) == 2
    assert waits == waited or (waited is None and max(waits) <= 1.0)


async def test_stream_error(make, lab, call) -> None:
    """An error inside a stream surfaces as `APIError`, after the chunks before it."""
    client = make(f"{lab.root('failing-groq')}/stream-overloaded")
    stream = await call.settle(ask(client, "hello", stream=True))
    with pytest.raises(groq.APIError) as caught:
        await call.items(stream)
    assert type(caught.value) is groq.APIError


def record_waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Keep the SDK from sleeping before a retry, and note how long it would have slept."""
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr("time.sleep", waits.append)
    monkeypatch.setattr("anyio.sleep", sleep)
    return waits
