from __future__ import annotations

import re
from typing import Any

import orjson
import pytest
from banstorm.fakes.answer import ANSWER_SCHEMA, TOOL_NAME, Mark, Shape, expected
from banstorm.fakes.compose import compose
from banstorm.fakes.dialects import find
from banstorm.fakes.dialects.base import Answer, Ask, RequestRefused
from hypothesis import given
from hypothesis import strategies as st

OPENAI = find("openai")
MARK = Mark("7f3a9c", 5, Shape.TEXT, 3)
KEY = {"authorization": "Bearer sk-proj-x"}
TOOL: Any = {"type": "function", "name": TOOL_NAME, "parameters": ANSWER_SCHEMA}


def read(**body: Any) -> Ask:
    """Read a request for a response."""
    return OPENAI.read("POST", "/v1/responses", KEY, orjson.dumps({"model": "m", "input": "hi", **body}))


def events(**body: Any) -> tuple[list[bytes], Answer]:
    """The events of a streamed answer of three words, and the answer."""
    ask = read(**{"input": MARK.render(), "stream": True, **body})
    answer = compose(ask, "openai", id_seed=77, created_s=1769092764)
    return [event.data for event in OPENAI.stream(ask, answer)], answer


def test_stream_to_the_letter() -> None:
    """Each event is named as its type says, and carries its number; nothing follows the last one."""
    stream, _ = events(stream_options={"include_obfuscation": False})
    for number, event in enumerate(stream):
        name, payload, end = event.split(b"\n", 2)
        document = orjson.loads(payload.removeprefix(b"data: "))
        assert name == b"event: " + document["type"].encode()
        assert document["sequence_number"] == number
        assert end == b"\n"
    assert stream[-1].startswith(b"event: response.completed\n")
    assert re.fullmatch(
        rb'event: response\.output_text\.delta\ndata: \{"type":"response\.output_text\.delta",'
        rb'"item_id":"msg_[0-9a-f]{50}","output_index":0,"content_index":0,'
        rb'"delta":"~7f3a9c\.5\.openai\.1\.3\.\w{4} ","logprobs":\[\],"sequence_number":4\}\n\n',
        stream[4],
    )


@pytest.mark.parametrize("extra", [{}, {"tools": [TOOL], "tool_choice": "required"}])
def test_each_word_is_on_the_wire_once(extra: Any) -> None:
    """Whoever counts word signs in a stream counts each word once, though its text is said five times over."""
    stream, answer = events(metadata={"mine": "~"}, instructions="say ~", **extra)
    assert b"".join(stream).count(b"~") == 3
    documents = [orjson.loads(event.split(b"data: ")[1]) for event in stream]
    [item] = documents[-1]["response"]["output"]
    said = item["content"][0]["text"] if answer.tool is None else item["arguments"]
    assert said == answer.text
    assert documents[-1]["response"]["metadata"] == {"mine": "~"}


def test_each_word_is_in_a_body_once() -> None:
    """What a request says comes back in the body, but only the answer's words carry the sign."""
    ask = read(input=MARK.render(), metadata={"mine": "~"}, user="~")
    body = OPENAI.write(ask, compose(ask, "openai", id_seed=77, created_s=1)).body
    assert body.count(b"~") == 3
    assert orjson.loads(body)["output"][0]["content"][0]["text"] == expected(MARK, "openai")
    assert orjson.loads(body)["user"] == "~"


def test_obfuscation() -> None:
    """Deltas are padded by default."""
    deltas = [orjson.loads(event.split(b"data: ")[1]) for event in events()[0] if b"output_text.delta\n" in event]
    assert all(re.fullmatch(r"\w+", delta["obfuscation"]) for delta in deltas)


def test_reads_the_last_user_content() -> None:
    """The mark is taken from the last user content, whatever items stand around it."""
    text = MARK.render()
    ask = read(
        input=[
            {"role": "developer", "content": Mark("7f3a9c", 1, Shape.TEXT, 1).render()},
            {"role": "user", "content": "an earlier question"},
            {"type": "reasoning", "id": "rs_1", "summary": []},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "so"}]},
            {
                "role": "user",
                "content": [
                    {"type": "input_image", "image_url": "data:,"},
                    {"type": "input_text", "text": "look: "},
                    {"type": "input_text", "text": text},
                ],
            },
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": [{"type": "input_text", "text": "result"}]},
        ]
    )
    assert (ask.mark, ask.text) == (MARK, f"look: \n{text}")
    assert (ask.after_tool_result, ask.first_turn) == (True, False)


