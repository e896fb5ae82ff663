from __future__ import annotations

import json
from typing import Any

import anthropic
import pytest
from banstorm.fakes.answer import ANSWER_SCHEMA, TOOL_NAME, Shape, expected, expected_object
from proof.scene import STAGE, Scene
from pydantic import BaseModel

MODEL = "claude-sonnet-5"
TOOLS: list[Any] = [{"name": TOOL_NAME, "description": "…", "input_schema": ANSWER_SCHEMA}]
FORCED: Any = {"type": "tool", "name": TOOL_NAME}


def messages(text: str) -> list[dict[str, Any]]:
    """A conversation of one question, in content blocks."""
    return [{"role": "user", "content": [{"type": "text", "text": text}]}]


async def test_text(anthropic_client, call, lab) -> None:
    """A marked prompt's words come back as one text block, with usage and the vendor's request id."""
    reply = await call.settle(
        anthropic_client.messages.create(
            model=MODEL, max_tokens=100, system="Be exact.", messages=messages(call.prompt(Shape.TEXT, 5))
        )
    )
    [block] = reply.content
    assert block.text == expected(call.mark(Shape.TEXT, 5), "anthropic")
    assert (reply.stop_reason, reply.role, reply.model) == ("end_turn", "assistant", MODEL)
    assert reply.usage.output_tokens == 5
    assert reply._request_id.startswith("req_011C")
    [bill] = lab.bills
    assert (bill.input_tokens, bill.produced_tokens) == (reply.usage.input_tokens, 5)
    assert bill.usd == pytest.approx((bill.input_tokens * 2 + 5 * 10) / 1e6)


