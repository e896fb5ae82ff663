"""HTTP/1.1 as the fakes' own server speaks it, from the far side of a socket."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any

import pytest
from banstorm.fakes.http_connection import HEAD_BYTES_MAX, PIPELINED_MAX
from banstorm.fakes.http_request import BUFFERED_BYTES_MAX, WHOLE
from banstorm.fakes.serve import serve

PATIENCE_S = 20


class Seen:
    """What the application under test saw."""

    def __init__(self) -> None:
        self.scopes: list[Any] = []
        self.bodies: list[bytes] = []
        self.left = asyncio.Event()
        self.go = asyncio.Event()


SAID = {"/empty": b"", "/short": b"he", "/long": b"hello, world"}


def application(seen: Seen) -> Any:
    """An application that does what the path says."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.scopes.append(scope)
        path = scope["path"]
        if path != "/unread" and not await _read(seen, receive):
            return
        if path == "/crash":
            raise ValueError("on purpose")
        if path == "/whole":
            await send({"type": WHOLE, "status": 201, "headers": [("x-a", "ü")], "body": b"in one piece"})
        elif path != "/silent":
            await _answer(seen, path, receive, send)

    return app


async def _read(seen: Seen, receive: Any) -> bool:
    """Read the body; False if the caller has left."""
    body = b""
    while (message := await receive())["type"] != "http.disconnect":
        body += message["body"]
        if not message["more_body"]:
            seen.bodies.append(body)
            return True
    seen.left.set()
    return False


async def _answer(seen: Seen, path: str, receive: Any, send: Any) -> None:
    headers = [(b"content-length", b"5")] if path in {"/sized", "/short", "/long"} else []
    await send({"type": "http.response.start", "status": 204 if path == "/empty" else 529, "headers": headers})
    if path == "/leave":
        while (await receive())["type"] != "http.disconnect":
            pass
        seen.left.set()
        return
    if path == "/wait":
        await seen.go.wait()
    await send({"type": "http.response.body", "body": SAID.get(path, b"hello"), "more_body": path == "/cut"})


class Caller:
    """A raw connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def say(self, text: str | bytes) -> None:
        """Send text."""
        self.writer.write(text.encode() if isinstance(text, str) else text)

    def get(self, path: str, *more: str, method: str = "GET", version: str = "1.1") -> None:
        """Send a request's head."""
        self.say("\r\n".join([f"{method} {path} HTTP/{version}", "host: x", *more, "", ""]))

    async def head(self) -> tuple[int, dict[str, str]]:
        """Status and headers of a response."""
        first, *rest = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[:-2]
        return int(first.split()[1]), dict(line.split(": ", 1) for line in rest)

    async def chunks(self) -> bytes:
        """A whole chunked body."""
        body = b""
        while size := int(await self.reader.readline(), 16):
            body += await self.reader.readexactly(size)
            assert await self.reader.readline() == b"\r\n"
        assert await self.reader.readline() == b"\r\n"
        return body

    async def rest(self) -> bytes:
        """Everything until the server closes."""
        return await self.reader.read()


@pytest.fixture
def seen() -> Seen:
    """What the application sees."""
    return Seen()


@pytest.fixture(params=[False, True], ids=["in a task", "eager"])
async def call(request: pytest.FixtureRequest, seen: Seen) -> Any:
    """Makes connections to the application; it is served in either way."""
    app = application(seen)
    app.eager = request.param
    servers = await serve({"a": (app, 0)})
    callers: list[Caller] = []

    async def make() -> Caller:
        callers.append(Caller(*await asyncio.open_connection("127.0.0.1", servers.ports["a"])))
        return callers[-1]

    async with asyncio.timeout(PATIENCE_S):
        yield make
    for caller in callers:
        caller.writer.close()
    await servers.stop()


async def test_a_connection_is_used_again(call, seen) -> None:
    """Several requests go over one connection, each with a body of its own."""
    caller = await call()
    for number in range(3):
        caller.get(f"/{number}?q=%20{number}", "content-length: 2", method="POST")
        caller.say(f"b{number}")
        status, headers = await caller.head()
        assert (status, headers["transfer-encoding"]) == (529, "chunked")
        assert await caller.chunks() == b"hello"
    assert [scope["path"] for scope in seen.scopes] == ["/0", "/1", "/2"]
    assert seen.scopes[1]["query_string"] == b"q=%201"
    assert seen.scopes[1]["method"] == "POST"
    assert seen.scopes[1]["client"][0] == "127.0.0.1"
    assert seen.bodies == [b"b0", b"b1", b"b2"]


