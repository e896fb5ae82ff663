"""A proxy that forwards nothing: what a target calls beside its providers ends here, and is told of.

A target is started with it as its HTTP proxy, loopback excepted. Programs that look at those variables are thereby kept
from the network, and the user learns whom they wanted to call; programs that don't look at them are not seen. Node's
fetch looks at them by a file of ours.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from .intercept_environment import DIRECT, node_options

LINE_BYTES_MAX: Final = 8 * 1024
"""Longest request line read, in bytes."""
LINE_S_MAX: Final = 5.0
"""Seconds a caller may take for its request line."""
HOSTS_MAX: Final = 20
"""Hosts of which the user is told."""
REFUSED: Final = (
    b"HTTP/1.1 403 Refused by banstorm: nothing leaves this machine\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
)


class Tripwire:
    """Listens on loopback while a target runs. `refused` hears host, port and way (connect or plain) of each call."""

    def __init__(self, refused: Callable[[str, int, str], None]) -> None:
        self._refused = refused
        self._server: asyncio.Server | None = None
        self.hosts: dict[str, int] = {}
        """Whom the target wanted to call, and how often."""

    async def open(self) -> dict[str, str]:
        """Listen; the variables that a target must be started with."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=LINE_BYTES_MAX)
        url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        proxies = {name: url for upper in ("HTTP_PROXY", "HTTPS_PROXY") for name in (upper, upper.lower())}
        return {**proxies, "NO_PROXY": DIRECT, "no_proxy": DIRECT, "NODE_OPTIONS": node_options()}

    async def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, ValueError, asyncio.IncompleteReadError, TimeoutError):
            async with asyncio.timeout(LINE_S_MAX):
                line = (await reader.readline()).decode("latin-1")
            host, port, way = read_line(line)
            if host in self.hosts or len(self.hosts) < HOSTS_MAX:
                self.hosts[host] = self.hosts.get(host, 0) + 1
                self._refused(host, port, way)
            writer.write(REFUSED)
            await writer.drain()
        writer.close()


def read_line(line: str) -> tuple[str, int, str]:
    """Host, port and way of a proxy's request line.

    Raises:
        ValueError: when it is none.
    """
    method, target, _ = line.split(" ", 2)
    way = "connect" if method == "CONNECT" else "plain"
    parts = urlsplit(f"//{target}" if way == "connect" else target)
    if not parts.hostname or not parts.hostname.isprintable():
        raise ValueError(line)
    return parts.hostname[:253], parts.port or (443 if way == "connect" else 80), way