@pytest.mark.parametrize(
    ("choice", "chosen"),
    [
        (None, "auto"),
        ("auto", "auto"),
        ("none", "none"),
        ("required", "any"),
        ({"type": "function", "name": TOOL_NAME}, f"tool:{TOOL_NAME}"),
        ({"type": "allowed_tools", "mode": "required", "tools": [TOOL]}, f"tool:{TOOL_NAME}"),
        ({"type": "allowed_tools", "mode": "auto", "tools": [TOOL]}, "auto"),
        ({"type": "web_search"}, "auto"),
    ],
)
def test_tool_choice(choice: Any, chosen: str) -> None:
    """Every form of the API's `tool_choice` is understood, and tools that the vendor runs itself are passed over."""
    ask = read(tools=[{"type": "web_search"}, TOOL], tool_choice=choice)
    assert ask.tool_choice == chosen
    assert [tool.name for tool in ask.tools] == [TOOL_NAME]


@pytest.mark.parametrize(
    ("shape", "first"),
    [
        (
            "nested",
            (
                b'event: error\ndata: {"type":"error","error":{"type":"service_unavailable_error","code":'
                b'"server_is_overloaded","message":"Our servers are currently overloaded. Please try again later.",'
                b'"param":null},"sequence_number":2}\n\n'
            ),
        ),
        (
            "flat",
            (
                b'event: error\ndata: {"type":"error","code":"server_is_overloaded","message":"Our servers are '
                b'currently overloaded. Please try again later.","param":null,"sequence_number":2}\n\n'
            ),
        ),
    ],
)
def test_errors_in_a_stream(shape: str, first: bytes) -> None:
    """An error in a stream is nested, as it was captured, or flat, as it is described; a failed response follows."""
    details = {"api": "responses", "shape": shape, "response_id": "resp_1"}
    error, failed = OPENAI.split_events(OPENAI.error_event("overloaded", details, id_seed=1))[0]
    assert error == first
    assert failed.startswith(b'event: response.failed\ndata: {"type":"response.failed","response":{"id":"resp_1",')
    assert failed.endswith(b',"sequence_number":3}\n\n')


@pytest.mark.parametrize(
    ("kind", "code"),
    [("server_error", "server_error"), ("rate_limited", "rate_limit_exceeded"), ("content_filtered", "invalid_prompt")],
)
def test_failed_responses_have_few_codes(kind: str, code: str) -> None:
    """The error of a failed response has one of the codes that the API's description knows."""
    event = OPENAI.error_event(kind, {"api": "responses"}, id_seed=1)
    failed = orjson.loads(OPENAI.split_events(event)[0][1].split(b"data: ")[1])["response"]
    assert (failed["status"], failed["error"]["code"]) == ("failed", code)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 70_000) | st.text(max_size=5) | st.sampled_from(["user", "message"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "role", "content", "name", "text", "tools", "effort"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)
FIELDS = ["input", "tools", "tool_choice", "text", "max_output_tokens", "reasoning", "stream", "metadata"]
PATHS = ["/v1/responses", "/v1/embeddings", "/v1/chat/completions"]
OTHERS = ["messages", "stop", "dimensions", "encoding_format", "reasoning_effort", "max_tokens"]


@given(st.sampled_from(PATHS), st.dictionaries(st.sampled_from(FIELDS + OTHERS), JSON, max_size=5))
def test_any_request_is_answered_or_refused(path: str, body: Any) -> None:
    """Whatever JSON a request consists of, it is answered or refused with a 400, and nothing breaks."""
    body = {"model": "text-embedding-3-small", "messages": [{"role": "user", "content": "hi"}], "input": "hi", **body}
    try:
        ask = OPENAI.read("POST", path, KEY, orjson.dumps(body))
    except RequestRefused as refused:
        reply = refused.reply
    else:
        reply = None
    if reply is not None:
        assert reply.status == 400
        assert orjson.loads(reply.body)["error"]["message"]
        return
    answer = compose(ask, "openai", id_seed=1, created_s=1)
    assert OPENAI.write(ask, answer).status == 200
    if ask.stream:
        assert all(event.data.endswith(b"\n\n") for event in OPENAI.stream(ask, answer))
