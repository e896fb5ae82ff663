"""How a response is cut into writes: its head never travels alone if something follows it."""

from __future__ import annotations

import asyncio
from typing import Any

import uvicorn
from banstorm.router.one_write import OneWrite
from uvicorn.server import ServerState


class Written(asyncio.Transport):
    """A transport that keeps its writes."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.closed = False

    def write(self, data: Any) -> None:
        """Keep it."""
        assert not self.closed
        self.writes.append(bytes(data))

    def close(self) -> None:
        """No more writes."""
        self.closed = True

    def is_closing(self) -> bool:
        """Whether there are no more."""
        return self.closed

    def pause_reading(self) -> None:
        """Nothing is read here."""

    def resume_reading(self) -> None:
        """As above."""


async def answered(app: Any) -> Written:
    """What is written for one request to an application."""
    done = asyncio.Event()

    async def told(scope: Any, receive: Any, send: Any) -> None:
        await app(scope, receive, send)
        done.set()

    config = uvicorn.Config(told, http=OneWrite, lifespan="off", log_config=None)
    config.load()
    protocol = OneWrite(config=config, server_state=ServerState(), app_state={})
    transport = Written()
    protocol.connection_made(transport)
    protocol.data_received(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    await asyncio.wait_for(done.wait(), 5)
    await asyncio.sleep(0)  # the end of the turn
    protocol.connection_lost(None)
    return transport


def start(*headers: tuple[bytes, bytes]) -> dict[str, Any]:
    """A response's beginning."""
    return {"type": "http.response.start", "status": 200, "headers": list(headers)}


def part(body: bytes, *, more: bool = False) -> dict[str, Any]:
    """A piece of its body."""
    return {"type": "http.response.body", "body": body, "more_body": more}


async def test_a_plain_response_is_one_write():
    """Head and body leave together."""

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send(start((b"content-length", b"4")))
        await send(part(b"body"))

    transport = await answered(app)
    assert 1 == len(transport.writes)
    assert transport.writes[0].startswith(b"HTTP/1.1 200 OK\r\n")
    assert transport.writes[0].endswith(b"\r\n\r\nbody")
    assert transport.closed


async def test_each_piece_of_a_stream_is_a_write():
    """The first piece takes the head with it; the others leave when they come, unchanged and in their order."""

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send(start())
        await send(part(b"one", more=True))
        await send(part(b"two", more=True))
        await send(part(b""))

    transport = await answered(app)
    assert 3 == len(transport.writes)
    assert transport.writes[0].endswith(b"\r\n\r\n3\r\none\r\n")
    assert [b"3\r\ntwo\r\n", b"0\r\n\r\n"] == transport.writes[1:]


async def test_a_head_without_more_leaves_by_itself():
    """A stream whose first piece takes its time has told its status at once."""
    more = asyncio.Event()
    seen: list[int] = []

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send(start())
        asyncio.get_running_loop().call_later(0, more.set)
        await more.wait()
        seen.append(1)
        await send(part(b"one"))

    transport = await answered(app)
    assert [1] == seen
    assert transport.writes[0].endswith(b"\r\n\r\n")
    assert transport.writes[1].startswith(b"3\r\none\r\n")


async def test_nothing_is_lost_when_a_connection_is_closed():
    """A head that is still held leaves before the connection is closed."""
    transport = Written()
    config = uvicorn.Config(answered, http=OneWrite, lifespan="off", log_config=None)
    config.load()
    protocol = OneWrite(config=config, server_state=ServerState(), app_state={})
    protocol.connection_made(transport)
    protocol.transport.write(b"HTTP/1.1 200 OK\r\n\r\n")
    protocol.transport.close()
    assert [b"HTTP/1.1 200 OK\r\n\r\n"] == transport.writes
    assert transport.closed
