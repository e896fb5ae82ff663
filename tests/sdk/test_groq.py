"""Groq's own SDK against the fake."""

from __future__ import annotations

import json
from typing import Any

import groq
import pytest
from banstorm.fakes.answer import ANSWER_SCHEMA, TOOL_NAME, Shape, expected, expected_object

MODEL = "openai/gpt-oss-120b"
TOOLS = [{"type": "function", "function": {"name": TOOL_NAME, "description": "…", "parameters": ANSWER_SCHEMA}}]
FORCED = {"type": "function", "function": {"name": TOOL_NAME}}
FORMAT = {"type": "json_schema", "json_schema": {"name": "answer", "schema": ANSWER_SCHEMA, "strict": True}}


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
