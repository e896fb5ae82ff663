from __future__ import annotations

import json
from typing import Any

import pytest
from banstorm.fakes.answer import ANSWER_SCHEMA, TOOL_NAME, Shape, expected, expected_object
from pydantic import BaseModel

MODEL = "gpt-5.4-mini"
TOOLS = [{"type": "function", "function": {"name": TOOL_NAME, "description": "…", "parameters": ANSWER_SCHEMA}}]
FORCED = {"type": "function", "function": {"name": TOOL_NAME}}
FORMAT = {"type": "json_schema", "json_schema": {"name": "answer", "schema": ANSWER_SCHEMA, "strict": True}}


def messages(text: str) -> list[dict[str, Any]]:
    """A conversation of one question."""
    return [{"role": "system", "content": "Be exact."}, {"role": "user", "content": text}]


async def test_text(openai_client, call, lab) -> None:
    """A marked prompt's words come back as the message's content, with usage and the vendor's request id."""
    mark = call.mark(Shape.TEXT, 5)
    reply = await call.settle(
        openai_client.chat.completions.create(model=MODEL, messages=messages(call.prompt(Shape.TEXT, 5)))
    )
    assert expected(mark, "openai") == reply.choices[0].message.content
    assert reply.choices[0].finish_reason == "stop"
    assert reply.model == MODEL
    assert reply.usage.completion_tokens == 5
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + 5
    assert reply._request_id.startswith("req_")
    [bill] = lab.bills
    assert (bill.model, bill.input_tokens, bill.produced_tokens, bill.completed) == (
        MODEL,
        reply.usage.prompt_tokens,
        5,
        True,
    )
    assert bill.usd == pytest.approx((bill.input_tokens * 0.75 + 5 * 4.5) / 1e6)


