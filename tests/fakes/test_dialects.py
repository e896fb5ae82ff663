from __future__ import annotations

import re
import zlib
from typing import Any

import orjson
import pytest
from banstorm.fakes.answer import ANSWER_SCHEMA, TOOL_NAME, Mark, Shape
from banstorm.fakes.compose import compose
from banstorm.fakes.dialects import UnknownDialectError, find, names
from banstorm.fakes.dialects.base import Ask, Dialect, Tool

MARK = Mark("7f3a9c", 5, Shape.TEXT, 3)


def test_registry() -> None:
    """Dialects are found by their file's name, and only dialects are listed."""
    assert {"anthropic", "openai"} <= set(names())
    assert names() == sorted(names())
    for name in names():
        assert isinstance(find(name), Dialect)
        assert find(name).name == name
        assert find(name) is find(name)


@pytest.mark.parametrize(
    ("name", "hint"), [("opnai", "'openai'"), ("base", "there are anthropic, "), ("_ids", "openai")]
)
def test_unknown_dialect(name: str, hint: str) -> None:
    """A name that no dialect has is answered with the nearest ones."""
    with pytest.raises(UnknownDialectError, match=re.escape(hint)):
        find(name)


def streamed(name: str, **changes: Any) -> list[bytes]:
    """The events of a streamed answer of three words."""
    dialect = find(name)
    extra = {"tools": (), **changes}
    ask = Ask("some-model", stream=True, text="", mark=MARK, input_tokens=11, **extra)
    answer = compose(ask, name, id_seed=77, created_s=1769092764)
    return [event.data for event in dialect.stream(ask, answer)]


def test_openai_stream_to_the_letter() -> None:
    """Keys and their order, the nulls, the terminator: as captured from the vendor."""
    first, second, *_, last, done = streamed("openai", body={"stream_options": {"include_obfuscation": False}})
    head = (
        rb'data: \{"id":"chatcmpl-\w{29}","object":"chat\.completion\.chunk","created":1769092764,"model":"some-model",'
        rb'"service_tier":"default","system_fingerprint":"fp_[0-9a-f]{10}","choices":\[\{"index":0,"delta":'
    )
    interior = rb',"logprobs":null,"finish_reason":null\}\]\}\n\n'
    assert re.fullmatch(head + rb'\{"role":"assistant","content":""\}' + interior, first)
    assert re.fullmatch(head + rb'\{"content":"~7f3a9c\.5\.openai\.1\.3\.\w{4} "\}' + interior, second)
    assert re.fullmatch(head + rb'\{\},"logprobs":null,"finish_reason":"stop"\}\]\}\n\n', last)
    assert done == b"data: [DONE]\n\n"


def test_openai_stream_with_usage() -> None:
    """With usage asked for, every chunk has `"usage":null` and the last one has no choices."""
    *chunks, usage, _ = [event[6:] for event in streamed("openai", include_usage=True)]
    assert all(b'"usage":null' in chunk for chunk in chunks)
    last = orjson.loads(usage)
    assert last["choices"] == []
    assert last["usage"]["total_tokens"] == 11 + 3


def test_openai_obfuscation() -> None:
    """Deltas are padded by default, with padding of differing lengths that holds no word sign."""
    paddings = [orjson.loads(event[6:])["obfuscation"] for event in streamed("openai")[:-1]]
    assert len({len(padding) for padding in paddings}) > 1
    assert all(re.fullmatch(r"\w+", padding) for padding in paddings)


def test_anthropic_stream_to_the_letter() -> None:
    """Names, keys and their order, the ping and the cumulative usage: as in the vendor's fixtures."""
    events = streamed("anthropic")
    assert [event.split(b"\n")[0].decode() for event in events] == [
        "event: message_start",
        "event: content_block_start",
        "event: ping",
        *["event: content_block_delta"] * 3,
        "event: content_block_stop",
        "event: message_delta",
        "event: message_stop",
    ]
    start = orjson.loads(events[0].split(b"data: ")[1])["message"]
    assert (start["content"], start["stop_reason"], start["usage"]["output_tokens"]) == ([], None, 1)
    assert events[1].endswith(
        b'data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\n'
    )
    assert events[2] == b'event: ping\ndata: {"type": "ping"}\n\n'
    assert re.fullmatch(
        rb'event: content_block_delta\ndata: \{"type":"content_block_delta","index":0,'
        rb'"delta":\{"type":"text_delta","text":"~7f3a9c\.5\.anthropic\.1\.3\.\w{4} "\}\}\n\n',
        events[3],
    )
    assert events[-2] == (
        b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},'
        b'"usage":{"output_tokens":3}}\n\n'
    )
    assert events[-1] == b'event: message_stop\ndata: {"type":"message_stop"}\n\n'