async def test_stream_events(anthropic_client, call) -> None:
    """A stream's events come in the documented order, and its last usage is cumulative."""
    stream = await call.settle(
        anthropic_client.messages.create(
            model=MODEL, max_tokens=100, messages=messages(call.prompt(Shape.TEXT, 3)), stream=True
        )
    )
    events = [event for event in await call.items(stream) if event.type != "ping"]
    assert [event.type for event in events] == [
        "message_start",
        "content_block_start",
        *["content_block_delta"] * 3,
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert events[-2].usage.output_tokens == 3
    assert events[-2].delta.stop_reason == "end_turn"


async def test_stream_helper(anthropic_client, call, flavour) -> None:
    """The SDK's stream helper puts the same message together that a plain call gives."""
    options: dict[str, Any] = {"model": MODEL, "max_tokens": 100, "messages": messages(call.prompt(Shape.TEXT, 6))}
    plain = await call.settle(anthropic_client.messages.create(**options))
    if flavour == "sync":
        with anthropic_client.messages.stream(**options) as stream:
            final = stream.get_final_message()
    else:
        async with anthropic_client.messages.stream(**options) as stream:
            final = await stream.get_final_message()
    assert final.content[0].text == plain.content[0].text
    assert (final.id, final.stop_reason) == (plain.id, "end_turn")
    assert final.usage.output_tokens == plain.usage.output_tokens == 6


@pytest.mark.parametrize("choice", [FORCED, {"type": "any"}, {"type": "auto"}])
async def test_tool(anthropic_client, call, choice) -> None:
    """A tool that is forced, required or offered is called with the words as its input."""
    reply = await call.settle(
        anthropic_client.messages.create(
            model=MODEL,
            max_tokens=100,
            messages=messages(call.prompt(Shape.TOOL, 3)),
            tools=TOOLS,
            tool_choice=choice,
        )
    )
    [block] = reply.content
    assert (block.type, block.name) == ("tool_use", TOOL_NAME)
    assert block.input == expected_object(call.mark(Shape.TOOL, 3), "anthropic")
    assert reply.stop_reason == "tool_use"


async def test_tool_stream(anthropic_client, call, flavour) -> None:
    """A streamed tool call's partial JSON adds up to its input."""
    options: dict[str, Any] = {
        "model": MODEL,
        "max_tokens": 100,
        "messages": messages(call.prompt(Shape.TOOL, 3)),
        "tools": TOOLS,
        "tool_choice": FORCED,
    }
    if flavour == "sync":
        with anthropic_client.messages.stream(**options) as stream:
            final = stream.get_final_message()
    else:
        async with anthropic_client.messages.stream(**options) as stream:
            final = await stream.get_final_message()
    [block] = final.content
    assert block.input == expected_object(call.mark(Shape.TOOL, 3), "anthropic")
    assert final.stop_reason == "tool_use"


async def test_tool_conversation(anthropic_client, call) -> None:
    """A person's own agent loop ends: the tool is called on the first turn, and its result is answered with text."""
    weather = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    tools: list[Any] = [{"name": "weather", "input_schema": weather}]
    history: list[Any] = messages("What is the weather in Oslo?")
    options: dict[str, Any] = {"model": MODEL, "max_tokens": 100, "tools": tools}
    first = await call.settle(anthropic_client.messages.create(messages=history, **options))
    asked = next(block for block in first.content if block.type == "tool_use")
    history.append({"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in first.content]})
    history.append(
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": asked.id, "content": "2 degrees"}]}
    )
    second = await call.settle(anthropic_client.messages.create(messages=history, **options))
    assert [block.type for block in second.content] == ["text"]


async def test_json_schema(anthropic_client, call) -> None:
    """A structured output is the object that was asked for."""
    reply = await call.settle(
        anthropic_client.messages.create(
            model=MODEL,
            max_tokens=100,
            messages=messages(call.prompt(Shape.JSON, 3)),
            output_config={"format": {"type": "json_schema", "schema": ANSWER_SCHEMA}},
        )
    )
    assert json.loads(reply.content[0].text) == expected_object(call.mark(Shape.JSON, 3), "anthropic")


class Finding(BaseModel):
    """A caller's own model."""

    severity: int
    answer: str


async def test_parse(anthropic_client, call) -> None:
    """The SDK's `parse` turns the answer into the caller's own model, with the words in its `answer`."""
    reply = await call.settle(
        anthropic_client.messages.parse(
            model=MODEL, max_tokens=100, messages=messages(call.prompt(Shape.JSON, 3)), output_format=Finding
        )
    )
    assert isinstance(reply.parsed_output, Finding)
    assert reply.parsed_output.answer == expected(call.mark(Shape.JSON, 3), "anthropic")


async def test_max_tokens(anthropic_client, call) -> None:
    """An answer longer than the caller allows is cut at that token and says so."""
    reply = await call.settle(
        anthropic_client.messages.create(model=MODEL, max_tokens=4, messages=messages(call.prompt(Shape.TEXT, 9)))
    )
    words = expected(call.mark(Shape.TEXT, 9), "anthropic").split()
    assert reply.content[0].text.split() == words[:4]
    assert reply.stop_reason == "max_tokens"


async def test_models(anthropic_client, call) -> None:
    """Models can be listed, and any name can be looked up."""
    page = await call.settle(anthropic_client.models.list())
    assert MODEL in {model.id for model in page.data}
    one = await call.settle(anthropic_client.models.retrieve("claude-of-nobody"))
    assert one.id == "claude-of-nobody"


async def test_oauth_token(lab, call, clients, flavour) -> None:
    """A subscription's token is taken as a bearer, whichever generation of the SDK sends it."""
    client = clients("anthropic", lab.root("anthropic"), flavour, api_key=None, auth_token="sk-ant-oat01-test")
    reply = await call.settle(
        client.messages.create(model=MODEL, max_tokens=50, messages=messages(call.prompt(Shape.TEXT, 2)))
    )
    assert reply.content[0].text == expected(call.mark(Shape.TEXT, 2), "anthropic")


async def test_sampling_parameters(anthropic_client, call) -> None:
    """The newer generation of the API refuses `temperature`, the older one takes it."""
    asking: dict[str, Any] = {
        "model": MODEL,
        "max_tokens": 50,
        "messages": messages(call.prompt(Shape.TEXT, 2)),
        "extra_body": {"temperature": 1.0},
    }
    if int(anthropic.__version__.split(".")[0]) < 2:
        assert (await call.settle(anthropic_client.messages.create(**asking))).stop_reason == "end_turn"
        return
    with pytest.raises(anthropic.BadRequestError, match="temperature"):
        await call.settle(anthropic_client.messages.create(**asking))


async def test_count_tokens(anthropic_client, call, lab) -> None:
    """Counting a prompt says what sending it then counts, and costs nothing."""
    asking: dict[str, Any] = {"model": MODEL, "system": "Be exact.", "messages": messages(call.prompt(Shape.TEXT, 2))}
    count = await call.settle(anthropic_client.messages.count_tokens(**asking))
    reply = await call.settle(anthropic_client.messages.create(max_tokens=50, **asking))
    assert count.input_tokens == reply.usage.input_tokens
    assert [bill.usd > 0 for bill in lab.bills] == [False, True]


@pytest.mark.parametrize("stream", [False, True])
async def test_cache(anthropic_client, call, lab, stream) -> None:
    """A marked prompt is written to the cache on the first turn and read on the next; neither counts as fresh."""
    system: list[Any] = [{"type": "text", "text": "rule " * 2000, "cache_control": {"type": "ephemeral"}}]
    question = messages(call.prompt(Shape.TEXT, 2))
    said = [*question, {"role": "assistant", "content": "Indeed."}, *question]
    usages = []
    for turns in (question, said):
        reply = await call.settle(
            anthropic_client.messages.create(model=MODEL, max_tokens=50, system=system, messages=turns, stream=stream)
        )
        usages.append((await call.items(reply))[0].message.usage if stream else reply.usage)
    first, second = usages
    assert (first.cache_creation_input_tokens, first.cache_read_input_tokens) == (2500, 0)
    assert (second.cache_creation_input_tokens, second.cache_read_input_tokens) == (0, 2500)
    written, read = lab.bills
    assert (written.cached_tokens, read.cached_tokens) == (0, 2500)
    assert read.input_tokens == second.input_tokens + 2500
    assert read.usd == pytest.approx((second.input_tokens * 2 + 2500 * 0.20 + 2 * 10) / 1e6)


async def test_stop_sequences(anthropic_client, call) -> None:
    """An answer ends before a stop sequence, and says which one it was."""
    options: dict[str, Any] = {"model": MODEL, "max_tokens": 50, "stop_sequences": ["nowhere", ".4.9."]}
    asking = messages(call.prompt(Shape.TEXT, 9))
    reply = await call.settle(anthropic_client.messages.create(messages=asking, **options))
    said, _, _ = expected(call.mark(Shape.TEXT, 9), "anthropic").partition(".4.9.")
    assert reply.content[0].text == said
    assert (reply.stop_reason, reply.stop_sequence) == ("stop_sequence", ".4.9.")
    stream = await call.settle(anthropic_client.messages.create(messages=asking, stream=True, **options))
    delta = next(event for event in await call.items(stream) if event.type == "message_delta").delta
    assert (delta.stop_reason, delta.stop_sequence) == ("stop_sequence", ".4.9.")


async def test_thinking(anthropic_client, call, lab, flavour) -> None:
    """Thinking that is asked for gives a signed block before the answer, and counts and costs as output."""
    options: dict[str, Any] = {
        "model": MODEL,
        "max_tokens": 3000,
        "messages": messages(call.prompt(Shape.TEXT, 4)),
        "thinking": {"type": "enabled", "budget_tokens": 2000},
    }
    plain = await call.settle(anthropic_client.messages.create(**options))
    if flavour == "sync":
        with anthropic_client.messages.stream(**options) as stream:
            final = stream.get_final_message()
    else:
        async with anthropic_client.messages.stream(**options) as stream:
            final = await stream.get_final_message()
    for reply in (plain, final):
        thought, said = reply.content
        assert (thought.type, said.text) == ("thinking", expected(call.mark(Shape.TEXT, 4), "anthropic"))
        assert thought.thinking
        assert thought.signature == plain.content[0].signature
        assert reply.usage.output_tokens > 4
    assert [bill.produced_tokens for bill in lab.bills] == [plain.usage.output_tokens] * 2


@pytest.mark.parametrize("stream", [False, True])
async def test_refusal(lab, clients, call, flavour, stream) -> None:
    """A refusal is a success to the SDK: an empty message whose reason to stop says so."""
    lab.stage.set(Scene("before", "content_filtered", {"variant": "refusal", "stream": stream}))
    client = clients("anthropic", lab.root("failing-anthropic") + STAGE, flavour)
    asking: dict[str, Any] = {"model": MODEL, "max_tokens": 20, "messages": messages("hello"), "stream": stream}
    reply = await call.settle(client.messages.create(**asking))
    if stream:
        events = await call.items(reply)
        ending = next(event for event in events if event.type == "message_delta").delta
    else:
        ending = reply
        assert [block.text for block in reply.content] == [""]
    assert (ending.stop_reason, ending.stop_details.category) == ("refusal", "cyber")


async def test_drained_window(lab, clients, call, flavour) -> None:
    """The headers of a drained window reach the caller in the exception."""
    lab.stage.set(Scene("before", "window_drained"))
    client = clients("anthropic", lab.root("failing-anthropic") + STAGE, flavour)
    with pytest.raises(anthropic.RateLimitError) as caught:
        await call.settle(client.messages.create(model=MODEL, max_tokens=20, messages=messages("hello")))
    assert caught.value.response.headers["anthropic-ratelimit-unified-status"] == "rejected"
    assert caught.value.response.headers["retry-after"] == "7999"
