"""`streams: continue`: what broke off is gone on with, joined without a seam, or ended with one error."""

from __future__ import annotations

import asyncio
import json
import re

import httpx
import pytest
from banstorm.router import AttemptFailed, LLMRequest
from banstorm.router.continuation import PLEASE, Said, Seam

SAID = "The quick brown fox jumps over the lazy dog, and then it "
SCHEMA = {"type": "object", "properties": {"words": {"type": "string"}}, "required": ["words"]}
FORM = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}


def joined(said, pieces):
    """What comes out of a seam, all of it."""
    seam = Seam(said)
    return "".join(seam.feed(piece) for piece in pieces) + seam.end()


def letters(text):
    """A text in the smallest pieces."""
    return list(text)


def words(text):
    """A text word by word, each with the blank before it."""
    return re.findall(r"\s*\S+|\s+$", text)


def whole(text):
    """A text in one piece."""
    return [text]


@pytest.mark.parametrize("cut", [letters, words, whole])
@pytest.mark.parametrize(
    ("said", "rest", "out"),
    [
        (SAID, "sleeps.", "sleeps."),
        (SAID, " sleeps.", "sleeps."),  # the blank that the prefill was sent without
        (SAID.rstrip(), " sleeps.", " sleeps."),
        (SAID, "the lazy dog, and then it sleeps.", "sleeps."),  # the last words once more
        (SAID, SAID + "sleeps.", "sleeps."),  # all of it once more
        (SAID, "\n" + SAID + "sleeps.", "sleeps."),
        (SAID, SAID, ""),
        (SAID, "it", "it"),  # too short to be a repetition
        (SAID, "The end.", "The end."),  # begins like the first one, but not for long
        ("abc", "abcdef", "abcdef"),  # nothing that short can be told from chance
        (SAID, "", ""),
    ],
)
def test_where_two_parts_meet(said, rest, out, cut):
    """What is said again at the seam is left out, however it is cut into pieces; what isn't goes out as it is."""
    assert out == joined(said, cut(rest))


@pytest.mark.parametrize("rest", ["The quick brown fox jumps over a fence.", SAID[:30] + "!"])
def test_an_answer_that_begins_anew_is_not_joined(rest):
    """A second answer in other words would make nonsense of the first."""
    with pytest.raises(AttemptFailed, match="not_contiguous"):
        joined(SAID, letters(rest))


def chunk(finish=None, **delta):
    """One chunk of a stream."""
    return {"id": "c", "created": 1, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


@pytest.mark.parametrize(
    ("chunks", "can"),
    [
        ([], False),
        ([chunk(role="assistant", content="")], False),
        ([chunk(content="a")], True),
        ([chunk(reasoning_content="hm")], False),
        ([chunk(content="a"), chunk(reasoning_content="hm")], True),
        ([chunk(content="a"), chunk(tool_calls=[{"index": 0}])], False),
        ([chunk(content="a"), chunk(function_call={"name": "f"})], False),
        ([chunk(content="a"), chunk(refusal="no")], False),
        ([chunk(content="a"), chunk(finish="stop")], False),  # nothing is missing but the terminator
        ([chunk(content="a" * 300_000)], False),
    ],
)
def test_what_can_be_gone_on_with(chunks, can):
    """Text can; half a tool call, or an answer that had already ended, can't."""
    said = Said(LLMRequest("hello"))
    said.take(chunks)
    assert can == said.can_go_on


@pytest.mark.parametrize("how", ["prefill", "ask"])
def test_the_request_for_the_rest(how):
    """The beginning goes back as the assistant's message; what the form of the whole was isn't asked of the rest."""
    tools = [{"type": "function", "function": {"name": "f"}}]
    first = LLMRequest("hello", max_tokens=10, tools=tools, response_format=FORM, extra={"seed": 7})
    said = Said(first)
    said.take([chunk(content="one "), chunk(content="two ")])
    body = said.request(how).chat()
    turns = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "one two"}]
    if how == "ask":
        turns.append({"role": "user", "content": PLEASE})
    assert {"messages": turns, "max_tokens": 8, "temperature": 0.7, "seed": 7} == body
    assert [{"role": "user", "content": "hello"}] == first.chat()["messages"]


