"""Serve ASGI applications on loopback, several ports in one event loop, with uvicorn on httptools.

Uvloop is the caller's choice (``uvloop.run``), since the loop is the caller's. Every connection has TCP_NODELAY set,
so a streamed token is not held back until the one before it is acknowledged.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import Generator, Mapping
from typing import Any, Final

import uvicorn

from .app import ASGIApp

LOOPBACK: Final = "127.0.0.1"
BACKLOG: Final = 2048
"""Connections that may wait to be accepted."""
KEEP_ALIVE_S: Final = 300
"""Seconds that an idle connection is kept: longer than a client's pool does, so that no pool meets a closed one."""
STOP_S: Final = 1
"""Seconds after which work that doesn't end by itself is cancelled."""


class PortTakenError(OSError):
    """Something else listens on the port that was asked for."""

    def __init__(self, port: int) -> None:
        super().__init__(errno.EADDRINUSE, f"port {port} of {LOOPBACK} is taken: choose another, or 0 for any free one")
        self.port = port


class Servers:
    """Running servers; `ports` names the port of each application."""

    def __init__(self, running: Mapping[str, tuple[_Server, asyncio.Task[None]]], ports: Mapping[str, int]) -> None:
        self._running = running
        self.ports = dict(ports)

    async def stop(self) -> None:
        """Stop listening and close every connection, idle or not, within `STOP_S` and a bit."""
        for server, _ in self._running.values():
            server.should_exit = True
        await asyncio.gather(*(task for _, task in self._running.values()), return_exceptions=True)


class _Server(uvicorn.Server):
    """A uvicorn that leaves signals to its host and, on its way out, waits for nobody."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        # An application learns of it as of any caller that goes away, so it ends in its usual order.
        for connection in list(self.server_state.connections):
            transport: Any = connection.transport
            if transport is not None:
                transport.abort()
        await super().shutdown(sockets)


async def serve(apps: Mapping[str, tuple[ASGIApp, int]]) -> Servers:
    """Serve each application on its port of 127.0.0.1 (0: any free one) until `Servers.stop`.

    Raises:
        PortTakenError: when a port is taken; nothing listens then.
    """
    sockets: dict[str, socket.socket] = {}
    try:
        for name, (_, port) in apps.items():
            sockets[name] = _bind(port)
    except BaseException:
        for bound in sockets.values():
            bound.close()
        raise
    ports = {name: bound.getsockname()[1] for name, bound in sockets.items()}
    running: dict[str, tuple[_Server, asyncio.Task[None]]] = {}
    for name, (app, _) in apps.items():
        server = _Server(_config(app))
        task = asyncio.create_task(server.serve(sockets=[sockets[name]]), name=f"serve {name}")
        running[name] = (server, task)
    servers = Servers(running, ports)
    for server, task in running.values():
        started = asyncio.create_task(server.listening.wait())
        await asyncio.wait({started, task}, return_when=asyncio.FIRST_COMPLETED)
        if not started.done():
            started.cancel()
            await servers.stop()
            raise RuntimeError("a server ended before it listened") from task.exception()
    return servers


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        interface="asgi3",
        lifespan="auto",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,  # nobody stands in front; its middleware would be one more step for every token
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=STOP_S,
    )


def _bind(port: int) -> socket.socket:
    # the protocol is named because asyncio sets TCP_NODELAY only on sockets that say that they are TCP
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((LOOPBACK, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PortTakenError(port) from error
        raise
    listener.setblocking(False)  # noqa: FBT003 - the socket module has it so
    return listener
