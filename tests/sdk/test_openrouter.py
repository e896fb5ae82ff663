"""OpenRouter by the OpenAI SDK, which is how its users speak to it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from banstorm.fakes.answer import ANSWER_SCHEMA, TOOL_NAME, Shape, expected, expected_object

MODEL = "openai/gpt-5.4-mini"
TOOLS = [{"type": "function", "function": {"name": TOOL_NAME, "description": "…", "parameters": ANSWER_SCHEMA}}]
FORCED = {"type": "function", "function": {"name": TOOL_NAME}}
FORMAT = {"type": "json_schema", "json_schema": {"name": "answer", "schema": ANSWER_SCHEMA, "strict": True}}


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
