"""Anthropic's official SDK talks to the front unmodified, whoever answers behind it."""

from __future__ import annotations

import json

import anthropic
import httpx
import pytest
from banstorm.router.terms import CURRENT, Terms

BAN = {"type": "error", "error": {"type": "invalid_request_error", "message": "This organization has been disabled."}}
OVERLOADED = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
TOOL = {"name": "look_up", "description": "Look it up.", "input_schema": {"type": "object"}}
HELLO = [{"role": "user", "content": "hello"}]
PICTURE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}


def sdk(b) -> anthropic.AsyncAnthropic:
    """The SDK, pointed at the router."""
    transport = httpx.ASGITransport(app=b.app)
    client = httpx.AsyncClient(transport=transport, base_url="http://router")
    return anthropic.AsyncAnthropic(base_url="http://router", api_key="any", max_retries=0, http_client=client)


@pytest.mark.parametrize("provider", ["anthropic", "openai"])
async def test_a_message(bench, provider):
    """A plain message, with its stop reason and its counts, from either dialect."""
    b = await bench()
    if provider == "openai":
        b.anthropic.always = b.anthropic.replies(400, BAN)
    message = await sdk(b).messages.create(model="any", max_tokens=50, messages=HELLO, system="Be brief.")
    assert (f"{provider} is well", "end_turn") == (message.content[0].text, message.stop_reason)
    counts = (message.usage.input_tokens, message.usage.cache_read_input_tokens or 0, message.usage.output_tokens)
    assert counts == ((10, 5, 3) if provider == "anthropic" else (15, 0, 3))


@pytest.mark.parametrize("provider", ["anthropic", "openai"])
async def test_a_streamed_message(bench, provider):
    """The SDK's own accumulation of the stream gives the same message, from either dialect."""
    b = await bench()
    if provider == "openai":
        b.anthropic.always = b.anthropic.replies(529, OVERLOADED)
    async with sdk(b).messages.stream(model="any", max_tokens=50, messages=HELLO) as stream:
        text = "".join([piece async for piece in stream.text_stream])
        message = await stream.get_final_message()
    assert (f"{provider} is well ", "end_turn") == (text, message.stop_reason)
    assert 3 == message.usage.output_tokens


@pytest.mark.parametrize("provider", ["anthropic", "openai"])
@pytest.mark.parametrize("stream", [False, True])
async def test_a_tool(bench, provider, stream):
    """A tool's call comes with its input parsed, from either dialect, plain or streamed."""
    b = await bench()
    if provider == "openai":
        b.anthropic.always = b.anthropic.replies(400, BAN)
    more = {"model": "any", "max_tokens": 50, "messages": HELLO, "tools": [TOOL], "tool_choice": {"type": "any"}}
    if stream:
        async with sdk(b).messages.stream(**more) as streamed:
            message = await streamed.get_final_message()
    else:
        message = await sdk(b).messages.create(**more)
    block = message.content[0]
    assert ("tool_use", "look_up", {"words": f"{provider} is well"}) == (block.type, block.name, block.input)
    assert "tool_use" == message.stop_reason
    if provider == "openai":
        assert "required" == b.openai.requests[-1].body["tool_choice"]


async def test_nothing_is_lost_on_the_way_to_the_same_dialect(bench):
    """What only Anthropic knows reaches Anthropic as it was written, its beta header included."""
    b = await bench()
    system = [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}]
    thinking = {"type": "enabled", "budget_tokens": 1024}
    await sdk(b).messages.create(
        model="any",
        max_tokens=2048,
        messages=[{"role": "user", "content": [PICTURE, {"type": "text", "text": "what?"}]}],
        system=system,
        thinking=thinking,
        top_k=5,
        extra_headers={"anthropic-beta": "interleaved-thinking-2025-05-14"},
    )
    (sent,) = b.anthropic.requests
    assert (system, thinking, 5) == (sent.body["system"], sent.body["thinking"], sent.body["top_k"])
    assert PICTURE == sent.body["messages"][0]["content"][0]
    assert ("anthropic-model", "interleaved-thinking-2025-05-14") == (
        sent.body["model"],
        sent.headers["anthropic-beta"],
    )


async def test_a_stream_of_the_same_dialect_passes_event_for_event(bench):
    """Events that chunks have no word for (pings, signatures) reach the caller too."""
    b = await bench()
    signed = {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "xyz"}}
    from_vendor = b.anthropic.events()

    def with_signature(events: list[bytes]) -> list[bytes]:
        return [*events[:4], f"event: content_block_delta\ndata: {json.dumps(signed)}\n\n".encode(), *events[4:]]

    b.anthropic.always = b.anthropic.streams(*with_signature(from_vendor))
    response = await b.client.post(
        "/v1/messages", json={"model": "any", "max_tokens": 9, "messages": HELLO, "stream": True}
    )
    assert b"".join(with_signature(from_vendor)) == response.content


