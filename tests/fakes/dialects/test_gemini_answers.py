"""Gemini: answers, whole, as events and as a growing array."""

from __future__ import annotations

import base64
from typing import Any

import orjson
import pytest
from banstorm.fakes.answer import ANSWER_SCHEMA, TOOL_NAME, Mark, Shape, expected, expected_object
from banstorm.fakes.compose import compose
from banstorm.fakes.dialects import find
from banstorm.fakes.dialects.base import Answer, Ask, Tool

GEMINI = find("gemini")
MARK = Mark("7f3a9c", 5, Shape.TEXT, 3)
OLD, NEW = "gemini-2.5-flash", "gemini-3.8-flash"


def answered(alt: str | None = None, model: str = OLD, **changes: Any) -> tuple[Ask, Answer]:
    """An ask in one form of stream, and its answer of three words."""
    body = {"$alt": alt} if alt else {}
    ask = Ask(model, stream=True, text="", mark=MARK, input_tokens=11, body=body, **changes)
    return ask, compose(ask, "gemini", id_seed=77, created_s=1769092764)


def streamed(alt: str | None = None, **changes: Any) -> list[bytes]:
    """The events of a streamed answer."""
    return [event.data for event in GEMINI.stream(*answered(alt, **changes)) if event.data]


def test_whole_answer() -> None:
    """An answer has its text, its finish reason and its usage; nothing says how much of a limit is left."""
    reply = GEMINI.write(*answered())
    document = orjson.loads(reply.body)
    assert document == {
        "candidates": [
            {
                "content": {"parts": [{"text": expected(MARK, "gemini")}], "role": "model"},
                "finishReason": "STOP",
                "index": 0,
            }
        ],
        "usageMetadata": {
            "promptTokenCount": 11,
            "candidatesTokenCount": 3,
            "totalTokenCount": 14,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 11}],
        },
        "modelVersion": OLD,
        "responseId": document["responseId"],
    }
    assert len(document["responseId"]) == 22
    assert reply.body.startswith(b'{\n  "candidates": [\n')
    names = {name for name, _ in reply.headers}
    assert not [name for name in names if "ratelimit" in name or "request-id" in name or name == "retry-after"]


def test_stream_to_the_letter() -> None:
    """Events have no names and end in two line breaks of their own kind; each has the usage up to it."""
    first, second, last = streamed()
    words = expected(MARK, "gemini").split()
    identity = first[first.index(b'"responseId"') :]

    def event(word: str, finish: str, count: int) -> bytes:
        return (
            f'data: {{"candidates": [{{"content": {{"parts": [{{"text": "{word}"}}],"role": "model"}}{finish},'
            f'"index": 0}}],"usageMetadata": {{"promptTokenCount": 11,"candidatesTokenCount": {count},'
            f'"totalTokenCount": {11 + count},"promptTokensDetails": [{{"modality": "TEXT","tokenCount": 11}}]}},'
            f'"modelVersion": "{OLD}",'
        ).encode() + identity

    assert identity.endswith(b'"}\r\n\r\n')
    assert first == event(words[0] + " ", "", 1)
    assert second == event(words[1] + " ", "", 2)
    assert last == event(words[2], ',"finishReason": "STOP"', 3)


def test_array_to_the_letter() -> None:
    """Without events a stream is one JSON array, an element a chunk; the elements are those of the events."""
    events = streamed("json")
    assert [event[:5] for event in events] == [b"[{\n  ", b"\n,\r\n{", b"\n,\r\n{", b"\n]"]
    assert orjson.loads(b"".join(events)) == [orjson.loads(event[6:]) for event in streamed()]


@pytest.mark.parametrize("alt", [None, "json"])
def test_stream_heads(alt: str | None) -> None:
    """A stream says what form it has, and is known for a stream in either form; a plain answer isn't."""
    status, headers = GEMINI.stream_head(*answered(alt))
    kind = "application/json; charset=UTF-8" if alt else "text/event-stream"
    assert (status, dict(headers)["content-type"]) == (200, kind)
    assert GEMINI.is_stream(headers)
    assert not GEMINI.is_stream(GEMINI.write(*answered()).headers)
    assert not GEMINI.is_stream(GEMINI.failure("overloaded", {"alt": alt}, id_seed=1).headers)


