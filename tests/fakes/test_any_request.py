"""Whatever comes in, a fake answers as its vendor would: never with an error of our own, never not at all."""

from __future__ import annotations

import asyncio
import logging
import random
import re
import struct
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote

import orjson
import pytest
from banstorm.fakes.app import create_app
from banstorm.fakes.dialects import find
from banstorm.fakes.pace import Pace
from banstorm.fakes.prices import PriceTable
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_requests import HEADERS, Asked, odd_request, right_requests, vendors

PATIENCE_S = 20  # no request takes anywhere near it; a hang fails instead of hanging
PIECE = b" " * 2**20
PRICES = PriceTable.load()


class Answered:
    """What an application sent."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.ended = False
        self.pieces_left = 0


async def call(asked: Asked, pieces: list[bytes], *, announced: int | None = None) -> Answered:
    """Ask over ASGI as a server hands requests on, the body in `pieces`, its length announced if it is given."""
    answered = Answered()
    left = list(pieces)

    async def receive() -> Any:
        if left:
            piece = left.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(left)}
        await asyncio.Event().wait()  # the caller stays
        raise AssertionError

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            assert not answered.status
            answered.status = message["status"]
            answered.headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in message["headers"]}
        else:
            answered.body += message.get("body", b"")
            answered.ended = not message.get("more_body", False)

    path, _, query = asked.target.partition("?")
    headers = asked.headers if announced is None else {**asked.headers, "content-length": str(announced)}
    app = create_app("x", find(asked.dialect), Pace(), run_seed=1, bill=lambda _: None, prices=PRICES)
    scope = {
        "type": "http",
        "method": asked.method,
        "path": unquote(path),
        "query_string": query.encode("latin-1"),
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()],
    }
    async with asyncio.timeout(PATIENCE_S):
        await app(scope, receive, send)
    answered.pieces_left = len(left)
    return answered


# What each vendor's failures look like: its envelope, by hand.


def _openai(status: int, headers: dict[str, str], document: Any) -> None:
    assert document.keys() == {"error"}
    error = document["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert isinstance(error["message"], str)
    assert headers["x-request-id"].startswith("req_")


def _anthropic(status: int, headers: dict[str, str], document: Any) -> None:
    assert isinstance(document["error"]["message"], str)
    if status == 413:  # from the edge, which gives no id and no outer type
        assert document.keys() == {"error"}
        return
    assert document["type"] == "error"
    types = {400: "invalid_request_error", 401: "authentication_error", 404: "not_found_error"}
    assert document["error"]["type"] == types.get(status, "invalid_request_error")
    assert document["request_id"] == headers["request-id"]


def _gemini(status: int, headers: dict[str, str], document: Any) -> None:
    if isinstance(document, list):
        (document,) = document
    error = document["error"]
    assert error["code"] == status
    assert isinstance(error["message"], str)
    assert re.fullmatch(r"[A-Z_]+", error["status"])


def _azure(status: int, headers: dict[str, str], document: Any) -> None:
    if "error" in document:
        assert isinstance(document["error"]["message"], str)
        assert isinstance(document["error"]["code"], str | None)
    else:
        assert document["statusCode"] == status
    assert headers["apim-request-id"]


def _bedrock(status: int, headers: dict[str, str], document: Any) -> None:
    assert isinstance(document["message"], str)
    assert re.match(r"[A-Z]\w+Exception(:http|$)", headers["x-amzn-errortype"])
    assert re.fullmatch(r"[0-9a-f-]{36}", headers["x-amzn-requestid"])


def _cohere(status: int, headers: dict[str, str], document: Any) -> None:
    assert document.keys() == {"id", "message"}
    assert re.fullmatch(r"[0-9a-f-]{36}", document["id"])
    assert isinstance(document["message"], str)


def _mistral(status: int, headers: dict[str, str], document: Any) -> None:
    if status == 422:
        detail = document["detail"] if "detail" in document else document["message"]["detail"]
        assert all(each.keys() >= {"type", "loc", "msg"} for each in detail)
    else:
        assert "message" in document or isinstance(document["detail"], str)


def _groq(status: int, headers: dict[str, str], document: Any) -> None:
    assert document.keys() == {"error"}
    assert {"message", "type"} <= document["error"].keys()
    assert isinstance(document["error"]["message"], str)


def _openrouter(status: int, headers: dict[str, str], document: Any) -> None:
    assert document["error"]["code"] == status
    assert isinstance(document["error"]["message"], str)


ENVELOPES: dict[str, Callable[[int, dict[str, str], Any], None]] = {
    "anthropic": _anthropic,
    "azure": _azure,
    "bedrock": _bedrock,
    "cohere": _cohere,
    "gemini": _gemini,
    "groq": _groq,
    "mistral": _mistral,
    "openai": _openai,
    "openrouter": _openrouter,
}
TOO_LARGE = {"gemini": 400}
"""Statuses of a body beyond the cap where a vendor has another one than 413."""


def check(asked: Asked, answered: Answered) -> None:
    """An answer is a whole document or a whole stream of the vendor's; a failure is in its envelope."""
    assert answered.ended
    assert 200 <= answered.status < 500
    if "content-length" in answered.headers:
        assert int(answered.headers["content-length"]) == len(answered.body)
    kind = answered.headers.get("content-type", "")
    if answered.status != 200:
        if asked.dialect == "gemini" and answered.status == 404 and not answered.body:
            return  # an address that it doesn't have gets nothing but its status
        assert kind.startswith("application/json")
        ENVELOPES[asked.dialect](answered.status, answered.headers, orjson.loads(answered.body))
    elif "amazon.eventstream" in kind:
        assert answered.body
        (length,) = struct.unpack_from(">I", answered.body)
        assert length <= len(answered.body)
    elif "event-stream" in kind:
        for event in re.split(rb"\r?\n\r?\n", answered.body):
            for line in event.splitlines():
                if line.startswith(b"data: ") and line != b"data: [DONE]":
                    orjson.loads(line[6:])
    else:
        assert kind.startswith("application/json")
        assert isinstance(orjson.loads(answered.body), dict | list)


