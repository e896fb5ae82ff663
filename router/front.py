"""From a request that a front has read to its answer on the wire, plain or streamed, whatever API the caller speaks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

from .attempt import close
from .core import LLMRouter
from .errors import StreamInterrupted
from .fronts.base import Reading, Writer
from .messages import Chunk
from .open_stream import Streaming
from .watchdog import Watchdog

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

NOTES_CHARS_MAX = 500
_BODILESS = frozenset({204, 304})


async def answer(router: LLMRouter, reading: Reading, send: Send, caller_s: float) -> None:
    """Serve one call.

    Args:
        router: Who answers.
        reading: What the caller asks.
        send: Takes the response.
        caller_s: How long a caller may leave a piece of its stream unread, in seconds.

    Raises:
        RequestRejected: The request is at fault; nothing has been sent.
        AllProvidersExhausted: Nobody could answer; nothing has been sent.
    """
    if reading.stream and reading.writer is not None:
        await _stream(await router.open_stream(reading.request), reading.writer(), send, caller_s)
        return
    response = await router.aroute(reading.request)
    content = reading.plain(response)
    headers = [
        (b"content-type", reading.kind(response)),
        (b"content-length", b"%d" % len(content)),
        *_who(response.provider, response.attempts, response.notes),
    ]
    if reading.headers is not None:
        # RFC 9110, 8.6: a 204 has no length, and that of a 304 would be the document's. Both have no content to name.
        headers = headers[2:] if response.status in _BODILESS else headers if headers[0][1] else headers[1:]
        headers += reading.headers(response)
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


async def _stream(stream: Streaming, writer: Writer, send: Send, caller_s: float) -> None:
    batches = stream.batches()
    try:
        # What was held back until the first token: nothing is waited for, and it tells what was changed.
        chunks: list[Chunk] = await anext(batches, [])
        headers = [
            (b"content-type", b"text/event-stream; charset=utf-8"),
            (b"cache-control", b"no-cache"),
            *_who(stream.provider, stream.attempts, _notes(chunks)),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        with Watchdog() as watchdog:
            while True:
                # Events that arrived together leave together: one write, one wake-up of the caller.
                content = writer.write(chunks)
                if content:
                    watchdog.wait(caller_s)
                    await send({"type": "http.response.body", "body": content, "more_body": True})
                    watchdog.rest()
                try:
                    chunks = await anext(batches)
                except StopAsyncIteration:
                    break
        last = writer.end()
    except StreamInterrupted as error:
        # The status has long been sent. An error event, and no terminator: nobody may take this for a whole answer.
        last = writer.broken(error)
    except TimeoutError:
        # The caller doesn't read. Returning now makes the server close the connection, without a terminator.
        return
    finally:
        await close(batches)
        await stream.aclose()
    await send({"type": "http.response.body", "body": last})


def _notes(chunks: list[Chunk]) -> Sequence[str]:
    notes: list[str] = []
    for chunk in chunks:
        notes += chunk.pop("adapted", ())
    return notes


def _who(provider: str, attempts: int, notes: Sequence[str]) -> list[tuple[bytes, bytes]]:
    headers = [(b"x-llm-provider", provider.encode()), (b"x-llm-attempts", b"%d" % attempts)]
    if notes:
        headers.append((b"x-llm-adapted", ", ".join(notes)[:NOTES_CHARS_MAX].encode("ascii", "replace")))
    return headers
