"""The socket level of a call: geventhttpclient as Locust uses it, made lean and made to tell when a request left.

`FastHttpSession` goes on as it is (requests, context managers, events); below it the agent skips cookies, redirects and
status checks, the client renders a request's head once, and the pool neither resolves a name per connection nor hands
out a connection that its server may be closing. `Trace.on_sent` is called right before the write to the socket, after
any wait for a connection: a pool that is too small shows as lateness, it doesn't hide it.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from geventhttpclient.client import HTTPClient, HTTPClientPool
from geventhttpclient.connectionpool import ConnectionPool, SSLConnectionPool
from geventhttpclient.response import HTTPSocketPoolResponse
from locust.contrib.fasthttp import FastRequest, FastResponse, LocustUserAgent

READ_BYTES: Final = 64 * 1024
"""Most bytes taken from a socket at once."""
IDLE_NS_MAX: Final = 1_000_000_000
"""A connection idle for longer is not used again: servers close idle ones (some after 2 s), and a request that crosses
such a close is lost without the router's fault."""
_LENGTH: Final = "1048576"  # stands for a body's length in a rendered head


@dataclass(slots=True)
class Trace:
    """What the socket level tells of a call: `on_sent` is given the instant of the write."""

    on_sent: Callable[[int], None]
    response: WireResponse | None = None


class WireResponse(HTTPSocketPoolResponse):  # type: ignore[misc] # geventhttpclient is not followed by mypy
    """A response whose body is read as it comes."""

    def read_some(self) -> bytes:
        """The body's next bytes as soon as there are any; empty at its end.

        Raises:
            OSError: the connection broke.
            HTTPParseError: it closed before the body was whole, or it is no HTTP.
        """
        buffer = self._body_buffer
        while not buffer and not self.message_complete:
            try:
                self.feed(self._sock.recv(READ_BYTES))
            except BaseException:
                self.release()
                raise
        data = bytes(buffer)
        buffer.clear()
        return data


class _Lean:
    """What both pools (plain and TLS) do differently."""

    _resolved: list[Any] | None = None

    @cached_property
    def _idle_since_ns(self) -> dict[int, int]:
        return {}  # by file descriptor, so bounded by how many there are

    def _resolve(self) -> list[Any]:
        if self._resolved is None:
            self._resolved = super()._resolve()  # type: ignore[misc]
        return self._resolved

    def after_connect(self, sock: Any) -> None:
        """Send each request at once."""
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def return_socket(self, sock: Any) -> None:
        """Take a connection back, and note since when it is idle."""
        self._idle_since_ns[sock.fileno()] = time.monotonic_ns()
        super().return_socket(sock)  # type: ignore[misc]

    def _is_socket_alive(self, sock: Any) -> bool:
        idle_ns = time.monotonic_ns() - self._idle_since_ns[sock.fileno()]
        return idle_ns < IDLE_NS_MAX and not _readable(sock)


class WirePool(_Lean, ConnectionPool):  # type: ignore[misc] # geventhttpclient is not followed by mypy
    """Connections to one router."""


class WireTlsPool(_Lean, SSLConnectionPool):  # type: ignore[misc] # geventhttpclient is not followed by mypy
    """TLS connections to one router."""


def _readable(sock: Any) -> bool:
    """Whether an idle connection was closed by its server (or holds bytes that nobody asked for)."""
    try:
        sock._sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)  # noqa: SLF001 - gevent's own recv would wait
    except BlockingIOError:
        return False
    except (OSError, ValueError):
        return True
    return True


class WireClient(HTTPClient):  # type: ignore[misc] # geventhttpclient is not followed by mypy
    """Sends each request in one write, its head rendered once for all requests with the same headers."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        pool = self._connection_pool
        # The client builds its pool itself and offers no way to say of which class.
        pool.__class__ = WireTlsPool if isinstance(pool, SSLConnectionPool) else WirePool
        self._heads: dict[tuple[Any, ...], tuple[bytes, bytes]] = {}

    def send(self, method: str, uri: str, body: bytes, headers: dict[str, str], trace: Trace) -> WireResponse:
        """Send a request and read its response's head.

        Raises:
            OSError: no connection, or it broke.
            HTTPParseError: the connection closed before a whole head came, or what came is no HTTP.
        """
        before, after = self._head(method, uri, headers)
        pool = self._connection_pool
        sock = pool.get_socket()
        try:
            trace.on_sent(time.monotonic_ns())
            sock.sendall(b"%b%d%b%b" % (before, len(body), after, body))
        except BaseException:
            pool.release_socket(sock)
            raise
        # From here on the response owns the socket; it gives it back also when reading its head fails.
        trace.response = WireResponse(sock, pool, block_size=READ_BYTES, method=method)
        return trace.response

    def _head(self, method: str, uri: str, headers: dict[str, str]) -> tuple[bytes, bytes]:
        key = (method, uri, *headers.items())
        head = self._heads.get(key)
        if head is None:
            text = self._build_request(method, uri, b"", {**headers, "Content-Length": _LENGTH})
            before, _, after = text.encode("latin-1").partition(f": {_LENGTH}\r\n".encode())
            head = (before + b": ", b"\r\n" + after)
            if len(self._heads) < 64:  # a run has one set of headers a front; this is a bound, not a policy
                self._heads[key] = head
        return head


class WireClients(HTTPClientPool):  # type: ignore[misc] # geventhttpclient is not followed by mypy
    """One `WireClient` for each host and port."""

    def get_client(self, url: Any) -> WireClient:
        """The client for the URL's host and port."""
        key = url.host, url.port
        client: WireClient | None = self.clients.get(key)
        if client is None:
            client = self.clients[key] = WireClient.from_url(url, **self.client_args)
        return client


class WireAgent(LocustUserAgent):  # type: ignore[misc] # locust is not followed by mypy
    """Locust's user agent without what a load generator must not do: follow, retry, judge a status, keep cookies."""

    def __init__(self, clients: WireClients) -> None:
        super().__init__(client_pool=clients)
        self._requests: dict[str, Any] = {}

    def urlopen(self, url: str, method: str, payload: bytes, headers: dict[str, str], trace: Trace) -> Any:
        """Make one request. `trace` learns when it left."""
        request = self._requests.get(url)
        if request is None:
            request = self._requests[url] = FastRequest(url, method=method, headers=None)
        client = self.clientpool.get_client(request.url_split)
        response = client.send(method, request.url_split.request_uri, payload, headers, trace)
        return FastResponse(response, request=request)

    def _make_request(self, url: str, **_: Any) -> Any:
        """The request that Locust shows beside a failure."""
        return self._requests.get(url)