@pytest.fixture
def bugs() -> Iterator[list[str]]:
    """What the fake says of its own bugs: each is a test's failure, however well its answer looks."""
    said: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(self.format(record))

    listener = Listener(logging.ERROR)
    logging.getLogger("banstorm").addHandler(listener)
    yield said
    logging.getLogger("banstorm").removeHandler(listener)


def test_every_vendor_is_held() -> None:
    """No dialect is left out of these tests."""
    assert set(ENVELOPES) == set(vendors())


@pytest.mark.parametrize("name", ENVELOPES)
async def test_the_right_requests_are_answered(name: str, bugs: list[str]) -> None:
    """What the odd requests are made of is right: every route of every vendor answers it."""
    for method, target, document in right_requests(name):
        asked = Asked(name, method, target, HEADERS, b"" if document is None else orjson.dumps(document))
        answered = await call(asked, [asked.body])
        assert (target, answered.status) == (target, 200), answered.body
        check(asked, answered)
    assert bugs == []


@pytest.mark.parametrize("name", ENVELOPES)
def test_any_request_is_answered_or_refused(name: str, bugs: list[str]) -> None:
    """A request that is nearly right, in whatever chunks it comes, gets an answer or a failure in the vendor's form."""

    @settings(max_examples=300)
    @given(st.integers(min_value=0, max_value=2**32))
    def run(seed: int) -> None:
        chance = random.Random(seed)  # Hypothesis' own Random begins with the dullest choices, and mostly stays there
        asked = odd_request(name, chance)
        cut = sorted(chance.randint(0, len(asked.body)) for _ in range(chance.choice([0, 0, 1, 3])))
        pieces = [asked.body[i:j] for i, j in zip([0, *cut], [*cut, None], strict=True)]
        check(asked, asyncio.run(call(asked, pieces)))
        assert bugs == []

    run()


@pytest.mark.parametrize("name", ENVELOPES)
def test_any_bytes_are_answered_or_refused(name: str, bugs: list[str]) -> None:
    """A body that is no request at all is refused in the vendor's form, at every route."""
    requests = right_requests(name)

    @settings(max_examples=60)
    @given(st.sampled_from(requests), st.binary(max_size=200) | st.text(max_size=60).map(str.encode))
    def run(request: tuple[str, str, Any], body: bytes) -> None:
        asked = Asked(name, request[0], request[1], HEADERS, body)
        check(asked, asyncio.run(call(asked, [body])))
        assert bugs == []

    run()


@pytest.mark.parametrize("name", ENVELOPES)
@pytest.mark.parametrize("announced", [True, False])
async def test_a_body_beyond_the_cap(name: str, *, announced: bool) -> None:
    """A body over the vendor's cap gets the vendor's 413; one that says so beforehand isn't even read."""
    method, target, _ = next(each for each in right_requests(name) if each[0] == "POST")
    cap = find(name).body_bytes_max
    pieces = [PIECE] * (cap // len(PIECE) + 2)
    asked = Asked(name, method, target, HEADERS, b"")
    answered = await call(asked, pieces, announced=cap + 1 if announced else None)
    assert answered.status == TOO_LARGE.get(name, 413)
    check(asked, answered)
    assert answered.pieces_left == (len(pieces) if announced else 1)
