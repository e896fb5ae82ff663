"""The caller's side of an exchange: its body, read within a limit, and whether it is still there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]


class CallerGoneError(Exception):
    """The caller went away while its request was still coming in."""


class BodyTooLargeError(Exception):
    """The body is larger than the vendor's cap."""


class Watch:
    """Waits for moments, and notices when the caller goes away."""

    __slots__ = ("_loop", "_task", "_waiter", "gone")

    def __init__(self, receive: Receive) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiter: asyncio.Future[None] | None = None
        self.gone = False
        self._task = self._loop.create_task(self._listen(receive))

    async def until(self, moment_s: float) -> bool:
        """Wait until `moment_s` (of `time.monotonic`); False as soon as the caller is gone."""
        if self.gone:
            return False
        self._waiter = waiter = self._loop.create_future()
        timer = self._loop.call_later(moment_s - time.monotonic(), _wake, waiter)
        try:
            await waiter
        finally:
            timer.cancel()
            self._waiter = None
        return not self.gone

    def end(self) -> None:
        """Stop listening."""
        self._task.cancel()

    async def _listen(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self.gone = True
        if self._waiter is not None:
            _wake(self._waiter)


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


async def read_body(receive: Receive, headers: dict[str, str], bytes_max: int) -> bytes:
    """The request's body.

    Raises:
        BodyTooLargeError: when it is, or says that it will be, larger than `bytes_max`.
        CallerGoneError: when the caller goes away before it is whole.
    """
    length = headers.get("content-length", "")
    if length.isdecimal() and int(length) > bytes_max:
        raise BodyTooLargeError
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body", False):
        body: bytes = message.get("body", b"")
        if len(body) > bytes_max:
            raise BodyTooLargeError
        return body
    parts: list[bytes] = []
    size = 0
    while True:
        if message["type"] != "http.request":
            raise CallerGoneError
        part = message.get("body", b"")
        size += len(part)
        if size > bytes_max:
            raise BodyTooLargeError
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)
        message = await receive()
