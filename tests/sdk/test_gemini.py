"""Google's own SDK against the fake Gemini."""

from __future__ import annotations

import json
from typing import Any

import pytest
from banstorm.fakes.answer import ANSWER_SCHEMA, TOOL_NAME, Shape, expected, expected_object
from google import genai
from google.genai import errors, types
from proof.scene import STAGE, Scene
from pydantic import BaseModel

MODEL = "gemini-3.8-flash"
TOOLS = types.Tool(
    function_declarations=[types.FunctionDeclaration(name=TOOL_NAME, parameters_json_schema=ANSWER_SCHEMA)]
)


@pytest.fixture
async def models(lab, flavour):
    """Makes the SDK's `models`, pointed at a path of the fake's: ``models(path, **http_options)``."""
    made = []

    def make(server: str = "gemini", path: str = "", **options: Any) -> Any:
        http = types.HttpOptions(base_url=f"{lab.root(server)}{path}", timeout=20_000, **options)
        client = genai.Client(api_key="AIzaSy-test", http_options=http)
        made.append(client)
        return client.models if flavour == "sync" else client.aio.models

    yield make
    for client in made:
        await client.aio.aclose()
        client.close()


@pytest.mark.parametrize("version", ["v1", "v1beta"])
async def test_text(models, call, lab, version) -> None:
    """A marked prompt's words come back as the answer's text, with usage, in both versions of the API."""
    reply = await call.settle(
        models(api_version=version).generate_content(
            model=MODEL,
            contents=call.prompt(Shape.TEXT, 5),
            config=types.GenerateContentConfig(system_instruction="Be exact.", temperature=0),
        )
    )
    assert reply.text == expected(call.mark(Shape.TEXT, 5), "gemini")
    assert reply.candidates[0].finish_reason == types.FinishReason.STOP
    assert (reply.model_version, len(reply.response_id)) == (MODEL, 22)
    usage = reply.usage_metadata
    assert (usage.candidates_token_count, usage.total_token_count) == (5, usage.prompt_token_count + 5)
    [bill] = lab.bills
    assert (bill.model, bill.input_tokens, bill.produced_tokens) == (MODEL, usage.prompt_token_count, 5)
    assert bill.usd == pytest.approx((bill.input_tokens * 0.75 + 5 * 3.75) / 1e6)


async def test_stream(models, call, lab) -> None:
    """A stream carries one word a chunk, the usage up to it in each, and the finish reason in the last."""
    stream = await call.settle(
        models().generate_content_stream(model=MODEL, contents=call.prompt(Shape.TEXT, 4), config={})
    )
    chunks = await call.items(stream)
    assert "".join(chunk.text for chunk in chunks) == expected(call.mark(Shape.TEXT, 4), "gemini")
    assert [chunk.usage_metadata.candidates_token_count for chunk in chunks] == [1, 2, 3, 4]
    assert [chunk.candidates[0].finish_reason for chunk in chunks] == [None, None, None, types.FinishReason.STOP]
    assert {chunk.response_id for chunk in chunks} == {chunks[0].response_id}
    assert [bill.produced_tokens for bill in lab.bills] == [4]


@pytest.mark.parametrize("mode", ["forced", "ANY", "AUTO"])
@pytest.mark.parametrize("streamed", [False, True])
async def test_tool(models, call, lab, mode, streamed) -> None:
    """A function that is forced, required or offered is called with the words as its arguments, whole in a stream."""
    calling = {"mode": "ANY", "allowed_function_names": [TOOL_NAME]} if mode == "forced" else {"mode": mode}
    config = types.GenerateContentConfig(
        tools=[TOOLS],
        tool_config=types.ToolConfig(function_calling_config=types.FunctionCallingConfig(**calling)),
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )
    given = {"model": MODEL, "contents": call.prompt(Shape.TOOL, 3), "config": config}
    if streamed:
        [reply] = await call.items(await call.settle(models().generate_content_stream(**given)))
    else:
        reply = await call.settle(models().generate_content(**given))
    [function] = reply.function_calls
    assert (function.name, function.args) == (TOOL_NAME, expected_object(call.mark(Shape.TOOL, 3), "gemini"))
    assert reply.candidates[0].finish_reason == types.FinishReason.STOP
    assert reply.usage_metadata.candidates_token_count == 3
    assert [bill.produced_tokens for bill in lab.bills] == [3]


@pytest.mark.parametrize("model", [MODEL, "gemini-2.5-flash"])
async def test_tool_conversation(models, call, model) -> None:
    """A person's own agent loop ends: the function is called on the first turn, its result is answered with text."""
    weather = {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}, "required": ["city"]}
    tool = types.Tool(function_declarations=[types.FunctionDeclaration(name="weather", parameters=weather)])
    history = [types.UserContent("What is the weather in Oslo?")]
    first = await call.settle(models().generate_content(model=model, contents=history, config={"tools": [tool]}))
    [asked] = first.function_calls
    assert isinstance(asked.args["city"], str)
    answer = types.Part.from_function_response(name=asked.name, response={"result": "2 degrees"})
    history += [first.candidates[0].content, types.UserContent(answer)]
    second = await call.settle(models().generate_content(model=model, contents=history, config={"tools": [tool]}))
    assert second.text
    assert not second.function_calls


