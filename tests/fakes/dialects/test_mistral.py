from __future__ import annotations

import base64
import re
from array import array
from typing import Any

import orjson
import pytest
from banstorm.fakes.answer import ANSWER_SCHEMA, TOOL_NAME, Mark, Shape
from banstorm.fakes.compose import compose
from banstorm.fakes.dialects import find
from banstorm.fakes.dialects.base import Ask, RequestRefused, Tool

MISTRAL = find("mistral")
BEARER = {"authorization": "Bearer k"}


def events(**changes: Any) -> list[bytes]:
    """A stream of three words."""
    mark = Mark("7f3a9c", 5, Shape.TEXT, 3)
    ask = Ask("mistral-small-latest", stream=True, text="", mark=mark, input_tokens=11, **changes)
    return [event.data for event in MISTRAL.stream(ask, compose(ask, "mistral", id_seed=7, created_s=1_702_637_377))]


def test_stream_to_the_letter() -> None:
    """Every chunk has a finish reason or a null, and the last one the usage, though nobody asked for it."""
    first, second, *_, last, done = events()
    head = (
        rb'data: \{"id":"[0-9a-f]{32}","object":"chat\.completion\.chunk","created":1702637377,'
        rb'"model":"mistral-small-latest","choices":\[\{"index":0,"delta":'
    )
    interior = rb',"finish_reason":null\}\]\}\n\n'
    assert re.fullmatch(head + rb'\{"role":"assistant","content":""\}' + interior, first)
    assert re.fullmatch(head + rb'\{"content":"~7f3a9c\.5\.mistral\.1\.3\.\w{4} "\}' + interior, second)
    usage = rb'"usage":\{"prompt_tokens":11,"total_tokens":14,"completion_tokens":3\}'
    assert re.fullmatch(head + rb'\{"content":""\},"finish_reason":"stop"\}\],' + usage + rb"\}\n\n", last)
    assert done == b"data: [DONE]\n\n"


def test_tool_call_comes_whole() -> None:
    """A streamed tool call stands in the last chunk, under an id of nine letters and digits."""
    *_, last, _ = events(tools=(Tool(TOOL_NAME, ANSWER_SCHEMA),), tool_choice=f"tool:{TOOL_NAME}")
    choice = orjson.loads(last[6:])["choices"][0]
    [call] = choice["delta"]["tool_calls"]
    assert re.fullmatch(r"[0-9A-Za-z]{9}", call["id"])
    assert (call["function"]["name"], call["index"], choice["finish_reason"]) == (TOOL_NAME, 0, "tool_calls")


def test_any_tool() -> None:
    """A tool that must be called is asked for with `any`."""
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    body = {"model": "m", "messages": [{"role": "user", "content": "x"}], "tools": [tool], "tool_choice": "any"}
    assert MISTRAL.read("POST", "/v1/chat/completions", BEARER, orjson.dumps(body)).tool_choice == "any"


def test_headers() -> None:
    """Answers carry the limits a minute and what the request cost, and no resets."""
    ask = Ask("m", stream=False, text="", mark=Mark("7f3a9c", 5, Shape.TEXT, 3), input_tokens=11)
    headers = dict(MISTRAL.write(ask, compose(ask, "mistral", id_seed=7, created_s=1)).headers)
    assert headers["x-ratelimit-limit-tokens-minute"] == "5000000"
    assert headers["x-ratelimit-remaining-tokens-minute"] == "4999986"
    assert headers["x-ratelimit-tokens-query-cost"] == "14"
    assert headers["x-ratelimit-remaining-req-minute"] == "719"
    assert not [name for name in headers if "reset" in name]


@pytest.mark.parametrize(
    ("kind", "details", "status", "body"),
    [
        ("bad_key", {}, 401, {"detail": "Unauthorized"}),
        ("bad_key", {"form": "none"}, 401, None),
        (
            "rate_limited",
            {},
            429,
            {
                "object": "error",
                "message": "Rate limit exceeded",
                "type": "rate_limited",
                "param": None,
                "code": "1300",
                "raw_status_code": 429,
            },
        ),
        ("rate_limited", {"form": "bare"}, 429, {"message": "Requests rate limit exceeded"}),
        (
            "capacity_exceeded",
            {},
            429,
            {
                "object": "error",
                "message": "Service tier capacity exceeded for this model.",
                "type": "invalid_request_error",
                "param": None,
                "code": None,
            },
        ),
    ],
)
def test_bodies_to_the_letter(kind: str, details: dict[str, Any], status: int, body: Any) -> None:
    """The shapes in which the API says no, with the order of their keys."""
    reply = MISTRAL.failure(kind, details, id_seed=1)
    assert reply.status == status
    assert reply.body == (b"" if body is None else orjson.dumps(body))


def test_gateway() -> None:
    """The gateway's own refusal names the request; so does its header."""
    reply = MISTRAL.failure("missing_key", {}, id_seed=1)
    body = orjson.loads(reply.body)
    assert (reply.status, body["message"]) == (401, "Unauthorized")
    assert body["request_id"] == dict(reply.headers)["x-kong-request-id"]


def test_quota_looks_like_a_revoked_key() -> None:
    """A used-up quota can't be told from a revoked key."""
    assert MISTRAL.failure("quota_exhausted", {}, id_seed=1) == MISTRAL.failure("bad_key", {}, id_seed=1)


