"""A listening socket that can be shut for a while: connections are refused, or never answered, and then taken again.

An event loop's own server can only be closed for good, and another program could take its port meanwhile. So the
accepting is done here, and while the door is shut a socket stays bound to the port.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
from collections.abc import Callable
from typing import Final

ACCEPTED_AT_ONCE_MAX: Final = 128
"""Connections taken in one turn of the loop, so that a storm of them doesn't hold up the others."""
PAUSE_S: Final = 0.1
"""Seconds without accepting after the process has run out of files."""
FILLERS_MAX: Final = 8
"""Connections of our own that may fill a queue; one or two do."""
FULL_S: Final = 0.02
"""Seconds after which a connection of our own that isn't made shows that the queue is full."""
_EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_log = logging.getLogger(__name__)


class Listener:
    """Accepts connections of a bound, listening, non-blocking socket.

    Args:
        listening: the socket; it belongs to the listener from now on.
        backlog: connections that may wait to be accepted.
        protocol: makes the protocol of an accepted connection.
    """

    def __init__(self, listening: socket.socket, backlog: int, protocol: Callable[[], asyncio.BaseProtocol]) -> None:
        self._socket = listening
        self._backlog = backlog
        self._protocol = protocol
        self._starting: set[asyncio.Task[object]] = set()
        self._loop = asyncio.get_running_loop()
        self._fillers: list[socket.socket] = []
        self._resuming: asyncio.TimerHandle | None = None
        self.address: tuple[str, int] = listening.getsockname()
        self.guard: Callable[[], bool] | None = None
        """Asked before a connection is taken: whether the door should be shut by now. It then shuts it itself."""
        self._accepting = False
        self._accept(accepting=True)

    def refuse(self) -> None:
        """Refuse connections from now on; those that were not accepted yet are reset."""
        self._accept(accepting=False)
        self._socket.close()
        self._socket = _bound(self.address)  # nobody else gets the port, and nobody listens

    async def ignore(self) -> bool:
        """Answer no connection from now on: the queue is kept full, so the kernel drops what knocks.

        Whether that came about: it does on Linux. A connection that was made before the queue was full waits in it.
        """
        self._accept(accepting=False)
        self._socket.listen(0)
        while len(self._fillers) < FILLERS_MAX:
            filler = socket.socket(self._socket.family, socket.SOCK_STREAM)
            filler.setblocking(False)  # noqa: FBT003 - the socket module has it so
            self._fillers.append(filler)
            try:
                await asyncio.wait_for(self._loop.sock_connect(filler, self.address), FULL_S)
            except TimeoutError:
                return True
        return False

    def open(self) -> None:
        """Take connections again."""
        for filler in self._fillers:
            filler.close()
        self._fillers.clear()
        self._socket.listen(self._backlog)
        self._accept(accepting=True)

    def close(self) -> None:
        """Stop listening for good; accepted connections stay."""
        self._accept(accepting=False)
        for filler in self._fillers:
            filler.close()
        self._socket.close()

    def _accept(self, *, accepting: bool) -> None:
        if self._resuming is not None:
            self._resuming.cancel()
            self._resuming = None
        if accepting == self._accepting:
            return
        self._accepting = accepting
        if accepting:
            self._loop.add_reader(self._socket, self._ready)
        else:
            self._loop.remove_reader(self._socket)

    def _ready(self) -> None:
        for _ in range(ACCEPTED_AT_ONCE_MAX):
            if self.guard is not None and self.guard():
                return
            try:
                connection, _ = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _EXHAUSTED:
                    raise
                _log.warning("connections wait: %s", error.strerror)
                self._accept(accepting=False)
                self._resuming = self._loop.call_later(PAUSE_S, lambda: self._accept(accepting=True))
                return
            connection.setblocking(False)  # noqa: FBT003 - as above
            with contextlib.suppress(OSError):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            start = self._loop.create_task(self._start(connection))
            self._starting.add(start)
            start.add_done_callback(self._starting.discard)

    async def _start(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):  # it has left already
            await self._loop.connect_accepted_socket(self._protocol, connection)


def _bound(address: tuple[str, int]) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.setblocking(False)  # noqa: FBT003 - as above
    bound.bind(address)
    return bound
