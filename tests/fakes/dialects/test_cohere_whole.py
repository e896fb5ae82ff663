"""Cohere beyond words: several calls, thoughts, citations, embeddings, models, and answers that failed."""

from __future__ import annotations

import base64
import struct
from typing import Any

import orjson
import pytest
from banstorm.fakes.answer import Mark, Shape, expected
from banstorm.fakes.compose import compose
from banstorm.fakes.dialects import find
from banstorm.fakes.dialects.base import Ask, RequestRefused

COHERE = find("cohere")
HEADERS = {"authorization": "Bearer key"}
MARK = Mark("7f3a9c", 5, Shape.TEXT, 3)
MARKED = [{"role": "user", "content": MARK.render()}]
TOOLS = [{"type": "function", "function": {"name": name, "parameters": {"type": "object"}}} for name in ("f", "g")]
DOCUMENTS = [{"id": "paris", "data": {"text": "It is sunny."}}, "more"]


def read(path: str = "/v2/chat", method: str = "POST", **body: Any) -> Ask:
    """Read a request."""
    whole = {"model": "command-a-03-2025", "messages": [{"role": "user", "content": "Ask f and g."}], **body}
    document = whole if path == "/v2/chat" else {"model": "embed-v4.0", **body}
    return COHERE.read(method, path, HEADERS, orjson.dumps(document) if method == "POST" else b"")


def said(ask: Ask) -> Any:
    """The answer's document."""
    return orjson.loads(COHERE.write(ask, compose(ask, "cohere", id_seed=7, created_s=1)).body)


def events(ask: Ask) -> list[Any]:
    """The answer's events, without the terminator."""
    *written, _ = [event.data for event in COHERE.stream(ask, compose(ask, "cohere", id_seed=7, created_s=1))]
    return [orjson.loads(event.split(b"data: ")[1]) for event in written]


def complaint(**body: Any) -> str:
    """What a request is refused with."""
    with pytest.raises(RequestRefused) as caught:
        read(**body)
    assert caught.value.reply.status == 400
    return str(orjson.loads(caught.value.reply.body)["message"])


def test_several_calls_at_once() -> None:
    """Tools that a prompt names are called together, after one plan, each with its own place and id."""
    message = said(read(tools=TOOLS))["message"]
    assert message["tool_plan"] == "I will use the f and g tools."
    assert [call["function"]["name"] for call in message["tool_calls"]] == ["f", "g"]
    found = events(read(tools=TOOLS))
    starts = [event for event in found if event["type"] == "tool-call-start"]
    assert [(event["index"], event["delta"]["message"]["tool_calls"]["id"]) for event in starts] == [
        (place, call["id"]) for place, call in enumerate(message["tool_calls"])
    ]
    for place, call in enumerate(message["tool_calls"]):
        pieces = [
            event["delta"]["message"]["tool_calls"]["function"]["arguments"]
            for event in found
            if event["type"] == "tool-call-delta" and event["index"] == place
        ]
        assert "".join(pieces) == call["function"]["arguments"]


@pytest.mark.parametrize(
    ("thinking", "tokens"),
    [
        ({"type": "enabled"}, 64),
        ({"type": "enabled", "token_budget": 10}, 10),
        ({"type": "disabled"}, 0),
        (None, 0),
    ],
)
def test_thoughts(thinking: Any, tokens: int) -> None:
    """What is thought is counted as output, and stands before the answer, in a content of its own."""
    ask = read(messages=MARKED, thinking=thinking)
    document = said(ask)
    assert document["usage"]["billed_units"]["output_tokens"] == MARK.words + tokens
    assert [block["type"] for block in document["message"]["content"]] == [*["thinking"] * bool(tokens), "text"]
    deltas = [event for event in events(ask) if event["type"] == "content-delta"]
    texts = [event["delta"]["message"]["content"].get("text", "") for event in deltas]
    assert "".join(texts) == expected(MARK, "cohere")
    assert {event["index"] for event in deltas if "text" in event["delta"]["message"]["content"]} == {bool(tokens)}


def test_stop_sequences() -> None:
    """A stop sequence ends an answer, and the finish reason says so."""
    word = expected(MARK, "cohere").split()[1]
    document = said(read(messages=MARKED, stop_sequences=[word]))
    assert document["finish_reason"] == "STOP_SEQUENCE"
    assert document["message"]["content"][0]["text"].strip() == expected(MARK, "cohere").split()[0]


def test_cache() -> None:
    """What stands before the last answer comes from the cache, if it is long enough to be there."""
    turns = [{"role": "user", "content": "x" * 8_000}, {"role": "assistant", "content": "so"}]
    assert said(read(messages=turns[:1]))["usage"]["cached_tokens"] == 0
    assert said(read(messages=[*turns, {"role": "user", "content": "and?"}]))["usage"]["cached_tokens"] == 2_004


def test_citations() -> None:
    """An answer from documents cites the first of them for its first sentence, in a stream before its end."""
    ask = read(documents=DOCUMENTS)
    message = said(ask)["message"]
    [citation] = message["citations"]
    text = message["content"][0]["text"]
    assert text[citation["start"] : citation["end"]] == citation["text"]
    assert citation["text"].endswith(".")
    assert citation["sources"] == [{"type": "document", "id": "paris", "document": {"id": "paris"}}]
    assert [event["type"] for event in events(ask)][-4:] == [
        "citation-start",
        "citation-end",
        "content-end",
        "message-end",
    ]
    assert events(ask)[-4]["delta"]["message"]["citations"] == citation
    assert said(read(documents=["a"]))["message"]["citations"][0]["sources"][0]["id"] == "doc:0"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"documents": []},
        {"documents": DOCUMENTS, "citation_options": {"mode": "OFF"}},
        {"documents": DOCUMENTS, "tools": TOOLS},
        {"documents": DOCUMENTS, "messages": MARKED},
    ],
)
def test_nothing_is_cited(body: Any) -> None:
    """Without documents, without wanting it, in a call, or where words may stand but once, nothing is cited."""
    assert "citations" not in said(read(**body))["message"]