def test_a_full_backend_uses_the_words_of_a_full_tier() -> None:
    """One message has two statuses."""
    full, overloaded = (MISTRAL.failure(kind, {}, id_seed=1) for kind in ("capacity_exceeded", "overloaded"))
    assert (full.status, overloaded.status, full.body) == (429, 503, overloaded.body)


@pytest.mark.parametrize(
    ("messages", "where", "kind"),
    [
        (None, ["body", "messages"], "missing"),
        ([{"role": "user", "content": 5}], ["body", "messages", 0, "content"], "value_error"),
        ([{"content": "x"}], ["body", "messages", 0, "role"], "missing"),
    ],
)
def test_validation(messages: Any, where: list[Any], kind: str) -> None:
    """A field that is missing or wrong is named by its place in the body, with status 422."""
    body = {"model": "m"} if messages is None else {"model": "m", "messages": messages}
    with pytest.raises(RequestRefused) as caught:
        MISTRAL.read("POST", "/v1/chat/completions", BEARER, orjson.dumps(body))
    assert caught.value.reply.status == 422
    [detail] = orjson.loads(caught.value.reply.body)["detail"]
    assert (detail["loc"], detail["type"]) == (where, kind)
    assert detail["msg"]


def test_validation_nested() -> None:
    """The same can come wrapped in an error object."""
    body = orjson.loads(MISTRAL.failure("bad_request", {"form": "nested", "param": "messages"}, id_seed=1).body)
    assert body["object"] == "error"
    assert body["message"]["detail"][0]["loc"] == ["body", "messages"]


@pytest.mark.parametrize(("details", "expected"), [({}, None), ({"retry_after": 7}, "7"), ({"retry_after": "x"}, "x")])
def test_retry_after(details: dict[str, Any], expected: str | None) -> None:
    """The wait stands in its header if one is named."""
    assert dict(MISTRAL.failure("rate_limited", details, id_seed=1).headers).get("retry-after") == expected
    assert "retry-after" not in dict(MISTRAL.failure("bad_key", details, id_seed=1).headers)


def embed(**options: Any) -> Any:
    """The JSON of an answer to a request for embeddings."""
    body = {"model": "mistral-embed", "input": ["fox", "dog"], **options}
    ask = MISTRAL.read("POST", "/v1/embeddings", BEARER, orjson.dumps(body))
    assert (ask.operation, ask.input_tokens) == ("embeddings", 2)
    reply = MISTRAL.write(ask, compose(ask, "mistral", id_seed=7, created_s=1))
    assert int(dict(reply.headers)["content-length"]) == len(reply.body)
    return orjson.loads(reply.body)


def test_embeddings() -> None:
    """Texts become vectors of length one, in their order, under the vendor's id."""
    body = embed()
    assert re.fullmatch("[0-9a-f]{32}", body["id"])
    assert [each["index"] for each in body["data"]] == [0, 1]
    assert body["usage"] == {"prompt_tokens": 2, "total_tokens": 2, "completion_tokens": 0}
    for each in body["data"]:
        assert len(each["embedding"]) == 1024
        assert sum(part * part for part in each["embedding"]) == pytest.approx(1, abs=1e-4)
    assert embed() == body
    assert len(embed(model="codestral-embed", output_dimension=64)["data"][0]["embedding"]) == 64


@pytest.mark.parametrize(
    ("dtype", "least", "most", "length"),
    [("int8", -128, 127, 64), ("uint8", 0, 255, 64), ("binary", -128, 127, 8), ("ubinary", 0, 255, 8)],
)
def test_short_embeddings(dtype: str, least: int, most: int, length: int) -> None:
    """Fewer bits are whole numbers of the signs and sizes that the floats have; base64 says the same."""
    floats = embed(output_dimension=64)["data"][0]["embedding"]
    numbers = embed(output_dimension=64, output_dtype=dtype)["data"][0]["embedding"]
    assert len(numbers) == length
    assert all(isinstance(number, int) and least <= number <= most for number in numbers)
    if length == 64:
        middle = 128 if dtype == "uint8" else 0
        assert [round(part * 127) for part in floats] == [number - middle for number in numbers]
    else:
        bits = "".join(f"{(number + 128 if dtype == 'binary' else number):08b}" for number in numbers)
        assert [bit == "1" for bit in bits] == [part > 0 for part in floats]
    text = embed(output_dimension=64, output_dtype=dtype, encoding_format="base64")["data"][0]["embedding"]
    assert array("b" if least else "B", base64.b64decode(text)).tolist() == numbers


@pytest.mark.parametrize(
    "options",
    [
        {"input": 5},
        {"input": []},
        {"input": ["x", 5]},
        {"input": ["x"] * 513},
        {"input": "x" * 40_000},
        {"output_dimension": 0},
        {"output_dimension": 3073},
        {"output_dimension": True},
        {"output_dtype": "float64"},
        {"encoding_format": "hex"},
        {"model": 5},
    ],
)
def test_bad_embeddings(options: dict[str, Any]) -> None:
    """What can't be embedded is refused in the validator's words, or for its length."""
    with pytest.raises(RequestRefused) as caught:
        embed(**options)
    assert caught.value.reply.status == (400 if options == {"input": "x" * 40_000} else 422)


def test_pages() -> None:
    """The edge speaks HTML."""
    assert b"502 Bad Gateway" in MISTRAL.failure("bad_gateway_page", {}, id_seed=1).body
    assert b"api.mistral.ai | 520" in MISTRAL.failure("edge_page", {}, id_seed=1).body
