"""What the vendors of OpenAI's shape have in common, each in its own words."""

from __future__ import annotations

import re
from typing import Any

import hypothesis.strategies as st
import orjson
import pytest
from banstorm.fakes.answer import ANSWER_SCHEMA, TOOL_NAME, Mark, Shape, expected, expected_object
from banstorm.fakes.compose import compose
from banstorm.fakes.dialects import find
from banstorm.fakes.dialects._kinds import KINDS
from banstorm.fakes.dialects.base import Ask, RequestRefused, UnknownFailureError
from hypothesis import given

PATHS = {
    "azure": "/openai/deployments/gpt-4.1/chat/completions?api-version=2024-10-21",
    "groq": "/openai/v1/chat/completions",
    "mistral": "/v1/chat/completions",
    "openrouter": "/api/v1/chat/completions",
}
NAMES = sorted(PATHS)
BEARER = {"authorization": "Bearer some-key"}
TOOLS = [{"type": "function", "function": {"name": TOOL_NAME, "parameters": ANSWER_SCHEMA}}]
FORCED = {"type": "function", "function": {"name": TOOL_NAME}}
FORMAT = {"type": "json_schema", "json_schema": {"name": "answer", "schema": ANSWER_SCHEMA}}

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)
SPOILT = (
    "model",
    "models",
    "messages",
    "stream",
    "stream_options",
    "tools",
    "tool_choice",
    "response_format",
    "max_tokens",
    "seed",
    "service_tier",
    "stop",
    "n",
    "logprobs",
    "top_logprobs",
    "functions",
    "function_call",
    "parallel_tool_calls",
    "reasoning",
    "reasoning_effort",
    "reasoning_format",
    "include_reasoning",
    "prompt_mode",
    "prompt_cache_key",
)


def read(name: str, shape: Shape = Shape.TEXT, **options: Any) -> Ask:
    """What the vendor understands of a marked question with an image beside it."""
    parts = [
        {"type": "image_url", "image_url": {"url": "data:,"}},
        {"type": "text", "text": Mark("7f3a9c", 5, shape, 3).render()},
    ]
    body = {"model": "gpt-4.1", "messages": [{"role": "user", "content": parts}], **options}
    return find(name).read("POST", PATHS[name], BEARER, orjson.dumps(body))


def write(name: str, ask: Ask) -> Any:
    """The JSON of the whole answer."""
    return orjson.loads(find(name).write(ask, compose(ask, name, id_seed=77, created_s=1_769_092_764)).body)


def stream(name: str, ask: Ask) -> list[Any]:
    """The JSON of each chunk."""
    events = [event.data for event in find(name).stream(ask, compose(ask, name, id_seed=77, created_s=1_769_092_764))]
    assert events[-1] == b"data: [DONE]\n\n"
    assert all(re.fullmatch(rb"(data: .+\n\n|: .+\n\n|)", event) for event in events)
    return [orjson.loads(event[6:]) for event in events[:-1] if event.startswith(b"data:")]


def deltas(name: str, ask: Ask) -> list[Any]:
    """The deltas of a streamed answer."""
    return [chunk["choices"][0]["delta"] for chunk in stream(name, ask) if chunk["choices"]]


