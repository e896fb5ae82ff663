"""OpenAI's official SDK talks to the front unmodified: chat completions, responses, embeddings, models."""

from __future__ import annotations

import json

import httpx
import openai
import pytest
from banstorm.router.build import build_pool
from pydantic import BaseModel

BAN = {"type": "error", "error": {"type": "invalid_request_error", "message": "This organization has been disabled."}}
HELLO = [{"role": "user", "content": "hello"}]
PARAMETERS = {"type": "object", "properties": {"words": {"type": "string"}}, "required": ["words"]}
TOOL = {"type": "function", "name": "look_up", "parameters": PARAMETERS, "strict": True}
VECTORS = {
    "object": "list",
    "model": "text-embedding-3-small",
    "data": [{"object": "embedding", "index": 0, "embedding": [0.5, -0.25]}],
    "usage": {"prompt_tokens": 4, "total_tokens": 4},
}
BOTH = pytest.mark.parametrize("provider", ["anthropic", "openai"])


class Words(BaseModel):
    """A caller's own form."""

    words: str


def sdk(b) -> openai.AsyncOpenAI:
    """The SDK, pointed at the router."""
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app=b.app))
    return openai.AsyncOpenAI(base_url="http://router/v1", api_key="any", max_retries=0, http_client=client)


async def routed(bench, provider, **config):
    """A bench whose answers come from this provider."""
    b = await bench(**config)
    if provider == "openai":
        b.anthropic.always = b.anthropic.replies(400, BAN)
    return b


@BOTH
async def test_a_completion_plain_and_streamed(bench, provider):
    """Chat completions, whole and in pieces, with counts where they were asked for."""
    b = await routed(bench, provider)
    whole = await sdk(b).chat.completions.create(model="any", messages=HELLO)
    assert (f"{provider} is well", 18) == (whole.choices[0].message.content, whole.usage.total_tokens)
    stream = await sdk(b).chat.completions.create(
        model="any", messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
    assert (f"{provider} is well ", 18) == (text, chunks[-1].usage.total_tokens)
    assert all(chunk.model_extra in (None, {}) for chunk in chunks), "nothing of the router's own is in a chunk"


@BOTH
async def test_a_response(bench, provider):
    """The Responses API: text, counts and status, from either dialect."""
    b = await routed(bench, provider)
    response = await sdk(b).responses.create(
        model="any", input="hello", instructions="Be brief.", max_output_tokens=50, temperature=0.5
    )
    assert (f"{provider} is well", "completed") == (response.output_text, response.status)
    assert (15, 3, 18) == (response.usage.input_tokens, response.usage.output_tokens, response.usage.total_tokens)
    assert ("Be brief.", 0.5) == (response.instructions, response.temperature)


@BOTH
async def test_a_streamed_response(bench, provider):
    """Its events are numbered from 0, in the vendor's order, and the last one holds the whole response."""
    b = await routed(bench, provider)
    stream = await sdk(b).responses.create(model="any", input="hello", stream=True)
    events = [event async for event in stream]
    assert list(range(len(events))) == [event.sequence_number for event in events]
    kinds = [event.type for event in events if event.type != "response.output_text.delta"]
    assert [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ] == kinds
    deltas = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert f"{provider} is well " == deltas == events[-1].response.output_text
    assert 18 == events[-1].response.usage.total_tokens


@BOTH
@pytest.mark.parametrize("stream", [False, True])
async def test_a_responses_tool(bench, provider, stream):
    """A function call is an item of the output, with its arguments as text, plain and streamed."""
    b = await routed(bench, provider)
    more = {"model": "any", "input": "hello", "tools": [TOOL], "tool_choice": "required"}
    if stream:
        events = [event async for event in await sdk(b).responses.create(stream=True, **more)]
        pieces = [event.delta for event in events if event.type == "response.function_call_arguments.delta"]
        response = events[-1].response
        assert response.output[0].arguments == "".join(pieces)
    else:
        response = await sdk(b).responses.create(**more)
    (call,) = response.output
    assert ("function_call", "look_up") == (call.type, call.name)
    assert {"words": f"{provider} is well"} == json.loads(call.arguments)
    assert call.call_id


@BOTH
async def test_a_form_of_the_callers(bench, provider):
    """`responses.parse` and `chat.completions.parse` get their form from either dialect."""
    b = await routed(bench, provider)
    parsed = await sdk(b).responses.parse(model="any", input="hello", text_format=Words)
    assert Words(words=f"{provider} is well") == parsed.output_parsed
    completion = await sdk(b).chat.completions.parse(model="any", messages=HELLO, response_format=Words)
    assert Words(words=f"{provider} is well") == completion.choices[0].message.parsed


async def test_a_conversation_of_items(bench):
    """Items of earlier turns become messages: calls, results, pictures; thoughts are left out."""
    b = await routed(bench, "openai")
    seen = {"image_url": "data:image/png;base64,aGk=", "detail": "low"}
    items = [
        {"role": "user", "content": [{"type": "input_text", "text": "go"}]},
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I look."}]},
        {"type": "function_call", "call_id": "call_9", "name": "look_up", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_9", "output": "42"},
        {
            "role": "user",
            "content": [{"type": "input_image", **seen}],
        },
    ]
    await sdk(b).responses.create(model="any", input=items)
    call = {"id": "call_9", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk=", "detail": "low"}}
    assert [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": "I look.", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_9", "content": "42"},
        {"role": "user", "content": [picture]},
    ] == b.openai.requests[-1].body["messages"]


@pytest.mark.parametrize(
    "more",
    [
        {"previous_response_id": "resp_1"},
        {"background": True},
        {"tools": [{"type": "web_search"}]},
        {"input": []},
        {"input": [{"type": "item_reference", "id": "x"}]},
        {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}]},
    ],
)
async def test_what_needs_state_is_refused(bench, more):
    """What leans on stored state or the vendor's own tools is a 400 that names it; no provider sees it."""
    b = await bench()
    with pytest.raises(openai.BadRequestError):
        await sdk(b).responses.create(**{"model": "any", "input": "hello", **more})
    assert [] == b.anthropic.requests == b.openai.requests


