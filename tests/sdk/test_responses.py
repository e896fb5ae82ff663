"""OpenAI's Responses API through the official SDK."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest
from banstorm.fakes.answer import ANSWER_SCHEMA, TOOL_NAME, Shape, expected, expected_object
from proof.scene import STAGE, Scene
from pydantic import BaseModel

MODEL = "gpt-5.4-mini"
TOOLS: list[Any] = [{"type": "function", "name": TOOL_NAME, "parameters": ANSWER_SCHEMA, "strict": True}]
FORCED: Any = {"type": "function", "name": TOOL_NAME}
FORMAT: Any = {"format": {"type": "json_schema", "name": "answer", "schema": ANSWER_SCHEMA, "strict": True}}


async def test_text(openai_client, call, lab) -> None:
    """A marked prompt's words come back as the response's text, with usage, the vendor's request id and a bill."""
    reply = await call.settle(
        openai_client.responses.create(model=MODEL, instructions="Be exact.", input=call.prompt(Shape.TEXT, 5))
    )
    assert reply.output_text == expected(call.mark(Shape.TEXT, 5), "openai")
    assert (reply.status, reply.model, reply.instructions, reply.error) == ("completed", MODEL, "Be exact.", None)
    assert reply.id.startswith("resp_")
    assert reply._request_id.startswith("req_")
    assert reply.usage.output_tokens == 5
    assert reply.usage.total_tokens == reply.usage.input_tokens + 5
    [bill] = lab.bills
    assert (bill.input_tokens, bill.produced_tokens, bill.completed) == (reply.usage.input_tokens, 5, True)
    assert bill.usd == pytest.approx((bill.input_tokens * 0.75 + 5 * 4.5) / 1e6)


async def test_stream(openai_client, call) -> None:
    """Events come in the documented order, numbered from 0 without a gap, and every one of them says the same text."""
    stream = await call.settle(
        openai_client.responses.create(model=MODEL, input=call.prompt(Shape.TEXT, 3), stream=True)
    )
    events = await call.items(stream)
    assert [event.type for event in events] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        *["response.output_text.delta"] * 3,
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert [event.sequence_number for event in events] == list(range(11))
    text = expected(call.mark(Shape.TEXT, 3), "openai")
    assert "".join(event.delta for event in events[4:7]) == text
    assert events[7].text == events[8].part.text == events[9].item.content[0].text == text
    assert events[-1].response.output_text == text
    assert events[-1].response.usage.output_tokens == 3
    assert {event.response.id for event in (events[0], events[1], events[-1])} == {events[0].response.id}


@pytest.mark.parametrize("shape", [Shape.TEXT, Shape.TOOL])
async def test_stream_helper(openai_client, call, flavour, shape) -> None:
    """The SDK's stream helper puts the same response together that a plain call gives."""
    options: dict[str, Any] = {"model": MODEL, "input": call.prompt(shape, 4), "tools": TOOLS}
    plain = await call.settle(openai_client.responses.create(**options))
    if flavour == "sync":
        with openai_client.responses.stream(**options) as stream:
            final = stream.until_done().get_final_response()
    else:
        async with openai_client.responses.stream(**options) as stream:
            await stream.until_done()
            final = await stream.get_final_response()
    assert final.id == plain.id
    assert final.output_text == plain.output_text
    [item], [same] = final.output, plain.output
    assert (item.id, item.type) == (same.id, same.type)
    assert final.usage.output_tokens == plain.usage.output_tokens == 4 or shape is Shape.TOOL


@pytest.mark.parametrize("choice", [FORCED, "required", "auto", {"type": "allowed_tools", "mode": "required"}])
async def test_tool(openai_client, call, choice) -> None:
    """A tool that is forced, required or offered is called with the words as its arguments."""
    if isinstance(choice, dict) and choice["type"] == "allowed_tools":
        choice = {**choice, "tools": [FORCED]}
    reply = await call.settle(
        openai_client.responses.create(model=MODEL, input=call.prompt(Shape.TOOL, 3), tools=TOOLS, tool_choice=choice)
    )
    [item] = reply.output
    assert (item.type, item.name, item.status) == ("function_call", TOOL_NAME, "completed")
    assert item.call_id.startswith("call_")
    assert json.loads(item.arguments) == expected_object(call.mark(Shape.TOOL, 3), "openai")


async def test_tool_stream(openai_client, call) -> None:
    """A streamed tool call names the tool first, spells its arguments, and then has them whole."""
    stream = await call.settle(
        openai_client.responses.create(
            model=MODEL, input=call.prompt(Shape.TOOL, 3), tools=TOOLS, tool_choice=FORCED, stream=True
        )
    )
    events = await call.items(stream)
    added = next(event for event in events if event.type == "response.output_item.added").item
    assert (added.name, added.arguments) == (TOOL_NAME, "")
    deltas = [event.delta for event in events if event.type == "response.function_call_arguments.delta"]
    done = next(event for event in events if event.type == "response.function_call_arguments.done")
    assert "".join(deltas) == done.arguments == events[-1].response.output[0].arguments
    assert json.loads(done.arguments) == expected_object(call.mark(Shape.TOOL, 3), "openai")