@pytest.mark.parametrize("name", NAMES)
def test_text(name: str) -> None:
    """A marked prompt's words come back, whole and streamed, with the same id, model and finish reason."""
    ask = read(name)
    words = expected(Mark("7f3a9c", 5, Shape.TEXT, 3), name)
    whole = write(name, ask)
    assert whole["choices"][0]["message"]["content"] == words
    assert whole["choices"][0]["finish_reason"] == "stop"
    assert (whole["model"], whole["object"], whole["created"]) == ("gpt-4.1", "chat.completion", 1_769_092_764)
    assert whole["usage"]["completion_tokens"] == 3
    assert whole["usage"]["total_tokens"] == whole["usage"]["prompt_tokens"] + 3
    streaming = read(name, stream=True)
    chunks = [chunk for chunk in stream(name, streaming) if chunk["choices"]]
    assert {(chunk["id"], chunk["object"]) for chunk in chunks} == {(whole["id"], "chat.completion.chunk")}
    assert "".join(delta.get("content") or "" for delta in deltas(name, streaming)) == words
    assert deltas(name, streaming)[0]["role"] == "assistant"
    reasons = [chunk["choices"][0]["finish_reason"] for chunk in chunks]
    assert [reason for reason in reasons if reason] == ["stop"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("choice", [FORCED, "required", "auto"])
def test_tool(name: str, choice: Any) -> None:
    """The tool is called with the words as its arguments, whole and streamed, under one id."""
    wanted = expected_object(Mark("7f3a9c", 5, Shape.TOOL, 3), name)
    ask = read(name, Shape.TOOL, tools=TOOLS, tool_choice=choice)
    [call] = write(name, ask)["choices"][0]["message"]["tool_calls"]
    assert (call["function"]["name"], orjson.loads(call["function"]["arguments"])) == (TOOL_NAME, wanted)
    streaming = read(name, Shape.TOOL, tools=TOOLS, tool_choice=choice, stream=True)
    pieces = [delta["tool_calls"][0] for delta in deltas(name, streaming) if delta.get("tool_calls")]
    assert (pieces[0]["id"], pieces[0]["function"]["name"]) == (call["id"], TOOL_NAME)
    assert orjson.loads("".join(piece["function"]["arguments"] for piece in pieces)) == wanted
    assert stream(name, streaming)[-1 if name != "openrouter" else -2]["choices"][0]["finish_reason"] == "tool_calls"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [Shape.TEXT, Shape.TOOL])
def test_stream_counts_its_tokens(name: str, shape: Shape) -> None:
    """As many events carry a token as the answer has, also where a vendor holds a tool call back until it is whole."""
    ask = read(name, shape, tools=TOOLS, tool_choice="auto" if shape is Shape.TOOL else "none", stream=True)
    answer = compose(ask, name, id_seed=77, created_s=1_769_092_764)
    assert sum(event.token for event in find(name).stream(ask, answer)) == answer.output_tokens > 2


@pytest.mark.parametrize("name", NAMES)
def test_json(name: str) -> None:
    """A JSON answer is the object that was asked for."""
    content = write(name, read(name, Shape.JSON, response_format=FORMAT))["choices"][0]["message"]["content"]
    assert orjson.loads(content) == expected_object(Mark("7f3a9c", 5, Shape.JSON, 3), name)


@pytest.mark.parametrize("name", NAMES)
def test_max_tokens(name: str) -> None:
    """An answer longer than the caller allows is cut at that token and says so."""
    whole = write(name, read(name, max_tokens=2))
    assert whole["choices"][0]["finish_reason"] == "length"
    assert whole["usage"]["completion_tokens"] == 2


