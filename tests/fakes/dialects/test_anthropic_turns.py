"""Conversations with Anthropic: thoughts and calls that come back, limits of models, several calls at once."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from banstorm.fakes.compose import compose
from banstorm.fakes.dialects import find
from banstorm.fakes.dialects._anthropic_signatures import holds, sign
from banstorm.fakes.dialects.base import Ask, RequestRefused
from hypothesis import given
from hypothesis import strategies as st

ANTHROPIC = find("anthropic")
OLDER = {"x-api-key": "sk-ant-x", "anthropic-version": "2023-06-01"}
NEWEST = {"authorization": "Bearer sk-ant-api03-x", "anthropic-version": "2026-10-21"}
TOOLS = [
    {"name": name, "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}
    for name in ("weather", "map")
]
THINKING = {"type": "enabled", "budget_tokens": 2_000}
USER = {"role": "user", "content": "Which city? Ask the weather and the map."}


def read(*, path: str = "/v1/messages", headers: dict[str, str] = OLDER, **body: Any) -> Ask:
    """Read a request."""
    whole = {"model": "claude-sonnet-5", "max_tokens": 5_000, "messages": [USER], **body}
    return ANTHROPIC.read("POST", path, headers, orjson.dumps(whole))


def said(ask: Ask) -> dict[str, Any]:
    """The answer's message."""
    document: dict[str, Any] = orjson.loads(
        ANTHROPIC.write(ask, compose(ask, "anthropic", id_seed=7, created_s=1)).body
    )
    return document


def events(ask: Ask) -> list[dict[str, Any]]:
    """The answer's events."""
    answer = compose(ask, "anthropic", id_seed=7, created_s=1)
    return [orjson.loads(event.data.split(b"data: ")[1]) for event in ANTHROPIC.stream(ask, answer)]


def complaint(**body: Any) -> str:
    """What a request is refused with."""
    with pytest.raises(RequestRefused) as caught:
        read(**body)
    assert caught.value.reply.status == 400
    error = orjson.loads(caught.value.reply.body)["error"]
    assert error["type"] == "invalid_request_error"
    return str(error["message"])


def use(call: str, **more: Any) -> dict[str, Any]:
    """A call of a tool."""
    return {"type": "tool_use", "id": call, "name": "weather", "input": {}, **more}


def result(call: str) -> dict[str, Any]:
    """The result of a call."""
    return {"type": "tool_result", "tool_use_id": call, "content": "sunny"}


def turns(*contents: Any) -> list[dict[str, Any]]:
    """A conversation that the user begins."""
    return [{"role": ("user", "assistant")[place % 2], "content": each} for place, each in enumerate(contents)]


def test_several_tools_at_once() -> None:
    """Tools that a prompt names are called together, each in a block and with an id of its own; also in a stream."""
    ask = read(tools=TOOLS)
    message = said(ask)
    assert [block["name"] for block in message["content"]] == ["weather", "map"]
    assert message["stop_reason"] == "tool_use"
    assert len({block["id"] for block in message["content"]}) == 2
    starts = [event for event in events(ask) if event["type"] == "content_block_start"]
    assert [(event["index"], event["content_block"]["id"]) for event in starts] == [
        (place, block["id"]) for place, block in enumerate(message["content"])
    ]
    for place, block in enumerate(message["content"]):
        pieces = [
            event["delta"]["partial_json"]
            for event in events(ask)
            if event["type"] == "content_block_delta" and event["index"] == place
        ]
        assert pieces[0] == ""
        assert orjson.loads("".join(pieces)) == block["input"]


def test_one_tool_at_a_time() -> None:
    """`disable_parallel_tool_use` is obeyed."""
    ask = read(tools=TOOLS, tool_choice={"type": "auto", "disable_parallel_tool_use": True})
    assert len(said(ask)["content"]) == 1


def test_thoughts_come_back_as_they_were() -> None:
    """What was answered, sent back whole with its tool's result, is accepted, and answered."""
    content = said(read(tools=TOOLS, thinking=THINKING))["content"]
    assert [block["type"] for block in content] == ["thinking", "tool_use", "tool_use"]
    history = turns("Which city?", content, [result(block["id"]) for block in content[1:]])
    assert said(read(tools=TOOLS, thinking=THINKING, messages=history))["stop_reason"] == "end_turn"


def test_thoughts_of_a_stream_come_back() -> None:
    """The thinking block that a stream's deltas add up to is as good as one of a whole message."""
    deltas = [event["delta"] for event in events(read(thinking=THINKING)) if event["type"] == "content_block_delta"]
    block = {
        "type": "thinking",
        "thinking": "".join(delta.get("thinking", "") for delta in deltas),
        "signature": "".join(delta.get("signature", "") for delta in deltas),
    }
    assert read(thinking=THINKING, messages=turns("a", [block, {"type": "text", "text": "b"}], "c")).text == "c"


@given(st.text(max_size=30), st.integers(0, 2**64 - 1), st.text(min_size=1, max_size=3), st.integers(0, 63))
def test_altered_thoughts(thinking: str, seed: int, more: str, place: int) -> None:
    """A signature holds for the very text it was made for, and for no other; nor does an altered signature."""
    signature = sign(thinking, seed)
    assert len(signature) == 64
    assert holds(thinking, signature)
    assert not holds(thinking + more, signature)
    altered = signature[:place] + ("-" if signature[place] != "-" else "x") + signature[place + 1 :]
    assert not holds(thinking, altered)


