"""Serve ASGI applications on loopback, several ports in one event loop.

Uvloop is the caller's choice (``uvloop.run``), since the loop is the caller's. Every connection has TCP_NODELAY set,
so a streamed token is not held back until the one before it is acknowledged.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Collection, Mapping
from functools import partial
from typing import Final

from .app import ASGIApp
from .http_connection import Connection, Host
from .listener import Listener

LOOPBACK: Final = "127.0.0.1"
BACKLOG: Final = 2048
"""Connections that may wait to be accepted."""
KEEP_ALIVE_S: Final = 300
"""Seconds that an idle connection is kept: longer than a client's pool does, so that no pool meets a closed one."""
SWEEP_S: Final = 15
"""Seconds between two looks for connections that have been idle for too long."""
STOP_S: Final = 1
"""Seconds after which work that doesn't end by itself is cancelled."""


class PortTakenError(OSError):
    """Something else listens on the port that was asked for."""

    def __init__(self, port: int) -> None:
        super().__init__(errno.EADDRINUSE, f"port {port} of {LOOPBACK} is taken: choose another, or 0 for any free one")
        self.port = port


class Servers:
    """Running servers; `ports` names the port of each application, `doors` the listeners that can be shut."""

    def __init__(self, running: Mapping[str, tuple[asyncio.Server | Listener, Host]], ports: Mapping[str, int]) -> None:
        self._running = running
        self.doors = {name: server for name, (server, _) in running.items() if isinstance(server, Listener)}
        self._sweeping = asyncio.get_running_loop().create_task(self._sweep())
        self.ports = dict(ports)

    def reset(self, name: str) -> None:
        """Reset every connection of an application; what it is answering ends as with any caller that goes away."""
        for connection in list(self._running[name][1].connections):
            connection.reset()

    async def stop(self) -> None:
        """Stop listening and close every connection, idle or not, within `STOP_S` and a bit."""
        self._sweeping.cancel()
        for server, host in self._running.values():
            server.close()
            # An application learns of it as of any caller that goes away, so it ends in its usual order.
            for connection in list(host.connections):
                if connection.idle:
                    connection.close()  # its last answer goes out first
                else:
                    connection.abort()
        tasks = [task for _, host in self._running.values() for task in host.tasks]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=STOP_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        for server, host in self._running.values():
            if isinstance(server, asyncio.Server):
                await server.wait_closed()
            for connection in list(host.connections):
                connection.abort()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            for _, host in self._running.values():
                host.sweep(KEEP_ALIVE_S // SWEEP_S)


async def serve(apps: Mapping[str, tuple[ASGIApp, int]], *, doors: Collection[str] = ()) -> Servers:
    """Serve each application on its port of 127.0.0.1 (0: any free one) until `Servers.stop`.

    Args:
        apps: Each application by a name of the caller's, and its port.
        doors: Those whose listener can be shut for a while.

    An application with a true attribute `eager` runs up to its first wait outside of any task: it must not ask for
    the current task until then, as `asyncio.timeout` does.

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
    loop = asyncio.get_running_loop()
    running: dict[str, tuple[asyncio.Server | Listener, Host]] = {}
    ports = {name: bound.getsockname()[1] for name, bound in sockets.items()}
    for name, (app, _) in apps.items():
        host = Host(app, loop)
        make = partial(Connection, host)
        if name in doors:
            running[name] = (Listener(sockets[name], BACKLOG, make), host)
        else:
            running[name] = (await loop.create_server(make, sock=sockets[name], backlog=BACKLOG), host)
    return Servers(running, ports)


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
