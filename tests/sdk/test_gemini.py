"""Google's own SDK against the fake Gemini."""

from __future__ import annotations

import json
from typing import Any

import pytest
from banstorm.fakes.answer import ANSWER_SCHEMA, TOOL_NAME, Shape, expected, expected_object
from banstorm.fakes.dialects import find
from google import genai
from google.genai import errors, types
from pydantic import BaseModel

MODEL = "gemini-3.8-flash"
TOOLS = types.Tool(
    function_declarations=[types.FunctionDeclaration(name=TOOL_NAME, parameters_json_schema=ANSWER_SCHEMA)]
)
FAILURES = {
    "bad_key": ("ClientError", 400, "INVALID_ARGUMENT"),
    "bad_request": ("ClientError", 400, "INVALID_ARGUMENT"),
    "billing_problem": ("ClientError", 400, "FAILED_PRECONDITION"),
    "capacity_exceeded": ("ClientError", 429, "RESOURCE_EXHAUSTED"),
    "context_too_long": ("ClientError", 400, "INVALID_ARGUMENT"),
    "daily_limited": ("ClientError", 429, "RESOURCE_EXHAUSTED"),
    "key_expired": ("ClientError", 400, "INVALID_ARGUMENT"),
    "missing_key": ("ClientError", 403, "PERMISSION_DENIED"),
    "model_not_found": ("ClientError", 404, "NOT_FOUND"),
    "model_retired": ("ClientError", 404, "NOT_FOUND"),
    "org_disabled": ("ClientError", 403, "PERMISSION_DENIED"),
    "overloaded": ("ServerError", 503, "UNAVAILABLE"),
    "permission_denied": ("ClientError", 403, "PERMISSION_DENIED"),
    "quota_exhausted": ("ClientError", 429, "RESOURCE_EXHAUSTED"),
    "rate_limited": ("ClientError", 429, "RESOURCE_EXHAUSTED"),
    "region_blocked": ("ClientError", 400, "FAILED_PRECONDITION"),
    "request_too_large": ("ClientError", 400, "INVALID_ARGUMENT"),
    "server_error": ("ServerError", 500, "INTERNAL"),
    "timeout": ("ServerError", 504, "DEADLINE_EXCEEDED"),
    "unknown_url": ("ClientError", 404, "Not Found"),
    "wrong_method": ("ClientError", 404, "Not Found"),
}
IN_200 = {"content_filtered", "error_in_200"}
RETRIED = {
    "capacity_exceeded",
    "daily_limited",
    "overloaded",
    "quota_exhausted",
    "rate_limited",
    "server_error",
    "timeout",
}


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


def test_table_is_whole() -> None:
    """Every failure that the dialect has stands in a table here."""
    assert set(FAILURES) | IN_200 == find("gemini").failures


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(("kind", "row"), FAILURES.items())
async def test_failures(models, call, lab, kind, row, streamed) -> None:
    """The SDK raises the class, with the code and status, that the real API's failure makes it raise, at once."""
    made = models("failing-gemini", f"/{kind}")
    ask = made.generate_content_stream if streamed else made.generate_content

    async def outcome() -> Any:
        reply = await call.settle(ask(model=MODEL, contents="hello"))
        return await call.items(reply) if streamed else reply

    with pytest.raises(errors.APIError) as caught:
        await outcome()
    error = caught.value
    assert (type(error).__name__, error.code, error.status) == row
    assert lab.hits[kind] == 1


async def test_array_failure(models, call, lab) -> None:
    """A failure in array form, as a stream without events has it, is unwrapped."""
    lab.details = {"alt": "json"}
    made = models("failing-gemini", "/rate_limited")
    ask = made.generate_content_stream

    async def outcome() -> Any:
        return await call.items(await call.settle(ask(model=MODEL, contents="hello")))

    with pytest.raises(errors.ClientError) as caught:
        await outcome()
    assert (caught.value.code, caught.value.status) == (429, "RESOURCE_EXHAUSTED")


@pytest.mark.parametrize("kind", sorted(FAILURES))
async def test_retries(models, call, lab, kind) -> None:
    """Told to retry, the SDK tries five times what it takes for transient; the wait in the body means nothing to it."""
    lab.details = {"retry_after": 3600}
    quick = types.HttpRetryOptions(attempts=5, initial_delay=0.001, max_delay=0.002, jitter=0.001)
    made = models("failing-gemini", f"/{kind}", retry_options=quick)
    with pytest.raises(errors.APIError):
        await call.settle(made.generate_content(model=MODEL, contents="hello"))
    assert lab.hits[kind] == (5 if kind in RETRIED else 1)


async def test_blocked_prompt(models, call) -> None:
    """A blocked prompt is a success without candidates, and no exception."""
    reply = await call.settle(
        models("failing-gemini", "/content_filtered").generate_content(model=MODEL, contents="hello")
    )
    assert reply.candidates is None
    assert reply.text is None
    assert reply.prompt_feedback.block_reason == types.BlockedReason.PROHIBITED_CONTENT


async def test_limited_account(models, call) -> None:
    """An account that was limited gets successes without content: only the finish reason tells."""
    reply = await call.settle(models("failing-gemini", "/error_in_200").generate_content(model=MODEL, contents="hello"))
    assert reply.text is None
    assert reply.candidates[0].finish_reason.value == "PUP_LIMITED_DISABLED"  # which the older SDK has no name for


async def test_stream_error(models, call) -> None:
    """An error inside a stream surfaces as the class of its own code, after the chunks before it."""
    stream = await call.settle(
        models("failing-gemini", "/stream-overloaded").generate_content_stream(model=MODEL, contents="hello")
    )
    with pytest.raises(errors.ServerError) as caught:
        await call.items(stream)
    assert (caught.value.code, caught.value.status) == (503, "UNAVAILABLE")