async def test_what_was_left_out_is_told(bench):
    """When another dialect answers, the response names what it had no word for."""
    b = await bench()
    b.anthropic.always = b.anthropic.replies(400, BAN)
    body = {"model": "any", "max_tokens": 9, "messages": HELLO, "top_k": 5, "thinking": {"type": "adaptive"}}
    for stream in (False, True):
        response = await b.client.post("/v1/messages", json={**body, "stream": stream})
        assert (200, "openai") == (response.status_code, response.headers["x-llm-provider"])
        assert {"dropped top_k", "dropped thinking"} <= set(response.headers["x-llm-adapted"].split(", "))


@pytest.mark.parametrize(
    ("content", "tools"),
    [
        ([{"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "aGk="}}], []),
        ("hello", [{"type": "web_search_20250305", "name": "web_search"}]),
    ],
)
async def test_what_only_one_vendor_can_do_is_not_asked_of_another(bench, content, tools):
    """A question that can't be translated goes to nobody who would answer another one."""
    b = await bench()
    b.anthropic.always = b.anthropic.replies(529, OVERLOADED)
    with pytest.raises(anthropic.APIStatusError) as caught:
        await sdk(b).messages.create(
            model="any", max_tokens=9, messages=[{"role": "user", "content": content}], tools=tools
        )
    assert 503 == caught.value.status_code
    assert "overloaded_error" == caught.value.body["error"]["type"]
    assert [] == b.openai.requests


async def test_a_history_of_tools_is_translated(bench):
    """Calls and their results of earlier turns reach another dialect as its own."""
    b = await bench()
    b.anthropic.always = b.anthropic.replies(400, BAN)
    result = {"type": "tool_result", "tool_use_id": "toolu_9", "content": [{"type": "text", "text": "42"}]}
    messages = [
        {"role": "user", "content": "go"},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "hm", "signature": "s"},
                {"type": "text", "text": "I look."},
                {"type": "tool_use", "id": "toolu_9", "name": "look_up", "input": {"q": 1}},
            ],
        },
        {"role": "user", "content": [result, {"type": "text", "text": "and?"}]},
    ]
    await sdk(b).messages.create(model="any", max_tokens=9, messages=messages, tools=[TOOL])
    call = {"id": "toolu_9", "type": "function", "function": {"name": "look_up", "arguments": '{"q":1}'}}
    assert [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": "I look.", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "toolu_9", "content": "42"},
        {"role": "user", "content": [{"type": "text", "text": "and?"}]},
    ] == b.openai.requests[-1].body["messages"]


async def test_errors_in_the_callers_envelope(bench):
    """The SDK's own exceptions arise: a bad request, everybody out, a stream that breaks off."""
    b = await bench(fallback=False)
    client = sdk(b)
    with pytest.raises(anthropic.BadRequestError, match="max_tokens"):
        await client.messages.create(model="any", max_tokens=0, messages=HELLO)
    cut = b.anthropic.events()[:-3]
    b.anthropic.always = b.anthropic.streams(*cut)
    with pytest.raises(anthropic.APIStatusError, match="the answer is incomplete"):
        async with client.messages.stream(model="any", max_tokens=9, messages=HELLO) as stream:
            await stream.get_final_message()
    b.anthropic.always = b.anthropic.replies(400, BAN)
    with pytest.raises(anthropic.InternalServerError, match="All LLM providers exhausted"):
        await client.messages.create(model="any", max_tokens=9, messages=HELLO)


async def test_models(bench):
    """Models are listed and told one by one in Anthropic's shape, and an unknown one is its 404."""
    b = await bench()
    assert ["anthropic-model", "openai-model"] == [model.id async for model in sdk(b).models.list()]
    model = await sdk(b).models.retrieve("anthropic-model")
    assert ("anthropic-model", "model", "anthropic-model") == (model.id, model.type, model.display_name)
    assert 1970 == model.created_at.year
    with pytest.raises(anthropic.NotFoundError, match="model: nobody") as caught:
        await sdk(b).models.retrieve("nobody")
    assert "not_found_error" == caught.value.body["error"]["type"]


async def test_a_model_that_terms_forbid_is_unknown(bench):
    """A caller is told of no model that it may not use."""
    b = await bench()
    token = CURRENT.set(Terms(providers=frozenset({"openai"})))
    try:
        assert "openai-model" == (await sdk(b).models.retrieve("openai-model")).id
        with pytest.raises(anthropic.NotFoundError):
            await sdk(b).models.retrieve("anthropic-model")
    finally:
        CURRENT.reset(token)
