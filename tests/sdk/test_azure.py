"""The OpenAI SDK's own Azure client against the fake, by deployment; and its plain client by `/openai/v1`."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest
from banstorm.fakes.answer import ANSWER_SCHEMA, TOOL_NAME, Shape, expected, expected_object

MODEL = "gpt-4.1"
VERSION = "2024-10-21"
TOOLS = [{"type": "function", "function": {"name": TOOL_NAME, "description": "…", "parameters": ANSWER_SCHEMA}}]
FORCED = {"type": "function", "function": {"name": TOOL_NAME}}
FORMAT = {"type": "json_schema", "json_schema": {"name": "answer", "schema": ANSWER_SCHEMA, "strict": True}}


@pytest.fixture
async def make(flavour, call):
    """Makes Azure clients that don't retry unless told to."""
    made: list[Any] = []

    def client(endpoint: str, **options: Any) -> Any:
        maker: Any = openai.AzureOpenAI if flavour == "sync" else openai.AsyncAzureOpenAI
        options = {"api_key": "k", "api_version": VERSION, "max_retries": 0, "timeout": 20, **options}
        made.append(maker(azure_endpoint=endpoint, **options))
        return made[-1]

    yield client
    for each in made:
        await call.settle(each.close())


@pytest.fixture
def azure(make, lab) -> Any:
    """A client pointed at the fake."""
    return make(lab.root("azure"))


def ask(client: Any, text: str, **options: Any) -> Any:
    """One question."""
    return client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": text}], **options)


async def test_text(azure, call, lab) -> None:
    """A marked prompt's words come back, with what the filters found, usage, and a request id."""
    reply = await call.settle(ask(azure, call.prompt(Shape.TEXT, 5)))
    assert expected(call.mark(Shape.TEXT, 5), "azure") == reply.choices[0].message.content
    assert reply.choices[0].content_filter_results["hate"] == {"filtered": False, "severity": "safe"}
    assert reply.prompt_filter_results[0]["prompt_index"] == 0
    assert reply.usage.completion_tokens == 5
    assert reply._request_id
    [bill] = lab.bills
    assert (bill.model, bill.produced_tokens, bill.completed) == (MODEL, 5, True)


async def test_entra_token(make, lab, call) -> None:
    """A token of Entra ID opens the door as a key does."""
    client = make(lab.root("azure"), api_key=None, azure_ad_token="eyJ0")
    reply = await call.settle(ask(client, call.prompt(Shape.TEXT, 2)))
    assert reply.choices[0].finish_reason == "stop"


async def test_newer_path(clients, lab, flavour, call) -> None:
    """The plain client speaks to `/openai/v1`, with the key as a bearer token and without a version."""
    client = clients("openai", lab.root("azure") + "/openai/v1", flavour)
    reply = await call.settle(ask(client, call.prompt(Shape.TEXT, 2)))
    assert expected(call.mark(Shape.TEXT, 2), "azure") == reply.choices[0].message.content
    assert MODEL in {model.id for model in (await call.settle(client.models.list())).data}


async def test_stream(azure, call) -> None:
    """A stream begins with a chunk without choices, and then is OpenAI's."""
    options = {"stream": True, "stream_options": {"include_usage": True}}
    chunks = await call.items(await call.settle(ask(azure, call.prompt(Shape.TEXT, 4), **options)))
    about_prompt, first, *middle, last, usage = chunks
    assert (about_prompt.choices, about_prompt.id, about_prompt.created) == ([], "", 0)
    assert about_prompt.prompt_filter_results
    assert first.choices[0].delta.role == "assistant"
    assert "".join(chunk.choices[0].delta.content for chunk in middle) == expected(call.mark(Shape.TEXT, 4), "azure")
    assert last.choices[0].finish_reason == "stop"
    assert (usage.choices, usage.usage.completion_tokens) == ([], 4)


async def test_tool(azure, call) -> None:
    """A forced tool is called with the words as its arguments, whole and streamed."""
    wanted = expected_object(call.mark(Shape.TOOL, 3), "azure")
    options: Any = {"tools": TOOLS, "tool_choice": FORCED}
    reply = await call.settle(ask(azure, call.prompt(Shape.TOOL, 3), **options))
    [tool] = reply.choices[0].message.tool_calls
    assert (tool.function.name, json.loads(tool.function.arguments)) == (TOOL_NAME, wanted)
    chunks = await call.items(await call.settle(ask(azure, call.prompt(Shape.TOOL, 3), stream=True, **options)))
    deltas = [chunk.choices[0].delta.tool_calls[0] for chunk in chunks[1:-1]]
    assert deltas[0].function.name == TOOL_NAME
    assert json.loads("".join(delta.function.arguments for delta in deltas)) == wanted


async def test_json_schema(azure, call) -> None:
    """A JSON answer is the object that was asked for."""
    reply = await call.settle(ask(azure, call.prompt(Shape.JSON, 3), response_format=FORMAT))
    assert json.loads(reply.choices[0].message.content) == expected_object(call.mark(Shape.JSON, 3), "azure")