async def test_forgotten_signature(models, call) -> None:
    """A history that lost the signature of a call, as a router's own format may lose it, is refused."""
    history = [
        types.UserContent("What is the weather in Oslo?"),
        types.ModelContent(types.Part.from_function_call(name="weather", args={})),
        types.UserContent(types.Part.from_function_response(name="weather", response={"result": "2 degrees"})),
    ]
    with pytest.raises(errors.ClientError, match="missing a thought_signature") as caught:
        await call.settle(models().generate_content(model=MODEL, contents=history))
    assert caught.value.code == 400


async def test_json_schema(models, call) -> None:
    """A JSON answer is the object that was asked for with a JSON schema."""
    config = types.GenerateContentConfig(response_mime_type="application/json", response_json_schema=ANSWER_SCHEMA)
    reply = await call.settle(
        models().generate_content(model=MODEL, contents=call.prompt(Shape.JSON, 3), config=config)
    )
    assert json.loads(reply.text) == expected_object(call.mark(Shape.JSON, 3), "gemini")


class Step(BaseModel):
    """A part of the caller's own model."""

    explanation: str
    done: bool


class Plan(BaseModel):
    """A caller's own model."""

    title: str
    steps: list[Step]
    answer: str
    note: str | None


async def test_parse(models, call) -> None:
    """The SDK turns the answer into the caller's own model, which it sent in the vendor's own kind of schema."""
    config = types.GenerateContentConfig(response_mime_type="application/json", response_schema=Plan)
    reply = await call.settle(
        models().generate_content(model=MODEL, contents=call.prompt(Shape.JSON, 3), config=config)
    )
    assert isinstance(reply.parsed, Plan)
    assert reply.parsed.answer == expected(call.mark(Shape.JSON, 3), "gemini")


async def test_max_tokens(models, call) -> None:
    """An answer longer than the caller allows is cut at that token and says so."""
    reply = await call.settle(
        models().generate_content(model=MODEL, contents=call.prompt(Shape.TEXT, 9), config={"max_output_tokens": 4})
    )
    assert reply.text.split() == expected(call.mark(Shape.TEXT, 9), "gemini").split()[:4]
    assert reply.candidates[0].finish_reason == types.FinishReason.MAX_TOKENS
    assert reply.usage_metadata.candidates_token_count == 4


async def test_parts_and_turns(models, call) -> None:
    """Pictures and earlier turns may stand around the question."""
    contents = [
        types.UserContent("An earlier question"),
        types.ModelContent("An earlier answer"),
        types.UserContent([types.Part.from_bytes(data=b"\x89PNG", mime_type="image/png"), call.prompt(Shape.TEXT, 2)]),
    ]
    reply = await call.settle(models().generate_content(model=MODEL, contents=contents))
    assert reply.text == expected(call.mark(Shape.TEXT, 2), "gemini")


async def test_count_tokens(models, call, lab) -> None:
    """Tokens are counted as an answer's usage counts them, for nothing."""
    counted = await call.settle(models().count_tokens(model=MODEL, contents="How many tokens are these?"))
    reply = await call.settle(models().generate_content(model=MODEL, contents="How many tokens are these?"))
    assert counted.total_tokens == reply.usage_metadata.prompt_token_count > 0
    assert lab.bills[0].usd == 0


async def test_models(models, call) -> None:
    """Models can be listed, and any name can be looked up."""
    page = await call.settle(models().list())
    assert f"models/{MODEL}" in [model.name for model in await call.items(page)]
    one = await call.settle(models().get(model="gemini-of-nobody"))
    assert one.name == "models/gemini-of-nobody"
    assert "generateContent" in one.supported_actions


async def test_array_failure(models, call, lab) -> None:
    """A failure in array form, as a stream without events has it, is unwrapped."""
    lab.stage.set(Scene("before", "rate_limited", {"alt": "json"}))
    ask = models("failing-gemini", STAGE).generate_content_stream

    async def outcome() -> Any:
        return await call.items(await call.settle(ask(model=MODEL, contents="hello")))

    with pytest.raises(errors.ClientError) as caught:
        await outcome()
    assert (caught.value.code, caught.value.status) == (429, "RESOURCE_EXHAUSTED")


async def test_version_of_the_api(models, call, lab) -> None:
    """Left to itself, the SDK of the 1.x series asks for `/v1beta`, and that of the 3.x series for `/v1`."""
    lab.stage.set(Scene("before", "overloaded"))
    with pytest.raises(errors.ServerError):
        await call.settle(models("failing-gemini", STAGE).generate_content(model=MODEL, contents="hello"))
    version = "v1beta" if int(genai.__version__.partition(".")[0]) < 3 else "v1"
    assert lab.stage.paths == [f"/{version}/models/{MODEL}:generateContent"]