def test_anthropic_tool_stream_begins_empty() -> None:
    """A streamed tool call starts with an empty input and an empty piece of JSON."""
    events = streamed("anthropic", tools=(Tool(TOOL_NAME, ANSWER_SCHEMA),), tool_choice=f"tool:{TOOL_NAME}")
    block = orjson.loads(events[1].split(b"data: ")[1])["content_block"]
    assert (block["type"], block["name"], block["input"]) == ("tool_use", TOOL_NAME, {})
    assert b'"partial_json":""' in events[3]
    assert b'"stop_reason":"tool_use"' in events[-2]


@pytest.mark.parametrize("name", ["openai", "anthropic"])
def test_streams_split_into_their_events(name: str) -> None:
    """Wherever a stream's bytes are cut, the events come out whole, and an unfinished one is kept for later."""
    events = streamed(name)
    whole = b"".join(events)
    for at in range(0, len(whole), 37):
        done, rest = find(name).split_events(whole[:at])
        more, nothing = find(name).split_events(rest + whole[at:])
        assert done + more == events
        assert nothing == b""


@pytest.mark.parametrize("name", ["openai", "anthropic"])
def test_map_event(name: str) -> None:
    """An event's payload can be changed in place or replaced; what has none, or is left alone, keeps its bytes."""
    dialect = find(name)

    def rename(payload: Any) -> Any:
        payload["renamed"] = payload.pop("model" if name == "openai" else "type")
        return payload

    for event in streamed(name):
        assert dialect.map_event(event, lambda payload: payload) == event
        changed = dialect.map_event(event, rename)
        if event == b"data: [DONE]\n\n":
            assert changed == event
        else:
            assert b'"renamed"' in changed
            assert changed.split(b"data:")[0] == event.split(b"data:")[0]
            assert changed.endswith(b"}\n\n")
    assert dialect.map_event(b": a comment\n\n", rename) == b": a comment\n\n"
    assert dialect.map_event(b"data: {broken\n\n", rename) == b"data: {broken\n\n"


def test_answer_keys_are_where_the_words_are() -> None:
    """Renaming the keys that a dialect names takes every word out of the reader's sight."""
    for name in names():
        dialect = find(name)
        for event in streamed(name):
            if b"~" in event:
                assert any(f'"{key}":'.encode() in event for key in dialect.answer_keys)


def test_vendor_headers() -> None:
    """Answers carry the vendor's request id, organisation and rate limits, in its own formats."""
    ask = Ask("some-model", stream=False, text="", mark=MARK, input_tokens=11)
    answer = compose(ask, "x", id_seed=zlib.crc32(b"x"), created_s=1_763_640_000)
    headers = dict(find("openai").write(ask, answer).headers)
    assert re.fullmatch(r"req_[0-9a-f]{32}", headers["x-request-id"])
    assert headers["openai-processing-ms"].isdecimal()
    assert headers["openai-version"] == "2020-10-01"
    assert headers["x-ratelimit-remaining-requests"] == "9999"
    assert re.fullmatch(r"\d+ms", headers["x-ratelimit-reset-requests"])
    headers = dict(find("anthropic").write(ask, answer).headers)
    assert re.fullmatch(r"req_011C\w{20}", headers["request-id"])
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", headers["anthropic-organization-id"])
    assert headers["anthropic-ratelimit-requests-reset"] == "2025-11-20T12:00:01Z"
    assert headers["anthropic-ratelimit-output-tokens-remaining"] == "400000"