def half(up, **body):
    """A stream of this stand-in that breaks off behind its second word, by a cut and by an error event."""
    return up.events(model="m", stream=True, **body)[: 5 if up.dialect == "anthropic" else 3]


def gate(b, *events):
    """A script that sends these events, the last of them only when the caller has what came before.

    What arrives in one packet with its failure isn't given out, and the failure would be hidden.
    """
    out, serve = asyncio.Event(), b.app.__call__

    async def app(scope, receive, send):
        async def watched(message):
            await send(message)
            if b"anthropic" in message.get("body", b"") or b"words" in message.get("body", b""):
                out.set()

        await serve(scope, receive, watched)

    async def script(exchange):
        await exchange.begin_stream()
        for event in events[:-1]:
            await exchange.send(event)
        await out.wait()
        if events[-1]:
            await exchange.send(events[-1])
        await exchange.end_stream()

    b.client = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://router")
    return script


OVERLOADED = b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n'


@pytest.fixture
async def continuing(bench):
    """A router that goes on with what broke off; the second provider takes a prefill, and says what it is told to."""

    async def make(rest="and all will be well", **config):
        b = await bench(**{"streams": "continue", **config})
        b.openai.words = rest
        for lane in b.router.lanes[1:]:
            lane.provider.profile = type(lane.provider.profile)(continues="prefill")
        return b

    return make


@pytest.mark.parametrize("failure", [b"", OVERLOADED], ids=["clean end", "error event"])
@pytest.mark.parametrize("front", ["chat", "messages", "responses"])
async def test_one_answer_with_one_end(continuing, front, failure):
    """Whatever API the caller speaks, two parts are one text with one proper end, and no error is seen."""
    b = await continuing()
    b.anthropic.script.append(gate(b, *half(b.anthropic), failure))
    asked = {"model": "any", "stream": True}
    if front == "chat":
        path, asked["messages"] = "/v1/chat/completions", [{"role": "user", "content": "how is it?"}]
    elif front == "messages":
        path, asked["messages"], asked["max_tokens"] = "/v1/messages", [{"role": "user", "content": "how is it?"}], 99
    else:
        path, asked["input"] = "/v1/responses", "how is it?"
    response = await b.client.post(path, json=asked)
    events = [json.loads(line[6:]) for line in response.text.split("\n") if line.startswith("data: {")]
    if front == "chat":
        text = "".join(c["delta"].get("content") or "" for e in events for c in e["choices"])
        ends = [c["finish_reason"] for e in events for c in e["choices"] if c["finish_reason"]]
        assert (["stop"], 1) == (ends, response.text.count("[DONE]"))
        assert {"chatcmpl-msg_1"} == {event["id"] for event in events}
    elif front == "messages":
        text = "".join(e["delta"].get("text", "") for e in events if e["type"] == "content_block_delta")
        kinds = [event["type"] for event in events]
        assert [1, 1, 1] == [kinds.count(kind) for kind in ("message_start", "message_delta", "message_stop")]
        assert kinds.count("content_block_start") == kinds.count("content_block_stop")
        indices = [event["index"] for event in events if event["type"] == "content_block_start"]
        assert list(range(len(indices))) == indices
    else:
        text = "".join(e["delta"] for e in events if e["type"] == "response.output_text.delta")
        assert ["response.completed"] == [e["type"] for e in events if e["type"].startswith("response.comp")]
    assert '"type":"error"' not in response.text
    assert "stream_interrupted" not in response.text
    assert "anthropic is and all will be well " == text
    assert {"role": "assistant", "content": "anthropic is"} == b.openai.requests[0].body["messages"][-1]
    rendered = b.metrics.render().decode()
    assert 'llm_calls_total{outcome="ok"} 1.0' in rendered
    assert 'llm_failovers_total{from="anthropic",reason="' in rendered


