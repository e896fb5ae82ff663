from __future__ import annotations

import asyncio
import socket
from typing import Any

import orjson
import pytest
import uvloop
from banstorm.fakes.answer import Mark, Shape
from banstorm.fakes.app import create_app
from banstorm.fakes.dialects import find
from banstorm.fakes.pace import Pace
from banstorm.fakes.prices import PriceTable
from banstorm.fakes.serve import PortTakenError, serve

PATIENCE_S = 20  # no test gets anywhere near it; a hang fails instead of hanging


async def hello(scope: Any, receive: Any, send: Any) -> None:
    """Answers with its path, or streams one piece and then waits for the caller to leave."""
    if scope["type"] != "http":
        return
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-path", scope["path"].encode())]})
    waits = scope["path"] == "/open"
    await send({"type": "http.response.body", "body": b"hello", "more_body": waits})
    if waits:
        while (await receive())["type"] != "http.disconnect":
            pass
        LEFT.append(scope["path"])


LEFT: list[str] = []


async def ask(port: int, path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a connection and send one request."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
    return reader, writer


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Any:
    """Runs a coroutine in either event loop: hosts use uvloop, a user's tests may not."""
    factory = uvloop.new_event_loop if request.param == "uvloop" else asyncio.new_event_loop

    def runner(main: Any) -> Any:
        async def guarded() -> Any:
            async with asyncio.timeout(PATIENCE_S):
                return await main

        with asyncio.Runner(loop_factory=factory) as loop:
            return loop.run(guarded())

    return runner


def test_several_ports(run: Any) -> None:
    """Several applications are served on their own ports by one loop, and say nothing about the server."""

    async def main() -> None:
        servers = await serve({"a": (hello, 0), "b": (hello, 0)})
        assert servers.ports.keys() == {"a", "b"}
        assert servers.ports["a"] != servers.ports["b"]
        for port in servers.ports.values():
            reader, writer = await ask(port, "/x")
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            assert head.startswith("http/1.1 200")
            assert "x-path: /x" in head
            assert "server:" not in head
            writer.close()
        await servers.stop()

    run(main())


def test_chosen_port(run: Any) -> None:
    """A port that is asked for is the port that is served, and is free again at once after the stop."""

    async def main() -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        for _ in range(2):
            servers = await serve({"a": (hello, port)})
            assert servers.ports == {"a": port}
            _, writer = await ask(port, "/x")
            writer.close()
            await servers.stop()

    run(main())


def test_taken_port(run: Any) -> None:
    """A taken port is named, and the other ports are let go."""

    async def main() -> None:
        with socket.socket() as holder, socket.socket() as probe:
            holder.bind(("127.0.0.1", 0))
            holder.listen()
            probe.bind(("127.0.0.1", 0))
            taken, other = holder.getsockname()[1], probe.getsockname()[1]
            probe.close()
            with pytest.raises(PortTakenError, match=str(taken)) as caught:
                await serve({"a": (hello, other), "b": (hello, taken)})
            assert caught.value.port == taken
            with socket.socket() as again:
                again.bind(("127.0.0.1", other))

    run(main())


def test_stop_closes_every_connection(run: Any) -> None:
    """Stopping closes idle connections and open streams, and the applications learn that their callers are gone."""
    LEFT.clear()

    async def main() -> None:
        servers = await serve({"a": (hello, 0)})
        idle, idle_writer = await ask(servers.ports["a"], "/idle")
        await idle.readuntil(b"hello")
        stream, stream_writer = await ask(servers.ports["a"], "/open")
        await stream.readuntil(b"hello")
        async with asyncio.timeout(2):  # a second for connections, and some for a busy machine
            await servers.stop()
        assert await idle.read() == b"\r\n0\r\n\r\n"
        assert await stream.read() == b"\r\n"  # the end of its chunk, and no proper end of the body
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", servers.ports["a"])
        idle_writer.close()
        stream_writer.close()

    run(main())
    assert LEFT == ["/open"]


def test_no_delay(run: Any) -> None:
    """Connections have TCP_NODELAY set, so a token doesn't wait for the acknowledgement of the one before it."""
    flags = []

    async def main() -> None:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "http":
                connection: Any = next(iter(server.connections))
                peer = connection._transport.get_extra_info("socket")
                flags.append(peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
                await hello(scope, receive, send)

        servers = await serve({"a": (app, 0)})
        server = servers._running["a"][1]
        reader, writer = await ask(servers.ports["a"], "/x")
        await reader.readuntil(b"hello")
        writer.close()
        await servers.stop()

    run(main())
    assert flags == [1]


def test_garbage_does_no_harm(run: Any) -> None:
    """Bytes that are no HTTP are answered with 400, and the next caller is served."""

    async def main() -> None:
        servers = await serve({"a": (hello, 0)})
        reader, writer = await asyncio.open_connection("127.0.0.1", servers.ports["a"])
        writer.write(b"\x16\x03\x01 not http\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 400")
        writer.close()
        reader, writer = await ask(servers.ports["a"], "/x")
        assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200")
        writer.close()
        await servers.stop()

    run(main())


@pytest.mark.parametrize("name", ["openai", "anthropic"])
def test_tokens_travel_one_by_one(run: Any, make_fake: Any, name: str) -> None:
    """A token reaches the caller before the next one exists, and a caller that hangs up is billed for what came."""

    async def main() -> Any:
        fake = make_fake(name, Pace(ttft_s=0, tokens_per_second=0.001))
        billed = asyncio.Event()
        bills = []

        def bill(row: Any) -> None:
            bills.append(row)
            billed.set()

        app = create_app(name, find(name), fake.pace, run_seed=1, bill=bill, prices=PriceTable.load())
        servers = await serve({name: (app, 0)})
        body = orjson.dumps(fake.question(Mark("7f3a9c", 1, Shape.TEXT, 9).render(), stream=True))
        reader, writer = await asyncio.open_connection("127.0.0.1", servers.ports[name])
        head = [f"POST {fake.path} HTTP/1.1", "host: x", f"content-length: {len(body)}"]
        head += [f"{key}: {value}" for key, value in fake.headers.items()]
        writer.write("\r\n".join([*head, "", ""]).encode() + body)
        await reader.readuntil(b"~7f3a9c.1.")  # the second token is a quarter of an hour away
        writer.close()
        await billed.wait()
        await servers.stop()
        return bills

    [row] = run(main())
    assert (row.produced_tokens, row.completed) == (1, False)
