"""Messages for every page that is open: a short queue each, so that one which hangs holds nobody up.

A page whose queue is full has missed something; its queue is emptied, and it is given the whole document instead.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Final

QUEUE_MAX: Final = 8
"""Messages that wait for one page."""
PAGES_MAX: Final = 32
"""Pages that are served at the same time."""
IDLE_S: Final = 15.0
"""Seconds without news after which a comment is sent, so that a page that has gone is noticed."""
ALIVE: Final = b": still here\n\n"


def encode(event: str, data: bytes) -> bytes:
    """One message of server-sent events. `data` is JSON on one line."""
    return b"event: " + event.encode() + b"\ndata: " + data + b"\n\n"


class Feed:
    """Who listens. To be used on one event loop only.

    Args:
        whole: Gives the whole document.
    """

    def __init__(self, whole: Callable[[], bytes]) -> None:
        self._whole = whole
        self._queues: set[asyncio.Queue[bytes]] = set()

    @property
    def pages(self) -> int:
        """How many listen."""
        return len(self._queues)

    def publish(self, event: str, data: bytes) -> None:
        """Queue a message for everyone. Never waits."""
        message = encode(event, data)
        for queue in self._queues:
            try:
                queue.put_nowait(message)
            except asyncio.QueueFull:
                while not queue.empty():
                    queue.get_nowait()
                queue.put_nowait(encode("state", self._whole()))

    @contextmanager
    def subscribe(self) -> Iterator[AsyncIterator[bytes]]:
        """Messages for one page: the document as it is now, then whatever is published."""
        queue: asyncio.Queue[bytes] = asyncio.Queue(QUEUE_MAX)
        queue.put_nowait(encode("state", self._whole()))
        self._queues.add(queue)
        try:
            yield _messages(queue)
        finally:
            self._queues.discard(queue)


async def _messages(queue: asyncio.Queue[bytes]) -> AsyncIterator[bytes]:
    while True:
        try:
            async with asyncio.timeout(IDLE_S):  # `wait_for` of Python 3.11 may swallow that a page has gone
                message = await queue.get()
        except TimeoutError:
            message = ALIVE
        yield message