async def test_a_path_is_unquoted(call, seen) -> None:
    """The application sees the path as it is meant, and as it was sent."""
    caller = await call()
    caller.get("/a%2Fb%20c")
    await caller.head()
    assert (seen.scopes[0]["path"], seen.scopes[0]["raw_path"]) == ("/a/b c", b"/a%2Fb%20c")


async def test_requests_sent_at_once_are_answered_in_order(call, seen) -> None:
    """A caller need not wait for an answer before it sends the next request."""
    caller = await call()
    for number in range(PIPELINED_MAX):
        caller.get(f"/{number}")
    for _ in range(PIPELINED_MAX):
        await caller.head()
        assert await caller.chunks() == b"hello"
    assert [scope["path"] for scope in seen.scopes] == [f"/{number}" for number in range(PIPELINED_MAX)]


async def test_a_request_waits_for_the_answer_before_it(call, seen) -> None:
    """The second of two requests is not begun while the first is being answered; its body may come in pieces."""
    caller = await call()
    caller.get("/wait")
    caller.get("/second", "content-length: 4", method="POST")
    caller.say("ab")
    await caller.head()
    caller.say("cd")
    assert [scope["path"] for scope in seen.scopes] == ["/wait"]
    seen.go.set()
    assert await caller.chunks() == b"hello"
    await caller.head()
    assert await caller.chunks() == b"hello"
    assert seen.bodies == [b"", b"abcd"]


async def test_too_many_requests_at_once_are_cut_off(call, seen) -> None:
    """Whoever sends requests without end and reads nothing loses the connection."""
    caller = await call()
    caller.get("/wait")
    caller.say(b"GET /x HTTP/1.1\r\nhost: x\r\n\r\n" * (PIPELINED_MAX + 1))
    rest = b""
    with contextlib.suppress(ConnectionResetError):
        rest = await caller.rest()
    assert b"hello" not in rest
    seen.go.set()


async def test_a_body_in_chunks(call, seen) -> None:
    """A request's body may be chunked, and come in any pieces."""
    caller = await call()
    caller.get("/x", "transfer-encoding: chunked", method="POST")
    for piece in ("3\r\nab", "c\r\n", "2\r\nde\r\n0\r\n", "\r\n"):
        caller.say(piece)
        await caller.writer.drain()
    await caller.head()
    assert seen.bodies == [b"abcde"]


