"""httpx over aiohttp's connections, with nothing in between that a router has no use for.

httpx's own client follows redirects, keeps cookies, tries credentials and calls hooks. Providers need none of it, and a
cookie that travels from one call to the next would be a fault; together these cost a request more than its sending.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Self

import aiohttp
import httpx
from yarl import URL

_ANSWERS_ENCODING = "latin-1"
"""Of an answer's headers. Any byte is a character of it: nothing has to be tried before one is looked up."""


class ProviderClient(httpx.AsyncClient):
    """An httpx client that sends each request as it is, straight through its transport.

    Args:
        transport: How requests travel.
    """

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        super().__init__(transport=transport, trust_env=False)
        self._direct = transport

    async def send(self, request: httpx.Request, **_: Any) -> httpx.Response:
        """The answer, whose body is still to be read.

        Raises:
            httpx.TransportError: There is none.
        """
        return await self._direct.handle_async_request(request)


class Transport(httpx.AsyncBaseTransport):
    """Kept-alive connections, made in the loop that first asks for one.

    Args:
        connections_max: Connections at once; further requests wait for one, as long as their limit `pool` lets them.
        keepalive_s: How long an idle connection is kept, in seconds.
    """

    def __init__(self, *, connections_max: int, keepalive_s: float) -> None:
        self._connections_max, self._keepalive_s = connections_max, keepalive_s
        self._session: aiohttp.ClientSession | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; its limits are those of its extension `timeout`, in seconds.

        Raises:
            httpx.TransportError: The request couldn't be sent, or no answer began.
        """
        session = self._session or self._open()
        limits = request.extensions.get("timeout") or {}
        try:
            answer = await session.request(
                request.method,
                # As it is: a signature holds for these very bytes.
                URL(str(request.url), encoded=True),
                headers=[
                    (name.decode("ascii"), value.decode("utf-8", "replace")) for name, value in request.headers.raw
                ],
                data=request.read() or None,
                allow_redirects=False,
                timeout=_timeout(limits.get("connect"), limits.get("read"), limits.get("pool")),
            )
        except (aiohttp.ClientError, OSError) as error:
            # A timeout is an OSError, too.
            raise _translated(error) from error
        response = httpx.Response(answer.status, headers=answer.raw_headers, stream=_Body(answer), request=request)
        response.headers.encoding = _ANSWERS_ENCODING
        return response

    def _open(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            limit=self._connections_max,
            keepalive_timeout=self._keepalive_s,
            ssl=httpx.create_ssl_context(trust_env=False),
        )
        self._session = aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
        )
        return self._session

    async def aclose(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()


class _Body(httpx.AsyncByteStream):
    """The bytes of an answer as they arrive; its own iterator, so that a token passes as few layers as can be."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer, self._content = answer, answer.content

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        try:
            data = await self._content.readany()
        except (aiohttp.ClientError, OSError) as error:
            raise _translated(error) from error
        if not data:
            raise StopAsyncIteration
        return data

    async def aclose(self) -> None:
        """The connection is kept if the answer was read to its end, and closed if not."""
        self._answer.release()


def _text(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    # aiohttp writes text as UTF-8.
    return [(name.decode("ascii"), value.decode("utf-8", "replace")) for name, value in headers]


@lru_cache(maxsize=64)
def _timeout(connect_s: float | None, silence_s: float | None, pool_s: float | None) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, connect=pool_s, sock_connect=connect_s, sock_read=silence_s)


_KINDS: Iterable[tuple[type[Exception], type[httpx.TransportError]]] = (
    (aiohttp.ServerTimeoutError, httpx.ConnectTimeout),
    (aiohttp.ClientConnectorError, httpx.ConnectError),
    (aiohttp.ServerFingerprintMismatch, httpx.ConnectError),
    (aiohttp.InvalidURL, httpx.UnsupportedProtocol),
    (aiohttp.NonHttpUrlClientError, httpx.UnsupportedProtocol),
    (TimeoutError, httpx.ConnectTimeout),
    (aiohttp.ClientConnectionError, httpx.ReadError),
    (OSError, httpx.ReadError),
)
"""Read from the top: the first that fits."""


def _translated(error: Exception) -> httpx.TransportError:
    # The rest is what the server said, and it isn't HTTP.
    kind: type[httpx.TransportError] = httpx.RemoteProtocolError
    if isinstance(error, aiohttp.SocketTimeoutError):
        kind = httpx.ReadTimeout
    else:
        kind = next((ours for theirs, ours in _KINDS if isinstance(error, theirs)), kind)
    return kind(str(error) or type(error).__name__)
