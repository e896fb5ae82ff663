"""HTTP/1.1 on one connection, for ASGI applications: parsed by httptools, written by hand.

A general server spent about as long on a request as a fake did on its whole answer, so the fakes have a lean one. An
application that is marked `eager` runs up to its first wait without a task of its own, and may answer in one piece. One
that has a `begin` may give its answer back, without a coroutine.
"""

from __future__ import annotations

import asyncio
import types
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any, Final, cast
from urllib.parse import unquote

import httptools

from . import http_head, http_reset, http_upgrade
from .dialects.base import Reply
from .http_heads import Heads
from .http_request import RESET, WHOLE, Message, Request

App = Callable[[Any, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]

Begin = Callable[
    [Any, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Reply | Coroutine[Any, Any, None]
]
"""An eager application's `begin`: a whole answer, or what will answer."""

HEAD_BYTES_MAX: Final = 64 * 1024
"""Largest request head, in bytes: what OpenAI's documentation gives as its own limit."""
RESET_S_MAX: Final = 2.0
"""Seconds that a caller has to take in what was written before its connection is reset."""
PIPELINED_MAX: Final = 64
"""Requests that may wait behind the one that is being answered; a caller that sends more is cut off."""


class Host:
    """What the connections of one listener share."""

    def __init__(self, app: App, loop: asyncio.AbstractEventLoop) -> None:
        self.app = app
        self.loop = loop
        self.eager: bool = getattr(app, "eager", False)
        self.begin = cast("Begin", getattr(app, "begin", app))
        self.connections: set[Connection] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        self.heads = Heads()
        self.round = 0
        """Number of the latest sweep; a connection remembers the one in which it last heard something."""

    def sweep(self, rounds: int) -> None:
        """Close connections whose callers have said nothing for `rounds` sweeps though it was their turn."""
        self.round += 1
        for connection in list(self.connections):
            if connection.idle and self.round - connection.round > rounds:
                connection.close()


class Connection(asyncio.Protocol):
    """One connection: requests are answered in the order they come in."""

    __slots__ = (
        "_address",
        "_asked",
        "_between",
        "_head_bytes",
        "_headers",
        "_host",
        "_parser",
        "_reading",
        "_request",
        "_scope",
        "_transport",
        "_url",
        "_waiting",
        "_writable",
        "round",
    )

    def __init__(self, host: Host) -> None:
        self._host = host
        self._parser: Any = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport = None  # type: ignore[assignment]  # there is one from the first event on
        self._address: tuple[str, int] | None = None
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._head_bytes = 0  # since the last whole request; they count only while no head is whole
        self._asked: Request | None = None  # whose body is being read
        self._scope: dict[str, Any] | None = None  # of the latest request, if another may follow it
        self._between = True  # what came in so far are whole requests
        self._request: Request | None = None  # which is being answered
        self._waiting: deque[Request] = deque()
        self._writable: asyncio.Future[None] | None = None
        self._reading = True
        self.round = host.round

    @property
    def idle(self) -> bool:
        """Whether the next word is the caller's: nothing is being answered, or a body is still to come."""
        return self._request is None or not self._request.whole

    # what the transport says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A caller has connected."""
        self._transport = cast("asyncio.Transport", transport)
        address = transport.get_extra_info("peername")
        self._address = (address[0], address[1]) if address else None
        self._host.connections.add(self)

    def connection_lost(self, _: Exception | None) -> None:
        """The connection is gone: whoever waits for it is woken."""
        self._host.connections.discard(self)
        self.resume_writing()
        self._waiting.clear()
        self._parser = None
        for request in (self._request, self._asked):
            if request is not None:
                request.leave()

    def pause_writing(self) -> None:
        """More is written than the caller reads."""
        self._writable = self._host.loop.create_future()

    def resume_writing(self) -> None:
        """The caller has caught up."""
        writable, self._writable = self._writable, None
        if writable is not None and not writable.done():
            writable.set_result(None)

    def data_received(self, data: bytes) -> None:
        """Bytes of a request."""
        host = self._host
        self.round = host.round
        fresh = self._between
        if fresh and (known := host.heads.find(data)) is not None:
            head, body = known
            scope = head.scope.copy()
            scope["client"] = self._address
            self._take_up(Request(self, scope, keep_alive=True, body=body))
            return
        self._between = False
        self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if not self._decline(data[upgrade.args[0] :]):
                return
        except httptools.HttpParserError:
            self._refuse(http_head.NO_HTTP)
            return
        else:
            if fresh and self._between and self._scope is not None:
                host.heads.note(data, self._scope)
        asked = self._asked
        if asked is None:
            if self._head_bytes > HEAD_BYTES_MAX:
                self._refuse(http_head.TOO_LARGE)
        elif not asked.begun and self._request is None:
            self._begin(asked)  # its body is still coming in

    def _decline(self, rest: bytes) -> bool:
        """Parse on where an offer of another protocol ended a head; False if what comes is no HTTP/1.1."""
        while not self._transport.is_closing():
            old = self._parser
            if old.get_method() == _CONNECT:
                return True  # there is nothing behind its head that would be ours
            head = http_upgrade.without_offer(old.get_method(), self._url, old.get_http_version(), self._headers)
            self._parser = parser = httptools.HttpRequestParser(self)
            try:
                parser.feed_data(head)
                parser.feed_data(rest)
            except httptools.HttpParserUpgrade as upgrade:  # the next one offers it too
                rest = rest[upgrade.args[0] :]
            except httptools.HttpParserError:
                self._refuse(http_head.NO_HTTP)
                return False
            else:
                break
        return True

    # what the parser says

    def on_message_begin(self) -> None:
        """A request begins."""
        self._between = False
        self._url = b""
        self._headers = []

    def on_url(self, url: bytes) -> None:
        """A piece of the request target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header."""
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """The request's head is whole."""
        parser = self._parser
        if parser.should_upgrade() and parser.get_method() != _CONNECT:
            self._scope = None  # its body would be skipped: the head is parsed again, see `_decline`
            return
        if self._url.startswith(b"/") and b"#" not in self._url:
            raw_path, _, query = self._url.partition(b"?")
        else:  # an absolute address, as a proxy is asked
            url = httptools.parse_url(self._url)
            raw_path, query = url.path or b"/", url.query or b""
        path = raw_path.decode("latin-1")
        version = parser.get_http_version()
        scope = {
            "type": "http",
            "asgi": _ASGI,
            "http_version": version,
            "method": parser.get_method().decode("ascii"),
            "scheme": "http",
            "path": unquote(path) if "%" in path else path,
            "raw_path": raw_path,
            "query_string": query,
            "root_path": "",
            "headers": self._headers,
            "client": self._address,
            "server": None,
            "extensions": _EXTENSIONS,
        }
        # a caller that speaks 1.0 knows no chunks: the end of the connection is the end of the body
        keep_alive = version == "1.1" and parser.should_keep_alive()
        self._scope = scope if keep_alive else None
        self._asked = Request(self, scope, keep_alive=keep_alive)

    def on_body(self, body: bytes) -> None:
        """A piece of the request's body."""
        asked = self._asked
        if asked is not None:
            asked.take(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._head_bytes = 0
        self._between = True
        asked, self._asked = self._asked, None
        if asked is None:
            return
        asked.complete()
        if not asked.begun:
            self._take_up(asked)

    def _take_up(self, asked: Request) -> None:
        """Answer a request that is whole, or let it wait for its turn."""
        if self._request is None and not self._waiting:
            self._begin(asked)
        elif len(self._waiting) >= PIPELINED_MAX:
            self._transport.abort()
        else:
            self._waiting.append(asked)
            self.hold(reading=False)

    # what requests say

    def write(self, data: bytes) -> None:
        """Send bytes."""
        self._transport.write(data)

    def drained(self) -> asyncio.Future[None] | None:
        """What to wait for before more is written; None if nothing."""
        return self._writable

    def hold(self, *, reading: bool) -> None:
        """Read on, or no further for now; while requests wait for their turn nothing is read."""
        if reading and self._waiting:
            return
        if reading != self._reading and not self._transport.is_closing():
            self._reading = reading
            if reading:
                self._transport.resume_reading()
            else:
                self._transport.pause_reading()

    def done(self, request: Request, *, keep: bool) -> None:
        """The request is answered, or never will be; `keep` says whether the connection can be used again."""
        if self._request is request:
            self._request = None
        if not keep:
            self._transport.close()
            return
        if self._waiting:
            if self._request is None:
                # not from in here: a caller that sends thousands of requests at once must not nest them
                self._host.loop.call_soon(self._next)
        elif not self._reading:
            self.hold(reading=True)

    def close(self) -> None:
        """Close the connection; what is written goes out first."""
        self._transport.close()

    def abort(self) -> None:
        """Close the connection at once."""
        self._transport.abort()

    def reset(self) -> None:
        """Reset the connection once what was written has left, or at once if the caller doesn't take it in time."""
        transport, loop = self._transport, self._host.loop
        transport.set_write_buffer_limits(0)
        writable = self._writable
        if writable is None:
            http_reset.reset(transport)
            return
        patience = loop.call_later(RESET_S_MAX, http_reset.reset, transport)

        def drained(_: asyncio.Future[None]) -> None:
            patience.cancel()
            http_reset.reset(transport)

        writable.add_done_callback(drained)

    def future(self) -> asyncio.Future[None]:
        """A future of the connection's loop."""
        return self._host.loop.create_future()

    def _next(self) -> None:
        if self._waiting and self._request is None and self._parser is not None:
            self._begin(self._waiting.popleft())

    def _begin(self, request: Request) -> None:
        host = self._host
        self._request = request
        scope = request.begin()
        if not self._reading and request.whole:  # the application has its body; the caller must be heard to leave
            self.hold(reading=True)
        running: Coroutine[Any, Any, None]
        if host.eager:
            try:
                begun = host.begin(scope, request.receive, request.send)
                if isinstance(begun, Reply):
                    request.answer(begun.status, begun.headers, begun.body)
                    return
                running = begun
                waits_for = running.send(None)
            except StopIteration:
                request.returned()
                return
            except Exception:  # noqa: BLE001 - it is logged, and the caller told
                request.crashed()
                return
            running = _resume(running, waits_for)
        else:
            running = cast("Coroutine[Any, Any, None]", host.app(scope, request.receive, request.send))
        task = host.loop.create_task(_watched(running, request))
        host.tasks.add(task)
        task.add_done_callback(host.tasks.discard)

    def _refuse(self, answer: bytes) -> None:
        """Answer bytes that are no request; the connection can't be used any further."""
        if self._request is None:
            self._transport.write(answer)
        self._transport.close()


_CONNECT: Final = b"CONNECT"
_EXTENSIONS: Final[dict[str, Any]] = {WHOLE: {}, RESET: {}}
_ASGI: Final = {"version": "3.0", "spec_version": "2.4"}


async def _watched(running: Awaitable[None], request: Request) -> None:
    try:
        await running
    except Exception:  # noqa: BLE001 - it is logged, and the caller told
        request.crashed()
    else:
        request.returned()


@types.coroutine
def _resume(running: Coroutine[Any, Any, None], waits_for: Any) -> Generator[Any, Any, None]:
    """Go on with a coroutine that was started outside of any task and waits for something by now."""
    error: BaseException | None = None
    news: Any = None
    while True:
        try:
            news, error = (yield waits_for), None
        except BaseException as thrown:  # noqa: BLE001 - a cancellation is the coroutine's to handle
            error = thrown
        try:
            waits_for = running.send(news) if error is None else running.throw(error)
        except StopIteration:
            return