@pytest.mark.parametrize("alt", [None, "json"])
@pytest.mark.parametrize("model", [OLD, NEW])
def test_function_call(alt: str | None, model: str) -> None:
    """A call comes whole in one chunk, whose tokens all count; Gemini 3 gives it an id and a signature."""
    tools = (Tool(TOOL_NAME, ANSWER_SCHEMA),)
    ask, answer = answered(alt, model, tools=tools, tool_choice=f"tool:{TOOL_NAME}")
    events = list(GEMINI.stream(ask, answer))
    assert sum(event.token for event in events) == answer.output_tokens == 3
    [chunk] = [event.data for event in events if b"functionCall" in event.data]
    document = orjson.loads(chunk.removeprefix(b"data: ").removeprefix(b"["))
    assert document == orjson.loads(GEMINI.write(ask, answer).body)
    [candidate] = document["candidates"]
    [part] = candidate["content"]["parts"]
    assert (part["functionCall"]["name"], part["functionCall"]["args"]) == (TOOL_NAME, expected_object(MARK, "gemini"))
    assert candidate["finishReason"] == "STOP"
    assert document["usageMetadata"]["candidatesTokenCount"] == 3
    assert ("thoughtSignature" in part, "id" in part["functionCall"]) == (model == NEW, model == NEW)
    if model == NEW:
        assert base64.b64decode(part["thoughtSignature"], validate=True)


def test_cut_call() -> None:
    """A call that maxOutputTokens cut off is no call: the candidate has no parts and says why."""
    ask, answer = answered(tools=(Tool(TOOL_NAME, ANSWER_SCHEMA),), tool_choice="any", max_tokens=2)
    [candidate] = orjson.loads(GEMINI.write(ask, answer).body)["candidates"]
    assert candidate == {"content": {"role": "model"}, "finishReason": "MAX_TOKENS", "index": 0}


def test_cached_tokens() -> None:
    """Tokens from the cache are part of the prompt's and named beside it."""
    ask, _ = answered()
    answer = Answer(("a",), None, "stop", 11, 1, 7, 1, cached_tokens=4)
    usage = orjson.loads(GEMINI.write(ask, answer).body)["usageMetadata"]
    assert (usage["promptTokenCount"], usage["cachedContentTokenCount"], usage["totalTokenCount"]) == (11, 4, 12)
    [event] = [event.data for event in GEMINI.stream(ask, answer)]
    assert orjson.loads(event[6:])["usageMetadata"] == usage


@pytest.mark.parametrize("alt", [None, "json"])
def test_streams_split_into_their_events(alt: str | None) -> None:
    """Wherever a stream's bytes are cut, the events come out whole, and an unfinished one is kept for later."""
    ask, _ = answered(alt)
    answer = Answer(('braces } ] [ { and \\" quotes "\r\n\r\n', "é~ "), None, "stop", 1, 2, 7, 1)
    events = [event.data for event in GEMINI.stream(ask, answer)]
    whole = b"".join(events)
    for at in range(len(whole) + 1):
        done, rest = GEMINI.split_events(whole[:at])
        more, nothing = GEMINI.split_events(rest + whole[at:])
        assert done + more == events
        assert nothing == b""


@pytest.mark.parametrize("alt", [None, "json"])
def test_map_event(alt: str | None) -> None:
    """An event's payload can be changed in place or replaced; what has none, or is left alone, keeps its bytes."""

    def rename(payload: Any) -> Any:
        payload["renamed"] = payload.pop("candidates")
        return payload

    events = streamed(alt)
    assert [GEMINI.map_event(event, lambda payload: payload) for event in events] == events
    changed = [GEMINI.map_event(event, rename) for event in events]
    assert [b'"renamed"' in event for event in changed] == [b"candidates" in event for event in events]
    done, rest = GEMINI.split_events(b"".join(changed))
    assert (done, rest) == (changed, b"")
    for event in (b"\n]", b"data: {broken\r\n\r\n", b"[{broken}", b": a comment\r\n\r\n"):
        assert GEMINI.map_event(event, rename) == event
