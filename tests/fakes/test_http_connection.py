"""A connection of the fakes' own server by itself, on a transport that goes nowhere."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from banstorm.fakes.dialects.base import Reply
from banstorm.fakes.http_connection import Connection, Host
from banstorm.fakes.http_request import BODY, BUFFERED_BYTES_MAX, WHOLE


class Silent(asyncio.Transport):
    """A transport that goes nowhere."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False
        self.reading = True

    def write(self, data: Any) -> None:
        """Take bytes."""
        self.written += data

    def close(self) -> None:
        """Close."""
        self.closed = True

    def is_closing(self) -> bool:
        """Whether it is closed."""
        return self.closed

    def pause_reading(self) -> None:
        """Stop reading."""
        self.reading = False

    def resume_reading(self) -> None:
        """Read on."""
        self.reading = True


async def test_idle_connections_are_closed() -> None:
    """A connection that says nothing for long is closed, unless the next word is the application's."""
    go = asyncio.Event()

    async def app(_scope: Any, receive: Any, _send: Any) -> None:
        while (await receive()).get("more_body", False):
            pass
        await go.wait()

    host = Host(app, asyncio.get_running_loop())
    quiet, half, busy = connections = [Connection(host) for _ in range(3)]
    transports = [Silent() for _ in connections]
    for connection, transport in zip(connections, transports, strict=True):
        connection.connection_made(transport)
    half.data_received(b"POST /x HTTP/1.1\r\ncontent-length: 5\r\n\r\nab")
    busy.data_received(b"GET /wait HTTP/1.1\r\n\r\n")
    for _ in range(3):
        assert not any(transport.closed for transport in transports)
        host.sweep(3)
    host.sweep(3)
    assert [transport.closed for transport in transports] == [True, True, False]
    for connection in (quiet, half, busy):
        connection.connection_lost(None)
    go.set()
    await asyncio.gather(*host.tasks)


async def test_a_slow_reader_holds_the_application() -> None:
    """What the caller doesn't read is not written without end: the application waits."""
    pieces = []

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for number in range(3):
            pieces.append(number)
            await send({"type": "http.response.body", "body": b"x", "more_body": number < 2})

    host = Host(app, asyncio.get_running_loop())
    connection, transport = Connection(host), Silent()
    connection.connection_made(transport)
    connection.pause_writing()
    connection.data_received(b"GET / HTTP/1.1\r\n\r\n")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert pieces == [0]
    connection.resume_writing()
    await asyncio.gather(*host.tasks)
    assert pieces == [0, 1, 2]
    assert transport.written.endswith(b"0\r\n\r\n")


async def test_an_eager_application_can_be_cancelled() -> None:
    """Cancelling reaches an application that was begun outside of any task, which may clean up."""
    cleaned = []

    async def app(_scope: Any, _receive: Any, _send: Any) -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            await asyncio.sleep(0)
            cleaned.append(True)

    app.eager = True  # type: ignore[attr-defined]
    host = Host(app, asyncio.get_running_loop())
    connection = Connection(host)
    connection.connection_made(Silent())
    connection.data_received(b"GET / HTTP/1.1\r\n\r\n")
    await asyncio.sleep(0)
    [task] = host.tasks
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert cleaned == [True]


def _post(path: str) -> bytes:
    return f"POST {path} HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nhi".encode()


@pytest.mark.parametrize(("path", "said"), [("/now", b"at once"), ("/later", b"later"), ("/crash", b"failed here")])
async def test_what_an_application_begins_with_is_sent(path, said) -> None:
    """An answer that is given back at once leaves at once; a coroutine goes on; a mistake is told."""
    go = asyncio.Event()

    async def later(send: Any) -> None:
        await go.wait()
        await send({"type": WHOLE, "status": 200, "headers": [("x-a", "b")], "body": b"later"})

    def begin(scope: Any, _receive: Any, send: Any) -> Any:
        if scope["path"] == "/crash":
            raise ValueError("on purpose")
        return Reply(200, [("x-a", "b")], b"at once") if scope["path"] == "/now" else later(send)

    def app(*_: Any) -> Any:
        pytest.fail("it has a beginning")

    app.eager, app.begin = True, begin  # type: ignore[attr-defined]
    host = Host(app, asyncio.get_running_loop())
    connection, transport = Connection(host), Silent()
    connection.connection_made(transport)
    connection.data_received(_post(path))
    assert (said in transport.written) is (path != "/later")
    go.set()
    while host.tasks:
        await asyncio.wait(host.tasks)
    assert said in transport.written
    assert transport.closed is (path == "/crash")
    if path != "/crash":
        assert b"x-a: b\r\n" in transport.written
        connection.data_received(_post("/now"))
        assert transport.written.endswith(b"at once")


_LARGE = BUFFERED_BYTES_MAX + 1


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("pieces", [(0, _LARGE), (0, 10, _LARGE), (0, _LARGE, 10), (_LARGE, 10), (_LARGE,)])
@pytest.mark.parametrize("follows", [False, True], ids=["alone", "another follows"])
async def test_a_large_body_stops_reading_until_the_application_has_it(eager, pieces, follows) -> None:
    """However a large body comes in, it is read on once it is handed over, unless another request waits."""
    go = asyncio.Event()
    bodies: asyncio.Queue[int] = asyncio.Queue()

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"], message["more_body"]
        bodies.put_nowait(len(body))
        await go.wait()
        await send({"type": WHOLE, "status": 200, "headers": [], "body": b"."})

    app.eager = eager  # type: ignore[attr-defined]
    host = Host(app, asyncio.get_running_loop())
    connection, transport = Connection(host), Silent()
    connection.connection_made(transport)
    head = f"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {sum(pieces)}\r\n\r\n".encode()
    for number, size in enumerate(pieces):
        connection.data_received((b"" if number else head) + b"a" * size)
    if follows:
        connection.data_received(_post("/next"))
    assert await bodies.get() == sum(pieces)
    assert transport.reading is not follows
    go.set()
    await asyncio.gather(*host.tasks)
    if follows:
        assert await bodies.get() == 2
    assert transport.reading


async def test_a_body_that_came_whole_is_read_on_at_once() -> None:
    """An application that has its body with the scope hears its caller leave, also if the request had to wait."""
    go = asyncio.Event()
    begun: asyncio.Queue[int] = asyncio.Queue()

    async def app(scope: Any, _receive: Any, send: Any) -> None:
        begun.put_nowait(len(scope[BODY]))
        await go.wait()
        go.clear()
        await send({"type": WHOLE, "status": 200, "headers": [], "body": b"."})

    host = Host(app, asyncio.get_running_loop())
    connection, transport = Connection(host), Silent()
    connection.connection_made(transport)
    connection.data_received(f"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {_LARGE}\r\n\r\n".encode() + b"a" * _LARGE)
    await asyncio.sleep(0)
    assert transport.reading
    connection.data_received(_post("/next"))
    assert not transport.reading
    go.set()
    assert [await begun.get(), await begun.get()] == [_LARGE, 2]
    assert transport.reading
    go.set()
    await asyncio.gather(*host.tasks)
