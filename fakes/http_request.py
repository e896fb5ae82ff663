"""One request on an HTTP/1.1 connection and the answer to it, as an ASGI application sees them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, MutableMapping, Sequence
from typing import Any, Final, Protocol

from . import http_head

Message = MutableMapping[str, Any]

FORGOTTEN_BYTES_MAX: Final = 64 * 1024 * 1024
"""Body bytes that are read and dropped after the answer; a caller that goes on sending is cut off."""
BUFFERED_BYTES_MAX: Final = 64 * 1024
"""Body bytes that wait for the application before the connection is read no further."""
WHOLE: Final = "banstorm.whole"
"""Extension of the scope: the application may send one message of this type with `status`, `headers` and `body`."""
BODY: Final = "banstorm.body"
"""Key of the scope with the request's body, where that was whole when the application was begun; counts with `WHOLE`.
"""
READ: Final = "banstorm.read"
"""Key of the scope with what somebody in front has made of the request: its `Caller`, what the dialect read (an `Ask`,
or the `RequestRefused`), and the attempt's id.
"""
RESET: Final = "banstorm.reset"
"""Extension of the scope: the application may send one message of this type; the connection is reset in place of more.
"""

_log = logging.getLogger(__name__)


class Line(Protocol):
    """What a request needs of its connection."""

    def write(self, data: bytes) -> None:
        """Send bytes."""
        ...

    def drained(self) -> asyncio.Future[None] | None:
        """What to wait for before more is written; None if nothing."""
        ...

    def hold(self, *, reading: bool) -> None:
        """Read on, or no further for now."""
        ...

    def done(self, request: Any, *, keep: bool) -> None:
        """The request is answered, or never will be."""
        ...

    def abort(self) -> None:
        """Close the connection at once."""
        ...

    def reset(self) -> None:
        """Reset the connection, once what was written has left."""
        ...

    def future(self) -> asyncio.Future[None]:
        """A future of the connection's loop."""
        ...


class Request:
    """One request and the answer to it, as an ASGI application's `receive` and `send`."""

    __slots__ = (
        "_body",
        "_chunked",
        "_connection",
        "_ended",
        "_forgotten",
        "_gone",
        "_handed",
        "_keep_alive",
        "_left",
        "_started",
        "_waiter",
        "begun",
        "scope",
        "whole",
    )

    def __init__(self, connection: Line, scope: dict[str, Any], *, keep_alive: bool, body: bytes | None = None) -> None:
        self.scope = scope
        self.begun = False
        self._connection = connection
        self._keep_alive = keep_alive
        self._body = body or b""
        self.whole = body is not None  # its body has come in
        self._handed = False  # and the application has it
        self._gone = False  # the caller has left
        self._started = False
        self._ended = False
        self._chunked = False
        self._forgotten = 0
        self._left: int | None = None  # bytes of the answer that its content-length still promises
        self._waiter: asyncio.Future[None] | None = None

    def take(self, body: bytes) -> None:
        """A piece of the body came in."""
        if self._ended:  # what is left is read and dropped: closing now could destroy the answer on its way
            self._forgotten += len(body)
            if self._forgotten > FORGOTTEN_BYTES_MAX:
                self._connection.abort()
            return
        self._body += body
        if len(self._body) > BUFFERED_BYTES_MAX:
            self._connection.hold(reading=False)
        self._wake()

    def complete(self) -> None:
        """The body is whole."""
        self.whole = True
        if self._ended and self.begun:
            self._connection.done(self, keep=self._keep_alive)
        self._wake()

    def begin(self) -> dict[str, Any]:
        """The scope for the application, which is begun now."""
        self.begun = True
        if self.whole:
            self.scope[BODY] = self._body
        return self.scope

    def leave(self) -> None:
        """The caller has left."""
        self._gone = True
        self._wake()

    async def receive(self) -> Message:
        """The next piece of the body; once it is whole, wait for the caller to leave."""
        if not self._handed:
            if not (self._body or self.whole or self._gone):
                if not self._started and _asks_first(self.scope["headers"]):
                    self._connection.write(http_head.CONTINUE)
                await self._wait()
            if not self._gone:
                body, self._body = self._body, b""
                self._handed = self.whole
                # whole or not: it may have been held for its size, and who doesn't read never hears the caller leave
                self._connection.hold(reading=True)
                return {"type": "http.request", "body": body, "more_body": not self.whole}
        while not (self._gone or self._ended):
            await self._wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Send the answer's head, a piece of its body, or the whole."""
        if self._gone:
            return
        kind = message["type"]
        if kind == WHOLE:
            self.answer(message["status"], message["headers"], message["body"])
        elif kind == "http.response.body":
            if not self._started or self._ended:
                raise RuntimeError("a body needs a head before it, and nothing after its end")
            self._send_body(message.get("body", b""), more=message.get("more_body", False))
            if (drained := self._connection.drained()) is not None:
                await drained
        elif kind == "http.response.start":
            self._start_once()
            head, self._chunked, self._left = http_head.render(
                message["status"], message["headers"], self.scope, keep_alive=self._keep_alive
            )
            self._connection.write(head)
        elif kind == RESET:
            self._ended = True
            self._wake()
            self._connection.reset()
        else:
            raise RuntimeError(f"nothing is known of {kind!r} here")

    def answer(self, status: int, headers: Sequence[tuple[str, str]], body: bytes) -> None:
        """Send the whole answer, whose headers are text in lower case."""
        if self._gone:
            return
        self._start_once()
        head = http_head.render_whole(status, headers, len(body), keep_alive=self._keep_alive)
        self._connection.write(head if self.scope["method"] == "HEAD" else head + body)
        self._end()

    def returned(self) -> None:
        """The application is done. If its answer isn't whole, the caller is to see the connection break off."""
        if not self._ended and not self._gone:
            self._ended = True
            self._connection.done(self, keep=False)

    def crashed(self) -> None:
        """The application has failed."""
        _log.exception("an application failed while it answered %s", self.scope["path"])
        if not self._started and not self._gone:
            self._connection.write(http_head.FAILED)
        self.returned()

    def _start_once(self) -> None:
        if self._started:
            raise RuntimeError("an answer has one head")
        self._started = True

    def _send_body(self, data: bytes, *, more: bool) -> None:
        if self.scope["method"] == "HEAD":
            data = b""
        elif self._chunked:
            if data:
                data = b"%x\r\n%b\r\n" % (len(data), data)
            if not more:
                data += b"0\r\n\r\n"
        elif self._left is not None:
            self._left -= len(data)
            if self._left < 0:
                raise RuntimeError("the body is longer than its content-length")
            if self._left and not more:
                self._keep_alive = False  # the caller would wait for the rest for ever
        if data:
            self._connection.write(data)
        if not more:
            self._end()

    def _end(self) -> None:
        self._ended = True
        self._body = b""
        if self._waiter is not None:
            self._wake()
        if self.whole:
            self._connection.done(self, keep=self._keep_alive)
        else:
            self._connection.hold(reading=True)  # the rest of its body comes first, and is forgotten

    async def _wait(self) -> None:
        self._waiter = self._connection.future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def _asks_first(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether the caller waits to be told to send its body; the word's case doesn't matter (RFC 9110, 10.1.1)."""
    return any(name == b"expect" and value.lower() == b"100-continue" for name, value in headers)
