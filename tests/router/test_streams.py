"""Streams: hidden failures before the first token, honest ones after it."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest

OVERLOADED = b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n'
JUNK = b"data: {nonsense\n\n"


def events(b):
    """A good stream of the preferred provider."""
    return b.anthropic.events(model="m", stream=True)


def before_first_token(b):
    """Scripts that fail while nothing but the role has arrived."""
    up, good = b.anthropic, events(b)
    renamed = [event.replace(b'"text":', b'"txt":') for event in good]
    unknown = [event.replace(b"text_delta", b"words_delta") for event in good]
    return {
        "error event first": up.streams(OVERLOADED),
        "error event after the role": up.streams(*good[:3], OVERLOADED),
        "token and error in one packet": up.streams(b"".join([*good[:4], OVERLOADED])),
        "clean end": up.streams(*good[:3]),
        "cut": up.streams(*good[:2], end=False),
        "malformed": up.streams(*good[:2], JUNK),
        "no event at all": up.streams(),
        "wrong content type": up.streams(*good, kind="text/html"),
        "plain JSON instead": up.replies(200, {"type": "message", "content": []}),
        "error object in a 200": up.replies(200, {"type": "error", "error": {"type": "api_error", "message": "x"}}),
        "field renamed": up.streams(*renamed),
        "delta type renamed": up.streams(*unknown),
        "ends without a token": up.streams(*good[:3], *good[-3:]),
        "disconnect": up.disconnects,
    }


def after_first_token(b):
    """Scripts that fail when a token is out."""
    up, good = b.anthropic, events(b)
    return {
        "error event": (up.streams(*good[:4], OVERLOADED), "overloaded"),
        "clean end without terminator": (up.streams(*good[:5]), "stream_cut"),
        "end before message_stop": (up.streams(*good[:-1]), "stream_cut"),
        "stop without reason": (up.streams(*good[:5], good[-1]), "stream_cut"),
        "cut": (up.streams(*good[:4], end=False), "disconnected"),
        "malformed": (up.streams(*good[:4], JUNK), "malformed_event"),
        "field renamed midway": (up.streams(*good[:4], good[5].replace(b'"text":', b'"t":')), "drift_fields"),
    }


BEFORE = [
    "error event first", "error event after the role", "token and error in one packet", "clean end", "cut", "malformed",
    "no event at all", "wrong content type", "plain JSON instead", "error object in a 200", "field renamed",
    "delta type renamed", "ends without a token", "disconnect",
]  # fmt: skip
AFTER = [
    "error event", "clean end without terminator", "end before message_stop", "stop without reason", "cut", "malformed",
    "field renamed midway",
]  # fmt: skip


@pytest.mark.parametrize("case", BEFORE)
async def test_before_the_first_token_nobody_notices(bench, case):
    """Whatever fails before a token has reached the caller, the second provider's whole answer arrives instead."""
    b = await bench()
    cases = before_first_token(b)
    assert cases.keys() == set(BEFORE)
    b.anthropic.script.append(cases[case])
    response, text, _ = await b.ask_stream()
    assert ("openai", "2") == (response.headers["x-llm-provider"], response.headers["x-llm-attempts"])
    assert text == "openai is well "
    assert response.text.endswith("data: [DONE]\n\n")


@pytest.mark.parametrize("case", AFTER)
async def test_after_the_first_token_the_end_is_honest(bench, case):
    """A stream that breaks later ends with one error event and no [DONE], so nobody takes it for a whole answer."""
    b = await bench()
    cases = after_first_token(b)
    assert cases.keys() == set(AFTER)
    script, reason = cases[case]

    async def gated(exchange):
        # What arrives in one packet with its failure is not given out, so the failure waits for the token to be out.
        sent, send = 0, exchange.send

        async def send_and_wait(data):
            nonlocal sent
            await send(data)
            sent += 1
            if sent == 4:
                await out.wait()

        exchange.send = send_and_wait
        await script(exchange)

    b.anthropic.script.append(gated)
    out = asyncio.Event()
    serve = b.app.__call__

    async def app(scope, receive, send):
        async def watched(message):
            await send(message)
            if b"anthropic" in message.get("body", b""):
                out.set()

        await serve(scope, receive, watched)

    b.client = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://router")
    response, text, sent = await b.ask_stream()
    assert response.status_code == 200
    assert text.startswith("anthropic ")
    errors = [event["error"] for event in sent if "error" in event]
    assert ["stream_interrupted"] == [error["code"] for error in errors]
    assert reason in errors[0]["message"]
    assert "[DONE]" not in response.text
    assert len(b.openai.requests) == 0


@pytest.mark.parametrize(
    ("cut", "reason"),
    [(lambda e: e[:-1], "stream_cut"), (lambda e: [*e[:2], e[-1]], "stream_cut"), (lambda e: e[:3], "stream_cut")],
)
async def test_openai_streams_need_finish_and_done(bench, cut, reason):
    """OpenAI's stream is whole only with a finish reason and [DONE]."""
    b = await bench(fallback=True)
    b.anthropic.always = b.anthropic.replies(500, {})
    b.openai.always = b.openai.streams(*cut(b.openai.events(model="m", stream=True)))
    response = await b.ask(stream=True)
    assert "data: [DONE]" not in response.text
    assert reason in response.text


@pytest.mark.parametrize("dialect", ["anthropic", "openai"])
async def test_a_tools_name_alone_is_not_delivered(bench, dialect):
    """A tool call whose arguments have another name is asked for again: its name was held back until then."""
    b = await bench()
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    if dialect == "openai":
        b.anthropic.always = b.anthropic.replies(402, {})
    up = getattr(b, dialect)
    asked = {"tools": [tool if dialect == "openai" else {"name": "f"}]}
    good = up.events(model="m", stream=True, **asked)
    up.script.append(
        up.streams(*[e.replace(b"partial_json", b"json_v2").replace(b'"arguments"', b'"args_v2"') for e in good])
    )
    response = await b.ask(stream=True, tools=[tool])
    assert (200, "openai") == (response.status_code, response.headers["x-llm-provider"])
    assert response.text.endswith("data: [DONE]\n\n")