SIGNED = {"type": "thinking", "thinking": "so", "signature": sign("so", 1)}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (
            {"messages": turns("a", [{**SIGNED, "thinking": "so!"}], "c")},
            "messages.1.content.0: Invalid `signature` in `thinking` block",
        ),
        (
            {"messages": turns("a", [{"type": "thinking", "thinking": "so"}], "c")},
            "messages.1.content.0.thinking.signature: Field required",
        ),
        (
            {"messages": turns("a", [use("t1")], [result("t1")]), "thinking": THINKING, "tools": TOOLS},
            "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`.",
        ),
        (
            {"thinking": THINKING, "tools": TOOLS, "tool_choice": {"type": "any"}},
            "Thinking may not be enabled when tool_choice forces tool use.",
        ),
        (
            {"messages": turns("a", [use("t1"), use("t2")], [result("t1")])},
            "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: t2. Each",
        ),
        ({"messages": turns("a", [use("t1")])}, "messages.1: `tool_use` ids were found without"),
        ({"messages": turns("a", [use("t1")], "no")}, "messages.1: `tool_use` ids were found without"),
        (
            {"messages": turns([result("t1")])},
            "messages.0.content.0: unexpected `tool_use_id` found in `tool_result` blocks: t1. Each `tool_result`",
        ),
        ({"messages": turns("a", [{"type": "tool_use"}], "b")}, "messages.1.content.0.tool_use.id: Field required"),
        ({"messages": turns("")}, "messages.0: all messages must have non-empty content"),
        ({"messages": turns([{"type": "text", "text": ""}])}, "messages: text content blocks must be non-empty"),
        ({"foo": 1}, "foo: Extra inputs are not permitted"),
        ({"max_tokens": 200_000}, "max_tokens: 200000 > 128000, which is the maximum allowed number of output tokens"),
        (
            {"model": "claude-3-opus-20240229", "max_tokens": 21_333},
            "max_tokens: 21333 > 4096, which is the maximum allowed number of output tokens for claude-3-opus-20240229",
        ),
        (
            {"model": "claude-haiku-4-5", "messages": turns("x" * 900_000)},
            "prompt is too long: 225004 tokens > 200000 maximum",
        ),
        (
            {"model": "claude-sonnet-4-20250514", "messages": turns("x" * 600_000), "max_tokens": 64_000},
            "input length and `max_tokens` exceed context limit: 150004 + 64000 > 200000, decrease input length",
        ),
        (
            {"headers": NEWEST, "messages": turns("a", [{"type": "document", "source": {}}], "b")},
            "messages.1.content.0: `document` blocks are not permitted in assistant messages",
        ),
        (
            {"headers": NEWEST, "messages": turns([{"type": "text", "text": "a", "citations": [{}]}])},
            "messages.0.content.0.text.citations: Extra inputs are not permitted",
        ),
    ],
)
def test_refused(body: Any, says: str) -> None:
    """What the vendor refuses in a conversation is refused in its words."""
    assert complaint(**body).startswith(says)


def test_documents_and_citations_before() -> None:
    """The version before 2026-10-21 takes what that one refuses."""
    document, cited = {"type": "document", "source": {}}, {"type": "text", "text": "a", "citations": []}
    assert read(messages=turns([cited], [document], "b")).text == "b"
    assert read(headers=NEWEST, messages=turns([{**cited, "citations": None}], "so", "b")).text == "b"


def test_window_full_while_answering() -> None:
    """What is left of the window ends an answer, and the stop reason says so."""
    letters = 4 * (200_000 - 4 - 4 - 10)  # all of a window of 200,000 but the message's own tokens and ten
    ask = read(model="claude-haiku-4-5", messages=turns("x" * letters + " go  on"), max_tokens=60_000)
    assert (ask.max_tokens, said(ask)["stop_reason"]) == (12, "model_context_window_exceeded")
    assert next(event["delta"] for event in events(ask) if event["type"] == "message_delta") == {
        "stop_reason": "model_context_window_exceeded",
        "stop_sequence": None,
    }
    short = read(max_tokens=5)
    assert said(short)["stop_reason"] == "max_tokens"


def test_ceilings_as_the_vendor_writes_them() -> None:
    """A limit's ceiling stands in its message with separators, whoever gave it."""
    for ceiling in (30_000, 30_000.0):
        details = {"ceiling": ceiling, "limit": "input_tokens", "model": "claude-sonnet-4-6"}
        message = orjson.loads(ANTHROPIC.failure("rate_limited", details, id_seed=1).body)["error"]["message"]
        assert "rate limit of 30,000 input tokens per minute (org: " in message


def test_a_refusal_in_the_requests_form() -> None:
    """A refusal is a message or a stream as was asked for, and ends a stream at the block where it stands."""
    details = {"variant": "refusal"}
    plain = ANTHROPIC.failure("content_filtered", details, id_seed=1, ask=read())
    assert orjson.loads(plain.body)["stop_reason"] == "refusal"
    streamed = ANTHROPIC.failure("content_filtered", details, id_seed=1, ask=read(stream=True))
    assert dict(streamed.headers)["content-type"].startswith("text/event-stream")
    ask = read(thinking=THINKING, stream=True)
    written = [event.data for event in ANTHROPIC.stream(ask, compose(ask, "x", id_seed=1, created_s=1))]
    cut = next(place for place, event in enumerate(written) if b"text_delta" in event)
    ending = ANTHROPIC.error_event("content_filtered", details, id_seed=1, ask=ask, after=b"".join(written[: cut + 1]))
    assert ending.startswith(b'event: content_block_stop\ndata: {"type":"content_block_stop","index":1}')
    closed = ANTHROPIC.error_event("content_filtered", details, id_seed=1, ask=ask, after=b"".join(written[:-2]))
    assert closed.startswith(b"event: message_delta")
