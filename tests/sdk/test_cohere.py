"""Cohere's official SDK, synchronous and asynchronous, against the fake."""

from __future__ import annotations

import json
from typing import Any

import cohere
import httpx
import pytest
from banstorm.fakes.answer import ANSWER_SCHEMA, TOOL_NAME, Shape, expected, expected_object

MODEL = "command-a-03-2025"
TOOLS: Any = [{"type": "function", "function": {"name": TOOL_NAME, "description": "…", "parameters": ANSWER_SCHEMA}}]


@pytest.fixture
async def make(flavour, call):
    """Makes clients; how often they try is said with each request."""
    made: list[Any] = []

    def client(url: str) -> Any:
        maker: Any = cohere.ClientV2 if flavour == "sync" else cohere.AsyncClientV2
        wire: Any = (httpx.Client if flavour == "sync" else httpx.AsyncClient)(timeout=20)
        made.append(wire)
        return maker(api_key="test-key", base_url=url, httpx_client=wire)

    yield client
    for each in made:
        await call.settle(each.close() if flavour == "sync" else each.aclose())


@pytest.fixture
def client(make, lab) -> Any:
    """A client pointed at the fake."""
    return make(lab.root("cohere"))


def messages(text: str) -> list[Any]:
    """A conversation of one question, in content blocks."""
    return [{"role": "system", "content": "Be exact."}, {"role": "user", "content": [{"type": "text", "text": text}]}]


async def test_text(client, call, lab) -> None:
    """A marked prompt's words come back as one text block, with usage and an id."""
    reply = await call.settle(client.chat(model=MODEL, messages=messages(call.prompt(Shape.TEXT, 5))))
    [block] = reply.message.content
    assert block.text == expected(call.mark(Shape.TEXT, 5), "cohere")
    assert (reply.finish_reason, reply.message.role, len(reply.id)) == ("COMPLETE", "assistant", 36)
    billed = reply.usage.billed_units
    assert billed.output_tokens == 5
    assert reply.usage.tokens.input_tokens > billed.input_tokens
    [bill] = lab.bills
    assert (bill.model, bill.input_tokens, bill.produced_tokens) == (MODEL, billed.input_tokens, 5)
    assert bill.usd == pytest.approx((bill.input_tokens * 2.5 + 5 * 10) / 1e6)


async def test_stream(client, call) -> None:
    """A stream's events come in the documented order and add up to the answer."""
    stream = client.chat_stream(model=MODEL, messages=messages(call.prompt(Shape.TEXT, 6)))
    events = await call.items(stream)
    assert [event.type for event in events] == [
        "message-start",
        "content-start",
        *["content-delta"] * 6,
        "content-end",
        "message-end",
    ]
    said = "".join(event.delta.message.content.text for event in events[2:8])
    assert said == expected(call.mark(Shape.TEXT, 6), "cohere")
    assert events[-1].delta.finish_reason == "COMPLETE"
    assert events[-1].delta.usage.billed_units.output_tokens == 6


@pytest.mark.parametrize("options", [{"tool_choice": "REQUIRED"}, {}], ids=["required", "offered"])
async def test_tool(client, call, options) -> None:
    """A tool that is required or offered is called with the words as its arguments."""
    reply = await call.settle(
        client.chat(model=MODEL, messages=messages(call.prompt(Shape.TOOL, 3)), tools=TOOLS, **options)
    )
    [made] = reply.message.tool_calls
    assert made.function.name == TOOL_NAME
    assert json.loads(made.function.arguments) == expected_object(call.mark(Shape.TOOL, 3), "cohere")
    assert (reply.finish_reason, reply.message.content) == ("TOOL_CALL", None)
    assert reply.message.tool_plan


async def test_tool_stream(client, call) -> None:
    """A streamed call's pieces add up to its arguments."""
    stream = client.chat_stream(
        model=MODEL, messages=messages(call.prompt(Shape.TOOL, 3)), tools=TOOLS, tool_choice="REQUIRED"
    )
    events = await call.items(stream)
    [start] = [event for event in events if event.type == "tool-call-start"]
    assert start.delta.message.tool_calls.function.name == TOOL_NAME
    pieces = [event.delta.message.tool_calls.function.arguments for event in events if event.type == "tool-call-delta"]
    assert json.loads("".join(pieces)) == expected_object(call.mark(Shape.TOOL, 3), "cohere")
    assert events[-1].delta.finish_reason == "TOOL_CALL"


async def test_tool_conversation(client, call) -> None:
    """A person's own agent loop ends: the tool is called on the first turn, and its result is answered with text."""
    weather = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    tools: list[Any] = [{"type": "function", "function": {"name": "weather", "parameters": weather}}]
    history = messages("What is the weather in Oslo?")
    first = await call.settle(client.chat(model=MODEL, messages=history, tools=tools))
    [made] = first.message.tool_calls
    assert isinstance(json.loads(made.function.arguments)["city"], str)
    history.append(first.message)
    document = {"type": "document", "document": {"data": '{"degrees": 2}'}}
    history.append({"role": "tool", "tool_call_id": made.id, "content": [document]})
    second = await call.settle(client.chat(model=MODEL, messages=history, tools=tools))
    assert (second.finish_reason, second.message.tool_calls) == ("COMPLETE", None)
    assert second.message.content[0].text


async def test_json_schema(client, call) -> None:
    """A structured output is the object that was asked for."""
    reply = await call.settle(
        client.chat(
            model=MODEL,
            messages=messages(call.prompt(Shape.JSON, 3)),
            response_format={"type": "json_object", "json_schema": ANSWER_SCHEMA},
        )
    )
    assert json.loads(reply.message.content[0].text) == expected_object(call.mark(Shape.JSON, 3), "cohere")


async def test_max_tokens(client, call) -> None:
    """An answer longer than the caller allows is cut at that token and says so."""
    reply = await call.settle(client.chat(model=MODEL, messages=messages(call.prompt(Shape.TEXT, 9)), max_tokens=4))
    words = expected(call.mark(Shape.TEXT, 9), "cohere").split()
    assert reply.message.content[0].text.split() == words[:4]
    assert reply.finish_reason == "MAX_TOKENS"