async def test_usage_only_for_those_who_ask(bench):
    """The usage chunk, which has no choices, goes only to callers who asked for it; cached tokens count as input."""
    b = await bench()
    _, _, without = await b.ask_stream()
    _, _, given = await b.ask_stream(stream_options={"include_usage": True})
    assert [] == [event for event in without if "usage" in event]
    assert {"prompt_tokens": 15, "completion_tokens": 3, "total_tokens": 18} == {
        name: value for name, value in given[-1]["usage"].items() if name != "prompt_tokens_details"
    }
    assert [] == given[-1]["choices"]


async def test_json_stream_is_checked_as_a_whole(bench):
    """A streamed JSON answer that doesn't parse is not ended with [DONE]."""
    b = await bench()
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
    _, text, _ = await b.ask_stream(response_format=form)
    assert {"words": "anthropic is well"} == json.loads(text)
    body = b.anthropic.requests[0].body
    broken = [e.replace(b'is well\\"}', b"is we") for e in b.anthropic.events(**body)]
    b.anthropic.script.append(b.anthropic.streams(b"".join(broken)))
    response, text, _ = await b.ask_stream(response_format=form)
    assert "openai" == response.headers["x-llm-provider"]
    assert {"words": "openai is well"} == json.loads(text)


async def test_caller_who_leaves_ends_the_upstream_request(bench):
    """When the caller disconnects, the request to the provider is cancelled, streamed or plain."""
    for stream in (False, True):
        b = await bench()
        started = asyncio.Event()
        seen = []

        async def hang(exchange, started=started, seen=seen):
            seen.append(exchange)
            started.set()
            await asyncio.Event().wait()

        b.anthropic.always = hang
        body = json.dumps({"messages": [{"role": "user", "content": "x"}], "stream": stream}).encode()
        inbox = asyncio.Queue()
        inbox.put_nowait({"type": "http.request", "body": body, "more_body": False})
        sent = []

        async def send(message, sent=sent):
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": "/v1/chat/completions"}
        serving = asyncio.ensure_future(b.app(scope, inbox.get, send))
        await started.wait()
        inbox.put_nowait({"type": "http.disconnect"})
        await serving
        await asyncio.wait_for(seen[0].left.wait(), 5)
        assert [] == sent
        assert b.app._in_flight == 0
        assert b'llm_calls_total{outcome="cancelled"} 1.0' in b.metrics.render()


def _chunk(delta, finish=None, index=0):
    """One event of an OpenAI stream."""
    chunk = {"id": "c", "model": "m", "choices": [{"index": index, "delta": delta, "finish_reason": finish}]}
    return b"data: %b\n\n" % json.dumps(chunk).encode()


@pytest.mark.parametrize(
    "deltas",
    [
        [
            {
                "content": "I call f.",
                "tool_calls": [{"index": 0, "id": "1", "function": {"name": "f", "arguments": '{"a"'}}],
            },
            {"tool_calls": [{"index": 0, "function": {"arguments": ": 1}"}}]},
        ],
        [{"function_call": {"name": "f", "arguments": ""}}, {"function_call": {"arguments": "{}"}}],
        [{"audio": {"id": "a", "data": "QUJD"}}],
    ],
    ids=["text and a call in one delta", "the older form of a call", "audio"],
)
async def test_other_answers_than_text_are_answers(bench, deltas):
    """A stream without text is no empty answer, and a delta may hold more than one thing."""
    b = await bench()
    b.anthropic.always = b.anthropic.replies(402, {})
    b.openai.always = b.openai.streams(*[_chunk(d) for d in deltas], _chunk({}, "stop"), b"data: [DONE]\n\n")
    response, _, events = await b.ask_stream()
    assert 200 == response.status_code
    assert deltas == [e["choices"][0]["delta"] for e in events[: len(deltas)]]
    assert response.text.endswith("data: [DONE]\n\n")


@pytest.mark.parametrize(
    ("finished", "whole"),
    [([0, 1], True), ([1, 0], True), ([0], False), ([1], False), ([], False)],
)
@pytest.mark.parametrize("validate", [True, False])
async def test_every_choice_has_to_end(bench, finished, whole, validate):
    """Of several choices each needs its finish reason before [DONE]: a cut one never looks complete."""
    b = await bench(validate=validate)
    said = [_chunk({"content": "x"}, index=index) for index in (0, 1)]
    ends = [_chunk({}, "stop", index) for index in finished]
    b.openai.always = b.openai.streams(*said, *ends, b"data: [DONE]\n\n")
    response = await b.ask(stream=True, n=2)
    assert whole == response.text.endswith("data: [DONE]\n\n")
    assert whole == ("stream_cut" not in response.text)


@pytest.mark.parametrize("validate", [True, False])
async def test_an_error_that_only_its_name_tells(bench, validate):
    """An event named `error` is one, whatever its data looks like: what stood before it is no whole answer."""
    b = await bench(validate=validate)
    b.anthropic.always = b.anthropic.replies(402, {})
    broken = b'event: error\ndata: {"message": "engine died", "code": 500}\n\n'
    b.openai.always = b.openai.streams(_chunk({"content": "x"}), broken, _chunk({}, "stop"), b"data: [DONE]\n\n")
    response = await b.ask(stream=True)
    assert "data: [DONE]" not in response.text
    assert "engine died" in response.text