async def test_tool_conversation(openai_client, call) -> None:
    """A person's own agent loop ends: the tool is called on the first turn, and its result is answered with text."""
    weather = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    tools: list[Any] = [{"type": "function", "name": "weather", "parameters": weather, "strict": False}]
    history: list[Any] = [{"role": "user", "content": [{"type": "input_text", "text": "What is the weather in Oslo?"}]}]
    first = await call.settle(openai_client.responses.create(model=MODEL, input=history, tools=tools))
    [asked] = first.output
    assert isinstance(json.loads(asked.arguments)["city"], str)
    history += [asked, {"type": "function_call_output", "call_id": asked.call_id, "output": "2 degrees"}]
    second = await call.settle(openai_client.responses.create(model=MODEL, input=history, tools=tools))
    assert [item.type for item in second.output] == ["message"]
    assert second.output_text


async def test_json_schema(openai_client, call) -> None:
    """A JSON answer is the object that was asked for."""
    reply = await call.settle(
        openai_client.responses.create(model=MODEL, input=call.prompt(Shape.JSON, 3), text=FORMAT)
    )
    assert json.loads(reply.output_text) == expected_object(call.mark(Shape.JSON, 3), "openai")


class Finding(BaseModel):
    """A caller's own model."""

    severity: int
    answer: str


async def test_parse(openai_client, call) -> None:
    """The SDK's `parse` turns the answer into the caller's own model, with the words in its `answer`."""
    reply = await call.settle(
        openai_client.responses.parse(model=MODEL, input=call.prompt(Shape.JSON, 3), text_format=Finding)
    )
    assert isinstance(reply.output_parsed, Finding)
    assert reply.output_parsed.answer == expected(call.mark(Shape.JSON, 3), "openai")


@pytest.mark.parametrize("stream", [False, True])
async def test_max_output_tokens(openai_client, call, stream) -> None:
    """An answer longer than the caller allows is cut at that token, and the response is incomplete."""
    reply = await call.settle(
        openai_client.responses.create(
            model=MODEL, input=call.prompt(Shape.TEXT, 20), max_output_tokens=16, stream=stream
        )
    )
    if stream:
        last = (await call.items(reply))[-1]
        assert last.type == "response.incomplete"
        reply = last.response
    words = expected(call.mark(Shape.TEXT, 20), "openai").split()
    assert reply.output_text.split() == words[:16]
    assert (reply.status, reply.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    assert reply.output[0].status == "incomplete"


@pytest.mark.parametrize("stream", [False, True])
async def test_reasoning(openai_client, call, lab, stream) -> None:
    """An effort that is asked for gives a reasoning item and tokens that count, and cost, as output."""
    reply = await call.settle(
        openai_client.responses.create(
            model=MODEL, input=call.prompt(Shape.TEXT, 4), reasoning={"effort": "low"}, stream=stream
        )
    )
    if stream:
        reply = (await call.items(reply))[-1].response
    assert [item.type for item in reply.output] == ["reasoning", "message"]
    thought = reply.usage.output_tokens_details.reasoning_tokens
    assert thought > 0
    assert reply.usage.output_tokens == thought + 4
    [bill] = lab.bills
    assert bill.produced_tokens == thought + 4


async def test_cached_tokens(openai_client, call, lab) -> None:
    """What a long conversation has sent before is reported, and billed, as read from the cache."""
    history: list[Any] = [
        {"role": "user", "content": "word " * 2000},
        {"role": "assistant", "content": "Indeed."},
        {"role": "user", "content": call.prompt(Shape.TEXT, 2)},
    ]
    reply = await call.settle(openai_client.responses.create(model=MODEL, input=history))
    cached = reply.usage.input_tokens_details.cached_tokens
    assert cached == 2432  # 10,000 letters and a message's share are 2,504 tokens, in steps of 128
    [bill] = lab.bills
    assert bill.cached_tokens == cached
    assert bill.usd == pytest.approx(((bill.input_tokens - cached) * 0.75 + cached * 0.075 + 2 * 4.5) / 1e6)
    lab.bills.clear()
    short = await call.settle(openai_client.responses.create(model=MODEL, input=history[1:]))
    assert short.usage.input_tokens_details.cached_tokens == 0


async def test_flat_stream_error(lab, clients, call, flavour) -> None:
    """The error as the API's description has it is an event like any other: nothing is raised."""
    lab.stage.set(Scene("inside", "overloaded", {"shape": "flat"}))
    client = clients("openai", f"{lab.root('failing-openai')}{STAGE}/v1", flavour)
    events = await call.items(await call.settle(client.responses.create(model=MODEL, input="hello", stream=True)))
    assert [event.type for event in events[-2:]] == ["error", "response.failed"]
    assert events[-2].code == "server_is_overloaded"
    failed = events[-1].response
    assert (failed.status, failed.error.code) == ("failed", "server_error")
    assert failed.error.message == events[-2].message
    assert events[-1].sequence_number == events[-2].sequence_number + 1


@pytest.mark.parametrize(
    ("asking", "param"),
    [
        ({"input": []}, "input"),
        ({"max_output_tokens": 3}, "max_output_tokens"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"text": {"format": {"type": "yaml"}}}, "text.format.type"),
        ({"input": [{"role": "robot", "content": "hi"}]}, "input[0].role"),
        ({"input": [{"type": "function_call_output", "call_id": "c"}]}, "input[0].output"),
        ({"reasoning": {"effort": "herculean"}}, "reasoning.effort"),
    ],
)
async def test_bad_requests(openai_client, call, asking, param) -> None:
    """What the vendor would refuse is refused with 400 and the name of the parameter."""
    options: dict[str, Any] = {"model": MODEL, "input": "hello", **asking}
    with pytest.raises(openai.BadRequestError) as caught:
        await call.settle(openai_client.responses.create(**options))
    assert caught.value.param == param