def test_embeddings() -> None:
    """Each text has its vector in each form that is asked for, all of one vector; what is billed is said."""
    kinds = ["float", "base64", "int8", "uint8", "binary", "ubinary"]
    body = {"texts": ["hello", "~"], "input_type": "search_query", "embedding_types": kinds, "output_dimension": 256}
    ask = read("/v2/embed", **body)
    reply = COHERE.write(ask, compose(ask, "cohere", id_seed=7, created_s=1))
    assert b"~" not in reply.body
    assert dict(reply.headers)["content-length"] == str(len(reply.body))
    document = orjson.loads(reply.body)
    assert (document["texts"], document["meta"]["billed_units"]) == (["hello", "~"], {"input_tokens": 3})
    found = {kind: document["embeddings"][kind][0] for kind in kinds}
    floats = struct.unpack("<256f", base64.b64decode(found["base64"]))
    assert found["float"] == pytest.approx(floats, rel=1e-5)
    assert found["int8"] == [round(value * 127) for value in floats]
    assert found["uint8"] == [value + 128 for value in found["int8"]]
    bits = "".join("1" if value > 0 else "0" for value in floats)
    assert found["ubinary"] == [int(bits[at : at + 8], 2) for at in range(0, 256, 8)]
    assert found["binary"] == [value - 128 for value in found["ubinary"]]


def test_other_things_to_embed() -> None:
    """Images and mixed inputs are embedded as well; the usual vectors are floats of the usual length."""
    inputs = [{"content": [{"type": "text", "text": "a"}, {"type": "image_url"}]}]
    document = said(read("/v2/embed", inputs=inputs, images=["data:,"], input_type="image"))
    assert [len(vector) for vector in document["embeddings"]["float"]] == [1536, 1536]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"texts": ["a"]}, "invalid request: input_type must be one of"),
        ({"input_type": "search_query"}, "invalid request: must provide at least one of"),
        ({"texts": ["a"] * 97, "input_type": "search_query"}, "invalid request: at most 96"),
        ({"texts": [1], "input_type": "search_query"}, "invalid request: texts must be a list of strings."),
        ({"texts": ["a"], "input_type": "search_query", "embedding_types": ["x"]}, "invalid request: embedding_types"),
        ({"texts": ["a"], "input_type": "search_query", "output_dimension": 3}, "invalid request: output_dimension"),
        ({"inputs": [3], "input_type": "search_query"}, "invalid request: inputs[0].content"),
    ],
)
def test_embeddings_refused(body: Any, says: str) -> None:
    """What can't be embedded is refused in the vendor's way."""
    assert complaint(path="/v2/embed", **body).startswith(says)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"stop_sequences": ["a"] * 6}, "invalid request: stop_sequences can have at most 5 entries."),
        ({"stop_sequences": [1]}, "invalid request: stop_sequences must be a list of strings."),
        ({"thinking": {"type": "deep"}}, "invalid request: thinking.type must be"),
        ({"thinking": {"type": "enabled", "token_budget": -1}}, "invalid request: token_budget must be at least 0."),
    ],
)
def test_complaints(body: Any, says: str) -> None:
    """What can't be granted is refused in the vendor's way."""
    assert complaint(**body) == says or complaint(**body).startswith(says)


def test_models() -> None:
    """Models are listed, all of them or those of an endpoint, and any one is described."""
    names = {model["name"] for model in said(read("/v1/models", "GET"))["models"]}
    assert {"command-a-03-2025", "embed-v4.0"} <= names
    assert [model["name"] for model in said(read("/v1/models?endpoint=embed", "GET"))["models"]] == ["embed-v4.0"]
    assert said(read("/v1/models/mine", "GET"))["name"] == "mine"


@pytest.mark.parametrize(("variant", "reason"), [(None, "ERROR"), ("timeout", "TIMEOUT")])
def test_answers_that_failed(variant: str | None, reason: str) -> None:
    """An answer of status 200 may say that it failed, as a body or in a stream's last event."""
    details = {"variant": variant} if variant else {}
    plain = COHERE.failure("error_in_200", details, id_seed=1, ask=read())
    document = orjson.loads(plain.body)
    assert (plain.status, document["finish_reason"], document["message"]["content"]) == (200, reason, [])
    streamed = COHERE.failure("error_in_200", details, id_seed=1, ask=read(stream=True))
    assert dict(streamed.headers)["content-type"] == "text/event-stream"
    start, end = [orjson.loads(event.split(b"data: ")[1]) for event in streamed.body.split(b"\n\n") if event]
    assert (start["type"], end["delta"]["finish_reason"]) == ("message-start", reason)
    assert end["delta"]["error"]


@pytest.mark.parametrize(
    ("kind", "variant", "status"),
    [
        ("bad_request", "unprocessable", 422),
        ("timeout", "client_closed", 499),
        ("server_error", "not_implemented", 501),
        ("content_filtered", None, 498),
    ],
)
def test_statuses_that_the_sdk_has_a_class_for(kind: str, variant: str | None, status: int) -> None:
    """Each status that the SDK tells apart can be had."""
    reply = COHERE.failure(kind, {"variant": variant} if variant else {}, id_seed=1)
    assert (reply.status, orjson.loads(reply.body).keys()) == (status, {"id", "message"})
