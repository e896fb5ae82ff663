"""Reading what a provider sends: whole bodies with a bound, and what follows a stream's terminator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import httpx

from .errors import AttemptFailed, Meaning
from .upstream import transport_failure
from .validate import drifted

ERROR_BODY_BYTES_MAX = 64 * 1024
TRAILER_S_MAX = 0.5


async def read_whole(response: httpx.Response, bytes_max: int) -> bytes:
    """The body of an answer; the response is closed after it.

    Raises:
        AttemptFailed: It is larger than `bytes_max`, or the connection broke.
    """
    try:
        return await _read(response, bytes_max)
    finally:
        await response.aclose()


async def read_error_body(response: httpx.Response) -> bytes:
    """The body of a refusal, or nothing if it is longer than any error object: then its status has to do.

    Raises:
        AttemptFailed: The connection broke.
    """
    try:
        return await _read(response, ERROR_BODY_BYTES_MAX)
    except AttemptFailed as error:
        if error.failure.meaning is Meaning.DRIFTED:
            return b""
        raise
    finally:
        await response.aclose()


async def _read(response: httpx.Response, bytes_max: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    try:
        # Straight from the transport: httpx's own iterators add three layers.
        plain = "content-encoding" not in response.headers
        parts_of = cast("httpx.AsyncByteStream", response.stream) if plain else response.aiter_bytes()
        async for part in parts_of:
            size += len(part)
            if size > bytes_max:
                raise drifted("drift_too_large", f"the answer passed {bytes_max} bytes")
            parts.append(part)
    except httpx.TransportError as error:
        raise transport_failure(error) from error
    return parts[0] if len(parts) == 1 else b"".join(parts)


class Trailers:
    """Reads what follows streams' terminators, so that their connections can be used again; nobody waits for it.

    The last bytes of the transfer encoding often come a moment after the terminator. Closing at once would cost the
    next call a new connection.
    """

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def read(self, response: httpx.Response, parts: AsyncIterator[bytes]) -> None:
        """Read the rest of this response for a moment, then close it."""

        async def finish() -> None:
            try:
                async with asyncio.timeout(TRAILER_S_MAX):
                    async for _ in parts:
                        pass
            except (TimeoutError, httpx.HTTPError, httpx.StreamError):
                pass
            finally:
                await response.aclose()

        task = asyncio.create_task(finish())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def aclose(self) -> None:
        """Don't wait any longer."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