async def test_a_response_that_breaks_off(bench):
    """A stream that is cut raises in the SDK, and no event says that it was completed."""
    b = await bench(fallback=False)
    b.anthropic.always = b.anthropic.streams(*b.anthropic.events()[:-3])
    stream = await sdk(b).responses.create(model="any", input="hello", stream=True)
    kinds = []
    with pytest.raises(openai.APIError, match="the answer is incomplete"):  # noqa: PT012 - it raises midway
        async for event in stream:
            kinds.append(event.type)  # noqa: PERF401 - they are wanted although it raises
    assert "response.output_text.delta" in kinds
    assert "response.completed" not in kinds


async def test_an_incomplete_response(bench):
    """An answer that was cut by max_output_tokens is `incomplete`, with the reason."""
    b = await routed(bench, "openai")

    async def cut(exchange):
        answer = {"role": "assistant", "content": "half an"}
        await exchange.reply(
            200, {"model": "m", "choices": [{"index": 0, "message": answer, "finish_reason": "length"}]}
        )

    b.openai.always = cut
    response = await sdk(b).responses.create(model="any", input="hello")
    assert ("incomplete", "max_output_tokens") == (response.status, response.incomplete_details.reason)


async def test_embeddings(upstream, bench):
    """Embeddings come from whoever is said to offer that model, and are never taken from another model."""
    b = await bench()
    provider = b.router.lanes[1].provider
    provider.options["embeddings"] = {"text-embedding-3-small": "our-deployment"}
    b.openai.always = b.openai.replies(200, VECTORS)
    made = await sdk(b).embeddings.create(model="text-embedding-3-small", input=["hello"], encoding_format="float")
    assert ([0.5, -0.25], 4, "text-embedding-3-small") == (made.data[0].embedding, made.usage.prompt_tokens, made.model)
    (sent,) = b.openai.requests
    assert ("/v1/embeddings", "our-deployment", ["hello"]) == (sent.path, sent.body["model"], sent.body["input"])
    with pytest.raises(openai.BadRequestError, match="no embeddings of that model"):
        await sdk(b).embeddings.create(model="another", input="hello")
    assert [] == b.anthropic.requests


async def test_embeddings_that_fail_are_told_apart(bench):
    """A ban behind an embeddings call closes the provider as it would behind a chat."""
    b = await bench()
    for lane in b.router.lanes:
        lane.provider.options["embeddings"] = ["e"]
    b.openai.always = b.openai.replies(401, {"error": {"message": "no", "code": "account_deactivated"}})
    with pytest.raises(openai.InternalServerError, match="org_disabled"):
        await sdk(b).embeddings.create(model="e", input="hello")


async def test_models(bench):
    """The models that callers may name are listed."""
    b = await bench()
    assert ["anthropic-model", "openai-model"] == [model.id async for model in sdk(b).models.list()]


async def test_a_model(bench):
    """A model is told by its name, slashes and all, and an unknown one is OpenAI's 404."""
    b = await bench()
    added = b.app.config.providers[1].model_copy(update={"name": "third", "model": "org/open-model"})
    b.router.fleet.add(build_pool(b.app.config, added))
    for name, owner in (("openai-model", "openai"), ("org/open-model", "third")):
        model = await sdk(b).models.retrieve(name)
        assert (name, "model", owner) == (model.id, model.object, model.owned_by)
    with pytest.raises(openai.NotFoundError) as caught:
        await sdk(b).models.retrieve("nobody/knows")
    assert ("model_not_found", "model") == (caught.value.code, caught.value.param)
    assert "`nobody/knows` does not exist" in caught.value.message
    assert 405 == (await b.client.delete("/v1/models/openai-model")).status_code