@pytest.mark.parametrize("name", NAMES)
def test_conversation(name: str) -> None:
    """After a tool's result the model answers with text."""
    call = {"id": "c", "type": "function", "function": {"name": TOOL_NAME, "arguments": "{}"}}
    messages = [
        {"role": "user", "content": "What is the weather in Oslo?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "2 degrees"},
    ]
    ask = read(name, messages=messages, tools=TOOLS)
    assert (ask.after_tool_result, ask.first_turn) == (True, False)
    assert write(name, ask)["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "kind"),
    [
        ("POST", None, {}, b"{}", "missing_key"),
        ("DELETE", None, BEARER, b"", "wrong_method"),
        ("POST", "/nowhere", BEARER, b"{}", "unknown_url"),
        ("POST", None, BEARER, b"{broken", "bad_request"),
        ("POST", None, BEARER, b'{"model":"m"}', "bad_request"),
        ("POST", None, BEARER, b'{"model":"m","messages":[{"role":"nobody","content":"x"}]}', "bad_request"),
    ],
)
def test_refusals(name: str, method: str, path: str | None, headers: Any, body: bytes, kind: str) -> None:
    """What the vendor refuses it refuses with its own status and in its own envelope."""
    with pytest.raises(RequestRefused) as caught:
        find(name).read(method, path or PATHS[name], headers, body)
    example = find(name).failure(kind, {}, id_seed=1)
    assert caught.value.reply.status == example.status
    envelope, like = orjson.loads(caught.value.reply.body), orjson.loads(example.body)
    assert set(envelope) == set(like)
    assert set(envelope.get("error", ())) - {"code"} == set(like.get("error", ())) - {"code"}


@pytest.mark.parametrize("name", NAMES)
def test_failures_are_pure_and_whole(name: str) -> None:
    """Every failure is a known kind and a whole response, the same each time, with no blank left open."""
    dialect = find(name)
    assert dialect.failures <= set(KINDS)
    for kind in dialect.failures:
        reply = dialect.failure(kind, {}, id_seed=4)
        assert reply == dialect.failure(kind, {}, id_seed=4)
        headers = dict(reply.headers)
        assert int(headers["content-length"]) == len(reply.body)
        assert all(key == key.lower() for key in headers)
        assert reply.status >= 400 or kind == "error_in_200"
        assert reply.body.startswith(b"<") == (("content-type", "application/json") not in reply.headers)
        assert reply.body.startswith(b"<") or orjson.loads(reply.body)
        assert not re.search(rb"\{\w+\}", reply.body)
        assert b"~" not in reply.body  # only words of an answer carry the sign that tokens are counted by
        event = dialect.error_event(kind, {}, id_seed=4)
        assert event.endswith(b"}\n\n")
        assert orjson.loads(event.split(b"data: ")[1])


@pytest.mark.parametrize("name", NAMES)
def test_unknown_failure(name: str) -> None:
    """A failure that the vendor doesn't have is refused by name."""
    with pytest.raises(UnknownFailureError, match="meteor"):
        find(name).failure("meteor", {}, id_seed=1)
    with pytest.raises(UnknownFailureError, match="meteor"):
        find(name).error_event("meteor", {}, id_seed=1)


@pytest.mark.parametrize("name", NAMES)
def test_models(name: str) -> None:
    """Models can be listed, and any name, slashes included, can be looked up."""
    path = PATHS[name].partition("?")[0].replace("/deployments/gpt-4.1", "/v1").replace("/chat/completions", "/models")
    listed = write(name, find(name).read("GET", path, BEARER, b""))
    assert listed["data"][0]["id"]
    assert write(name, find(name).read("GET", path + "/of/nobody", BEARER, b""))["id"] == "of/nobody"


@pytest.mark.parametrize("name", NAMES)
def test_answer_keys(name: str) -> None:
    """Each event that carries a word has it under one of the keys that the dialect names."""
    ask = read(name, stream=True)
    words = [
        event.data for event in find(name).stream(ask, compose(ask, name, id_seed=7, created_s=1)) if b"~" in event.data
    ]
    assert len(words) == 3
    assert all(any(f'"{key}":'.encode() in word for key in find(name).answer_keys) for word in words)


@pytest.mark.parametrize("name", NAMES)
@given(spoilt=st.dictionaries(st.sampled_from(SPOILT), ANYTHING, min_size=1, max_size=3))
def test_whatever_is_asked(name: str, spoilt: dict[str, Any]) -> None:
    """A request with anything in any fields is answered, whole or streamed, or refused with the vendor's status."""
    refusal = None
    try:
        ask = read(name, **spoilt)
    except RequestRefused as refused:
        refusal = refused.reply
    if refusal is not None:
        assert refusal.status in {400, 422}
        assert orjson.loads(refusal.body)
    else:
        assert write(name, ask)["choices"]
        assert stream(name, ask)