async def test_a_large_body_is_read_whole(call, seen) -> None:
    """A body beyond what is buffered reaches the application in full."""
    caller = await call()
    body = bytes(range(256)) * (BUFFERED_BYTES_MAX // 64)
    caller.get("/x", f"content-length: {len(body)}", method="POST")
    caller.say(body)
    await caller.head()
    assert seen.bodies == [body]


async def test_an_early_answer_outlives_the_rest_of_the_body(call) -> None:
    """A request refused before its body has come gets its answer, and the connection can be used afterwards."""
    caller = await call()
    caller.get("/unread", "content-length: 300000", method="POST")
    assert (await caller.head())[0] == 529
    assert await caller.chunks() == b"hello"
    caller.say(b"x" * 300_000)
    caller.get("/next")
    assert (await caller.head())[0] == 529


@pytest.mark.parametrize("expect", ["expect: 100-continue", "Expect: 100-Continue", "EXPECT: 100-CONTINUE"])
async def test_100_continue(call, seen, expect) -> None:
    """A caller that asks whether to send its body is told to, in whatever case it asks."""
    caller = await call()
    caller.get("/x", "content-length: 2", expect, method="POST")
    assert await caller.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    caller.say("ok")
    assert (await caller.head())[0] == 529
    assert seen.bodies == [b"ok"]


@pytest.mark.parametrize(
    ("request_line", "more", "closes", "chunked"),
    [
        (("GET", "1.1"), (), False, True),
        (("GET", "1.1"), ("connection: close",), True, True),
        (("GET", "1.0"), (), True, False),
        (("GET", "1.0"), ("connection: keep-alive",), True, False),
    ],
)
async def test_framing(call, request_line, more, closes, chunked) -> None:
    """A body without a length goes in chunks to whoever knows them, else until the connection's end."""
    caller = await call()
    caller.get("/x", *more, method=request_line[0], version=request_line[1])
    _, headers = await caller.head()
    assert (headers.get("transfer-encoding") == "chunked") is chunked
    assert (headers.get("connection") == "close") is closes
    if chunked:
        assert await caller.chunks() == b"hello"
    if closes:
        assert await caller.rest() == (b"" if chunked else b"hello")


async def test_a_head_has_no_body(call) -> None:
    """A HEAD is answered without a body, and so is a 204."""
    caller = await call()
    for method, path in (("HEAD", "/sized"), ("HEAD", "/whole"), ("GET", "/empty")):
        caller.get(path, method=method)
        _, headers = await caller.head()
        assert "transfer-encoding" not in headers
    caller.get("/sized")
    assert (await caller.head())[0] == 529
    assert await caller.reader.readexactly(5) == b"hello"


async def test_a_response_in_one_piece(call) -> None:
    """A response in one message has its length and its headers in Latin-1."""
    caller = await call()
    caller.get("/whole")
    status, headers = await caller.head()
    assert (status, headers["content-length"], headers["x-a"]) == (201, "12", "ü")
    assert await caller.reader.readexactly(12) == b"in one piece"


async def test_a_cut_is_seen(call) -> None:
    """An application that returns in mid-answer breaks the connection off: no proper end is made up."""
    caller = await call()
    caller.get("/cut")
    await caller.head()
    assert await caller.rest() == b"5\r\nhello\r\n"


async def test_silence_closes(call) -> None:
    """An application that returns without an answer closes the connection without a word."""
    caller = await call()
    caller.get("/silent")
    assert await caller.rest() == b""


async def test_a_crash_is_logged_and_told(call, caplog) -> None:
    """An application that fails is logged, and its caller gets a 500."""
    caller = await call()
    with caplog.at_level(logging.ERROR):
        caller.get("/crash")
        assert (await caller.head())[0] == 500
        await caller.rest()
    assert "on purpose" in caplog.text


@pytest.mark.parametrize(("path", "left"), [("/short", b"he"), ("/long", b"")])
async def test_a_length_that_lies(call, caplog, path, left) -> None:
    """A body shorter than promised breaks off; a longer one is a mistake of the application."""
    caller = await call()
    with caplog.at_level(logging.ERROR):
        caller.get(path)
        await caller.head()
        assert await caller.rest() == left
    assert ("longer than its content-length" in caplog.text) is (path == "/long")


async def test_the_application_learns_that_its_caller_left(call, seen) -> None:
    """A caller that hangs up in mid-answer, or in mid-request, is noticed."""
    caller = await call()
    caller.get("/leave")
    await caller.head()
    caller.writer.close()
    await seen.left.wait()
    seen.left.clear()
    caller = await call()
    caller.get("/x", "content-length: 9", method="POST")
    caller.say("abc")
    await caller.writer.drain()
    caller.writer.close()
    await seen.left.wait()


@pytest.mark.parametrize("size", [1_000, 60_000, 70_000, 1_000_000])
@pytest.mark.parametrize("apart", [False, True], ids=["at once", "body after the head"])
async def test_a_caller_that_leaves_after_its_body_is_noticed(call, seen, size, apart) -> None:
    """Who leaves after a body of any size is noticed, also when the body was held for its size."""
    caller = await call()
    head = f"POST /leave HTTP/1.1\r\nhost: x\r\ncontent-length: {size}\r\n\r\n".encode()
    for piece in (head, b"a" * size) if apart else (head + b"a" * size,):
        caller.say(piece)
        await caller.writer.drain()
    await caller.head()
    assert [len(body) for body in seen.bodies] == [size]
    caller.writer.close()
    await seen.left.wait()


async def test_a_head_without_end(call) -> None:
    """A request head that is too large is refused."""
    caller = await call()
    caller.say("GET / HTTP/1.1\r\na: ")
    caller.say("x" * HEAD_BYTES_MAX)
    assert (await caller.head())[0] == 431


async def test_an_unknown_upgrade_is_ignored(call) -> None:
    """A caller that offers HTTP/2 is answered in HTTP/1.1."""
    caller = await call()
    caller.get("/x", "connection: Upgrade, HTTP2-Settings", "upgrade: h2c", "http2-settings: AAMAAABk")
    assert (await caller.head())[0] == 529