async def test_stream(openai_client, call) -> None:
    """A stream begins with the role, carries one word a chunk, and ends with a finish reason and then the usage."""
    stream = await call.settle(
        openai_client.chat.completions.create(
            model=MODEL,
            messages=messages(call.prompt(Shape.TEXT, 4)),
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    chunks = await call.items(stream)
    first, *middle, last, usage = chunks
    assert first.choices[0].delta.role == "assistant"
    assert "".join(chunk.choices[0].delta.content for chunk in middle) == expected(call.mark(Shape.TEXT, 4), "openai")
    assert [chunk.choices[0].finish_reason for chunk in (first, *middle)] == [None] * 5
    assert last.choices[0].finish_reason == "stop"
    assert usage.choices == []
    assert usage.usage.completion_tokens == 4
    assert {chunk.id for chunk in chunks} == {first.id}


async def test_stream_without_usage(openai_client, call) -> None:
    """Nobody asked for the usage, so no chunk has it and every chunk has a choice."""
    stream = await call.settle(
        openai_client.chat.completions.create(model=MODEL, messages=messages(call.prompt(Shape.TEXT, 2)), stream=True)
    )
    chunks = await call.items(stream)
    assert all(chunk.choices and chunk.usage is None for chunk in chunks)


@pytest.mark.parametrize("choice", [FORCED, "required", "auto"])
async def test_tool(openai_client, call, choice) -> None:
    """A tool that is forced, required or offered is called with the words as its arguments."""
    reply = await call.settle(
        openai_client.chat.completions.create(
            model=MODEL, messages=messages(call.prompt(Shape.TOOL, 3)), tools=TOOLS, tool_choice=choice
        )
    )
    message = reply.choices[0].message
    [tool] = message.tool_calls
    assert message.content is None
    assert tool.function.name == TOOL_NAME
    assert json.loads(tool.function.arguments) == expected_object(call.mark(Shape.TOOL, 3), "openai")
    assert reply.choices[0].finish_reason == "tool_calls"


async def test_tool_stream(openai_client, call) -> None:
    """A streamed tool call names the tool first and then spells its arguments; the SDK's own helper joins them."""
    stream = await call.settle(
        openai_client.chat.completions.create(
            model=MODEL, messages=messages(call.prompt(Shape.TOOL, 3)), tools=TOOLS, tool_choice=FORCED, stream=True
        )
    )
    chunks = await call.items(stream)
    deltas = [chunk.choices[0].delta.tool_calls[0] for chunk in chunks[:-1]]
    assert (deltas[0].function.name, deltas[0].function.arguments) == (TOOL_NAME, "")
    assert deltas[0].id.startswith("call_")
    arguments = "".join(delta.function.arguments for delta in deltas)
    assert json.loads(arguments) == expected_object(call.mark(Shape.TOOL, 3), "openai")
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


async def test_tool_conversation(openai_client, call) -> None:
    """A person's own agent loop ends: the tool is called on the first turn, and its result is answered with text."""
    history = messages("What is the weather in Oslo?")
    weather = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    tools = [{"type": "function", "function": {"name": "weather", "parameters": weather}}]
    first = await call.settle(openai_client.chat.completions.create(model=MODEL, messages=history, tools=tools))
    [asked] = first.choices[0].message.tool_calls
    assert isinstance(json.loads(asked.function.arguments)["city"], str)
    history.append(first.choices[0].message.model_dump(exclude_none=True))
    history.append({"role": "tool", "tool_call_id": asked.id, "content": "2 degrees"})
    second = await call.settle(openai_client.chat.completions.create(model=MODEL, messages=history, tools=tools))
    assert second.choices[0].message.content
    assert not second.choices[0].message.tool_calls


async def test_json_schema(openai_client, call) -> None:
    """A JSON answer is the object that was asked for."""
    reply = await call.settle(
        openai_client.chat.completions.create(
            model=MODEL, messages=messages(call.prompt(Shape.JSON, 3)), response_format=FORMAT
        )
    )
    assert json.loads(reply.choices[0].message.content) == expected_object(call.mark(Shape.JSON, 3), "openai")


class Step(BaseModel):
    """A part of the caller's own model."""

    explanation: str
    done: bool


class Plan(BaseModel):
    """A caller's own model."""

    title: str
    steps: list[Step]
    answer: str


async def test_parse(openai_client, call) -> None:
    """The SDK's `parse` turns the answer into the caller's own model, with the words in its `answer`."""
    reply = await call.settle(
        openai_client.chat.completions.parse(
            model=MODEL, messages=messages(call.prompt(Shape.JSON, 3)), response_format=Plan
        )
    )
    parsed = reply.choices[0].message.parsed
    assert isinstance(parsed, Plan)
    assert parsed.answer == expected(call.mark(Shape.JSON, 3), "openai")


async def test_max_tokens(openai_client, call) -> None:
    """An answer longer than the caller allows is cut at that token and says so."""
    reply = await call.settle(
        openai_client.chat.completions.create(
            model=MODEL, messages=messages(call.prompt(Shape.TEXT, 9)), max_completion_tokens=4
        )
    )
    words = expected(call.mark(Shape.TEXT, 9), "openai").split()
    assert reply.choices[0].message.content.split() == words[:4]
    assert reply.choices[0].finish_reason == "length"
    assert reply.usage.completion_tokens == 4


@pytest.mark.parametrize("stop", [".4.9.", ["nowhere", ".4.9."]])
async def test_stop(openai_client, call, stop) -> None:
    """An answer ends before a stop sequence, which the finish reason doesn't tell from a proper end."""
    reply = await call.settle(
        openai_client.chat.completions.create(model=MODEL, messages=messages(call.prompt(Shape.TEXT, 9)), stop=stop)
    )
    said, _, _ = expected(call.mark(Shape.TEXT, 9), "openai").partition(".4.9.")
    assert reply.choices[0].message.content == said
    assert (reply.choices[0].finish_reason, reply.usage.completion_tokens) == ("stop", 4)


async def test_cached_and_reasoning_tokens(openai_client, call, lab) -> None:
    """What was sent before comes from the cache, what is thought counts as output, and the bill agrees with both."""
    history: list[Any] = [
        {"role": "user", "content": "word " * 2000},
        {"role": "assistant", "content": "Indeed."},
        {"role": "user", "content": call.prompt(Shape.TEXT, 2)},
    ]
    reply = await call.settle(
        openai_client.chat.completions.create(model=MODEL, messages=history, reasoning_effort="low")
    )
    cached = reply.usage.prompt_tokens_details.cached_tokens
    thought = reply.usage.completion_tokens_details.reasoning_tokens
    assert cached == 2432  # 10,000 letters and a message's share are 2,504 tokens, in steps of 128
    assert thought > 0
    assert reply.usage.completion_tokens == thought + 2
    [bill] = lab.bills
    assert (bill.cached_tokens, bill.produced_tokens) == (cached, thought + 2)
    fresh = bill.input_tokens - cached
    assert bill.usd == pytest.approx((fresh * 0.75 + cached * 0.075 + bill.produced_tokens * 4.5) / 1e6)


async def test_models(openai_client, call) -> None:
    """Models can be listed, and any name can be looked up."""
    page = await call.settle(openai_client.models.list())
    assert MODEL in {model.id for model in page.data}
    one = await call.settle(openai_client.models.retrieve("gpt-of-nobody"))
    assert one.id == "gpt-of-nobody"