async def test_the_counts_are_of_both_parts(continuing):
    """The answer's tokens are those of the rest, and the pieces of the beginning."""
    b = await continuing()
    b.anthropic.script.append(gate(b, *half(b.anthropic), b""))
    _, _, events = await b.ask_stream(stream_options={"include_usage": True})
    assert [(15, 2 + 3)] == [
        (event["usage"]["prompt_tokens"], event["usage"]["completion_tokens"]) for event in events if "usage" in event
    ]


NOBODY = {
    "it refuses a prefill": lambda b: b.openai.replies(
        400, {"error": {"message": "Prefill is not supported", "type": "invalid_request_error"}}
    ),
    "it is down": lambda b: b.openai.replies(500, {}),
    "it begins anew": lambda b: b.openai.streams(*_again(b, "anthropic is quite well and has never been better")),
    "it breaks off, too": lambda b: b.openai.streams(*half(b.openai)),
    "it calls a tool": lambda b: b.openai.streams(
        *b.openai.events(tools=[{"type": "function", "function": {"name": "f"}}])
    ),
}


def _again(b, words):
    b.openai.words = words
    return b.openai.events(model="m", stream=True)


@pytest.mark.parametrize("case", NOBODY)
async def test_where_nobody_can_the_end_is_honest(continuing, case):
    """If the rest can't be had the stream ends with one error event and no `[DONE]`, as without `continue`."""
    b = await continuing()
    b.anthropic.words = "anthropic is quite well and has been so for long"
    events = b.anthropic.events(model="m", stream=True)
    b.anthropic.always = gate(b, *events[: 3 + 7], b"")
    b.openai.always = NOBODY[case](b)
    response, text, events = await b.ask_stream()
    assert 200 == response.status_code
    assert text.startswith("anthropic is quite well and has been ")
    assert ["stream_interrupted"] == [event["error"]["code"] for event in events if "error" in event]
    assert "[DONE]" not in response.text
    assert b.metrics.render().count(b'llm_calls_total{outcome="interrupted"} 1.0')
    assert len(b.openai.requests) >= 1


async def test_nobody_is_asked_who_does_not_say_that_he_can(bench):
    """Without `continues` a provider isn't asked to go on: its answer would be another one."""
    b = await bench(streams="continue")
    b.anthropic.script.append(gate(b, *half(b.anthropic), b""))
    response, _, _ = await b.ask_stream()
    assert "stream_interrupted" in response.text
    assert [] == b.openai.requests


@pytest.mark.parametrize(("rest", "whole"), [('ll is well"}', True), ("and so on", False), ('ll"} {', False)])
async def test_a_document_of_two_parts_is_checked_as_one(continuing, rest, whole):
    """JSON that was gone on with has to be a document of the caller's schema; otherwise it isn't ended as one."""
    b = await continuing(rest)
    b.anthropic.script.append(gate(b, *_document(b), b""))
    response, text, _ = await b.ask_stream(response_format=FORM)
    assert whole == response.text.endswith("data: [DONE]\n\n")
    if whole:
        assert {"words": "all is well"} == json.loads(text)


def _document(b):
    """The beginning of a document from Anthropic's stand-in, by way of the tool that asks for it."""
    b.anthropic.words = "all is well"
    asked = {"tools": [{"name": "json_answer"}], "tool_choice": {"type": "tool", "name": "json_answer"}}
    events = b.anthropic.events(model="m", stream=True, **asked)
    delta = {"type": "input_json_delta", "partial_json": '{"words": "a'}
    begun = {"type": "content_block_delta", "index": 0, "delta": delta}
    return [*events[:3], f"data: {json.dumps(begun)}\n\n".encode()]
