"""An offer of another protocol, which the fakes' own server ignores: the request is answered in HTTP/1.1."""

from __future__ import annotations

import asyncio
from typing import Any

import httptools
import pytest
from banstorm.fakes.http_upgrade import without_offer
from banstorm.fakes.serve import serve

PATIENCE_S = 20
JAVA = "connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAA\r\n"
SOCKET = "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
NONE = ""
GET, EMPTY, SIZED, CHUNKED = "GET", "POST empty", "POST sized", "POST chunked"
BODY = b"a body" * 20_000  # larger than what is buffered


def _request(offer: str, kind: str, path: str = "/x") -> tuple[bytes, bytes]:
    """A request's head and body."""
    more, body = {
        GET: ("", b""),
        EMPTY: ("content-length: 0\r\n", b""),
        SIZED: (f"content-length: {len(BODY)}\r\n", BODY),
        CHUNKED: ("transfer-encoding: chunked\r\n", b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)),
    }[kind]
    return f"{kind.split(maxsplit=1)[0]} {path}?q=1 HTTP/1.1\r\nHost: x\r\n{offer}{more}\r\n".encode(), body


async def _app(scope: Any, receive: Any, send: Any) -> None:
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return
        body, more = body + message["body"], message["more_body"]
    said = f"{scope['method']} {scope['path']} {scope['query_string'].decode()} {body == BODY} {len(body)}"
    headers = [(b"content-length", str(len(said)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": said.encode()})


def _said(kind: str, path: str = "/x") -> str:
    full = kind in {SIZED, CHUNKED}
    return f"{kind.split(maxsplit=1)[0]} {path} q=1 {full} {len(BODY) if full else 0}"


@pytest.fixture(params=[False, True], ids=["in a task", "eager"])
async def ask(request: pytest.FixtureRequest) -> Any:
    """Sends pieces over one connection, each as a packet of its own, and reads so many answers."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await _app(scope, receive, send)

    app.eager = request.param  # type: ignore[attr-defined]
    servers = await serve({"a": (app, 0)})
    writers: list[asyncio.StreamWriter] = []

    async def talk(pieces: list[bytes], answers: int) -> list[str]:
        reader, writer = await asyncio.open_connection("127.0.0.1", servers.ports["a"])
        writers.append(writer)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        heard = []
        for _ in range(answers):
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 "), head
            length = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
            heard.append((await reader.readexactly(length)).decode())
        return heard

    async with asyncio.timeout(PATIENCE_S):
        yield talk
    for writer in writers:
        writer.close()
    await servers.stop()


def _cut(head: bytes, body: bytes, how: str) -> list[bytes]:
    if how == "head in halves":
        return [head[:40], head[40:] + body]
    if how == "body in halves":
        return [head + body[:10], body[10:]]
    return [head, body] if how == "body after the head" else [head + body]


@pytest.mark.parametrize("offer", [NONE, JAVA, SOCKET], ids=["no offer", "h2c", "websocket"])
@pytest.mark.parametrize("kind", [GET, EMPTY, SIZED, CHUNKED])
@pytest.mark.parametrize("how", ["at once", "head in halves", "body after the head", "body in halves"])
async def test_a_request_that_offers_another_protocol_is_answered(ask, offer, kind, how) -> None:
    """Whatever its body and however it comes in, it is answered as without the offer, and so is the one after it."""
    pieces = _cut(*_request(offer, kind), how)
    again = b"".join(_request(offer, SIZED, "/again"))
    assert await ask([*pieces, again, again], 3) == [_said(kind), _said(SIZED, "/again"), _said(SIZED, "/again")]


@pytest.mark.parametrize("first", [GET, SIZED, CHUNKED])
@pytest.mark.parametrize("second", [NONE, JAVA], ids=["no offer", "h2c"])
async def test_requests_sent_at_once_with_an_offer(ask, first, second) -> None:
    """What comes right behind such a request in the same packet is the next request."""
    kinds = [(JAVA, first, "/1"), (second, GET, "/2"), (second, CHUNKED, "/3"), (JAVA, GET, "/4")]
    pieces = b"".join(b"".join(_request(offer, kind, path)) for offer, kind, path in kinds)
    assert await ask([pieces], 4) == [_said(kind, path) for _, kind, path in kinds]


async def test_the_same_head_again(ask) -> None:
    """A head that is known by its bytes means the same the second time, with another body behind it or none."""
    one = b"".join(_request(JAVA, GET))
    assert await ask([one], 1) == [_said(GET)]
    assert await ask([one], 1) == [_said(GET)]
    assert await ask([one + one], 2) == [_said(GET)] * 2


class _Heard:
    """What a parser makes of a head."""

    def __init__(self) -> None:
        self.url = b""
        self.headers: list[tuple[bytes, bytes]] = []

    def on_url(self, url: bytes) -> None:
        """The target."""
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header."""
        self.headers.append((name, value))


CONNECTIONS = [
    (b"Upgrade, HTTP2-Settings", None),
    (b"upgrade", None),
    (b"close, UPGRADE", b"close"),
    (b"keep-alive , Upgrade,x-hop", b"keep-alive, x-hop"),
]


@pytest.mark.parametrize(("came", "left"), CONNECTIONS)
def test_the_offer_alone_is_taken_out(came: bytes, left: bytes | None) -> None:
    """Everything else of the head stays, and what a parser reads of it offers nothing any more."""
    others = [(b"host", b"x"), (b"x-empty", b""), (b"expect", b"100-continue"), (b"content-length", b"2")]
    offer = [(b"connection", came), (b"upgrade", b"h2c"), (b"http2-settings", b"AA")]
    heard = _Heard()
    parser = httptools.HttpRequestParser(heard)
    parser.feed_data(without_offer(b"POST", b"/a%20b?c", "1.1", [*others[:2], *offer, *others[2:]]) + b"hi")
    kept = [] if left is None else [(b"connection", left)]
    assert (parser.get_method(), heard.url, parser.get_http_version()) == (b"POST", b"/a%20b?c", "1.1")
    assert heard.headers == [*others[:2], *kept, *others[2:]]
    assert not parser.should_upgrade()
