"""A head that came before is not parsed again, and the application can't tell."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from banstorm.fakes import http_heads
from banstorm.fakes.http_connection import Connection, Host
from banstorm.fakes.http_heads import BYTES_MAX, HEAD, HEADS_MAX, Heads
from hypothesis import given
from hypothesis import strategies as st

HEADS = (
    b"POST /a?b=c HTTP/1.1\r\nHost: x\r\nX-Twice: 1\r\nx-twice: 2\r\ncontent-length: %d\r\n\r\n",
    b"POST /%%61 HTTP/1.1\r\ncontent-length: %d\r\n\r\n",
    b"POST http://x/a HTTP/1.1\r\ncontent-length: %d\r\nconnection: keep-alive\r\n\r\n",
    b"POST /last HTTP/1.1\r\ncontent-length: %d\r\nconnection: close\r\n\r\n",
    b"POST /old HTTP/1.0\r\ncontent-length: %d\r\n\r\n",
)
WHOLE = (
    b"GET /none HTTP/1.1\r\n\r\n",
    b"HEAD /none HTTP/1.1\r\nhost: y\r\n\r\n",
    b"POST /chunks HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    b"GET /up HTTP/1.1\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n",
    b"no request at all\r\n\r\n",
    b"\r\n",
)
REQUESTS = st.one_of(
    st.sampled_from(WHOLE),
    st.tuples(st.sampled_from(HEADS), st.sampled_from([b"", b"{}", b"GET / HTTP/1.1\r\n\r\n"])).map(
        lambda each: each[0] % len(each[1]) + each[1]
    ),
)


class Wire(asyncio.Transport):
    """A transport that keeps what is written until it is closed."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 9)})
        self.written = b""
        self.closed = False

    def write(self, data: Any) -> None:
        """Take bytes."""
        self.written += data

    def close(self) -> None:
        """Close."""
        self.closed = True

    abort = close

    def is_closing(self) -> bool:
        """Whether it is closed."""
        return self.closed

    def pause_reading(self) -> None:
        """What has come is handed over all the same."""

    def resume_reading(self) -> None:
        """As above."""


async def talk(pieces: list[bytes], *, know: bool) -> tuple[list[Any], bytes, bool]:
    """What an application sees of `pieces`, what is written, and whether the connection was closed."""
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        message = await receive()
        told = {name: value for name, value in scope.items() if name not in {HEAD, "headers"}}
        seen.append((told, list(scope["headers"]), message))
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]})
        await send({"type": "http.response.body", "body": b"."})

    app.eager = True  # type: ignore[attr-defined]
    host = Host(app, asyncio.get_running_loop())
    if not know:
        host.heads.find = lambda _: None  # type: ignore[method-assign]
    connection, wire = Connection(host), Wire()
    connection.connection_made(wire)
    for piece in pieces:
        if not wire.closed:
            connection.data_received(piece)
            await asyncio.sleep(0)
    for _ in pieces:
        await asyncio.sleep(0)
    connection.connection_lost(None)
    lines = [line for line in wire.written.split(b"\r\n") if not line.startswith(b"date:")]
    return seen, b"\r\n".join(lines), wire.closed


@pytest.fixture(autouse=True, scope="module")
def _open_heads() -> Any:
    """`Heads` whose instances can be told to know nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("banstorm.fakes.http_connection.Heads", type("Heads", (Heads,), {}))
        yield


@given(st.lists(REQUESTS, max_size=12), st.lists(st.integers(1, 60), max_size=8))
def test_nobody_can_tell(requests: list[bytes], cuts: list[int]) -> None:
    """Whatever comes in, in whatever pieces, the application and the caller see what a parser alone would show them."""
    pieces = list(requests)
    for place, cut in enumerate(cuts):  # some requests come in two pieces, some with a piece of the next
        if place < len(pieces) - 1:
            whole = pieces[place] + pieces[place + 1]
            pieces[place : place + 2] = [each for each in (whole[:cut], whole[cut:]) if each]
    known = asyncio.run(talk(pieces, know=True))
    assert known == asyncio.run(talk(pieces, know=False))


async def test_a_head_is_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same head with another body of that length reaches the application without the parser."""
    first, second = (HEADS[0] % 2 + body for body in (b"ab", b"cd"))
    parsed = []
    real = http_heads.Heads.note
    monkeypatch.setattr(http_heads.Heads, "note", lambda *each: (parsed.append(each), real(*each)))
    seen, _, _ = await talk([first, second, second], know=True)
    assert [message["body"] for _, _, message in seen] == [b"ab", b"cd", b"cd"]
    assert len(parsed) == 1


@pytest.mark.parametrize("data", [*WHOLE[2:], HEADS[3] % 0, HEADS[4] % 0, b"GET / HTTP/1.1\r\nx: " + b"y" * BYTES_MAX])
async def test_what_is_not_remembered(data: bytes) -> None:
    """A body in chunks, an upgrade, the last request of a connection and a long head are parsed each time."""
    connection = Connection(host := Host(_nothing, asyncio.get_running_loop()))
    connection.connection_made(Wire())
    connection.data_received(data)
    assert host.heads.find(data) is None


def test_heads_are_bounded() -> None:
    """However many heads there are, only so many are remembered, and the latest is."""
    heads = Heads()
    datas = [b"GET /%d HTTP/1.1\r\n\r\n" % number for number in range(3 * HEADS_MAX)]
    for data in datas:
        heads.note(data, {"headers": []})
    found = [heads.find(data) for data in datas]
    assert sum(each is not None for each in found) <= HEADS_MAX
    assert found[-1] is not None


async def _nothing(_scope: Any, _receive: Any, _send: Any) -> None:
    pass
