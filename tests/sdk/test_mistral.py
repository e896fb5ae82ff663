"""Mistral's own SDK against the fake."""

from __future__ import annotations

import json
from typing import Any

import pytest
from banstorm.fakes.answer import ANSWER_SCHEMA, TOOL_NAME, Shape, expected, expected_object
from mistralai.client import Mistral
from mistralai.client.errors import SDKError
from proof.scene import STAGE, Scene

MODEL = "mistral-small-latest"
TOOLS = [{"type": "function", "function": {"name": TOOL_NAME, "description": "…", "parameters": ANSWER_SCHEMA}}]
FORMAT = {"type": "json_schema", "json_schema": {"name": "answer", "schema": ANSWER_SCHEMA, "strict": True}}


@pytest.fixture
def client(lab) -> Any:
    """A client pointed at the fake."""
    return Mistral(api_key="k", server_url=lab.root("mistral"), timeout_ms=20_000)


@pytest.fixture
def ask(flavour):
    """Asks one question, by either flavour."""

    def question(client: Any, text: str, **options: Any) -> Any:
        verb = "stream" if options.pop("stream", False) else "complete"
        method = getattr(client.chat, verb + ("" if flavour == "sync" else "_async"))
        return method(model=MODEL, messages=[{"role": "user", "content": text}], **options)

    return question


async def test_text(client, ask, call, lab) -> None:
    """A marked prompt's words come back, with usage and an id of 32 hexadecimal digits."""
    reply = await call.settle(ask(client, call.prompt(Shape.TEXT, 5)))
    assert expected(call.mark(Shape.TEXT, 5), "mistral") == reply.choices[0].message.content
    assert (reply.choices[0].finish_reason, reply.usage.completion_tokens, len(reply.id)) == ("stop", 5, 32)
    [bill] = lab.bills
    assert bill.usd == pytest.approx((bill.input_tokens * 0.15 + 5 * 0.6) / 1e6)


async def test_stream(client, ask, call) -> None:
    """A stream carries one word a chunk, and the usage in the last one."""
    events = await call.items(await call.settle(ask(client, call.prompt(Shape.TEXT, 4), stream=True)))
    first, *middle, last = [event.data for event in events]
    assert first.choices[0].delta.role == "assistant"
    assert "".join(chunk.choices[0].delta.content for chunk in middle) == expected(call.mark(Shape.TEXT, 4), "mistral")
    assert (last.choices[0].finish_reason, last.usage.completion_tokens) == ("stop", 4)


@pytest.mark.parametrize("choice", ["any", {"type": "function", "function": {"name": TOOL_NAME}}])
async def test_tool(client, ask, call, choice) -> None:
    """A forced tool is called with the words as its arguments, whole and streamed."""
    wanted = expected_object(call.mark(Shape.TOOL, 3), "mistral")
    options: Any = {"tools": TOOLS, "tool_choice": choice}
    reply = await call.settle(ask(client, call.prompt(Shape.TOOL, 3), **options))
    [tool] = reply.choices[0].message.tool_calls
    assert (tool.function.name, json.loads(tool.function.arguments)) == (TOOL_NAME, wanted)
    events = await call.items(await call.settle(ask(client, call.prompt(Shape.TOOL, 3), stream=True, **options)))
    [streamed] = events[-1].data.choices[0].delta.tool_calls
    assert (streamed.id, json.loads(streamed.function.arguments)) == (tool.id, wanted)


async def test_json_schema(client, ask, call) -> None:
    """A JSON answer is the object that was asked for."""
    reply = await call.settle(ask(client, call.prompt(Shape.JSON, 3), response_format=FORMAT))
    assert json.loads(reply.choices[0].message.content) == expected_object(call.mark(Shape.JSON, 3), "mistral")


async def test_models(client, call, flavour) -> None:
    """Models can be listed, as the SDK's own types have them."""
    listed = await call.settle(client.models.list() if flavour == "sync" else client.models.list_async())
    assert MODEL in {model.id for model in listed.data}


async def test_bodiless(lab, ask, call) -> None:
    """A refusal without a body is still a refusal."""
    lab.stage.set(Scene("before", "bad_key", {"form": "none"}))
    client = Mistral(api_key="k", server_url=lab.root("failing-mistral") + STAGE, timeout_ms=20_000)
    with pytest.raises(SDKError) as caught:
        await call.settle(ask(client, "hello"))
    assert (caught.value.status_code, caught.value.body) == (401, "")
