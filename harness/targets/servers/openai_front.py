"""The chat-completions front that the small servers around libraries share: plain ASGI, run by uvicorn.

A library is a `Library`: it answers a request's object with a completion's object, or streams chunks' objects. What it
raises before the first piece becomes a status, what it raises later an error event, as OpenAI-compatible servers do.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Final, Protocol

import uvicorn

BODY_BYTES_MAX: Final = 8 * 1024 * 1024
"""Longest request read, in bytes."""
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Library(Protocol):
    """What a server is put around."""

    async def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """The completion's object."""

    def stream(self, request: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        """The chunks' objects."""


class App:
    """POST /v1/chat/completions."""

    def __init__(self, library: Library) -> None:
        self._library = library

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        if (scope["method"], scope["path"]) != ("POST", "/v1/chat/completions"):
            await send_json(send, 404, {"error": {"message": "no such route", "type": "not_found", "code": None}})
            return
        request = json.loads(await read_body(receive))
        gone = asyncio.ensure_future(_left(receive))
        work = asyncio.ensure_future(
            self._stream(request, send) if request.get("stream") else self._plain(request, send)
        )
        try:
            await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            if not work.done():  # the caller has left: nobody shall go on paying for the answer
                work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await work

    async def _plain(self, request: dict[str, Any], send: Send) -> None:
        try:
            answer = await self._library.answer(request)
        except Exception as error:  # noqa: BLE001 - whatever the library raises is its answer
            await send_json(send, status_of(error), error_of(error))
            return
        await send_json(send, 200, answer)

    async def _stream(self, request: dict[str, Any], send: Send) -> None:
        chunks = self._library.stream(request)
        try:
            first = await anext(chunks)
        except Exception as error:  # noqa: BLE001 - as above
            await send_json(send, status_of(error), error_of(error))
            return
        headers = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        try:
            await _send_event(send, first)
            async for chunk in chunks:
                await _send_event(send, chunk)
        except Exception as error:  # noqa: BLE001 - as above
            await _send_event(send, error_of(error))
        else:
            await send({"type": "http.response.body", "body": b"data: [DONE]\n\n", "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def completion(message: dict[str, Any], finish: str, model: str | None, usage: dict[str, Any] | None) -> dict[str, Any]:
    """A completion's object around a message."""
    choice = {"index": 0, "message": {"role": "assistant", **message}, "logprobs": None, "finish_reason": finish}
    return {**_head("chat.completion", model), "choices": [choice], "usage": usage}


class Chunks:
    """Makes the chunks of one stream: they share an id."""

    def __init__(self) -> None:
        self._frame = _head("chat.completion.chunk", None)

    def delta(self, delta: dict[str, Any], model: str | None, finish: str | None = None) -> dict[str, Any]:
        """A chunk with a piece of the answer, or with its finish reason."""
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return {**self._frame, "model": model or "unknown", "choices": [choice]}

    def usage(self, usage: dict[str, Any], model: str | None) -> dict[str, Any]:
        """The chunk that tells the tokens."""
        return {**self._frame, "model": model or "unknown", "choices": [], "usage": usage}


def usage_of(prompt: int | None, produced: int | None) -> dict[str, Any]:
    """Token counts as chat completions tell them."""
    prompt, produced = prompt or 0, produced or 0
    return {"prompt_tokens": prompt, "completion_tokens": produced, "total_tokens": prompt + produced}


def _head(kind: str, model: str | None) -> dict[str, Any]:
    identity = f"chatcmpl-{uuid.uuid4().hex[:24]}"
    return {"id": identity, "object": kind, "created": int(time.time()), "model": model or "unknown"}


def status_of(error: BaseException) -> int:
    """The provider's status if the library's exception carries it, else 500."""
    for each in (error, error.__cause__, *getattr(error, "exceptions", ())):
        status = getattr(each, "status_code", None)
        if isinstance(status, int) and 400 <= status < 600:
            return status
    return 500


def error_of(error: BaseException) -> dict[str, Any]:
    """The exception as an error object."""
    return {"error": {"message": f"{error}"[:2000], "type": type(error).__name__, "param": None, "code": None}}


async def read_body(receive: Receive) -> bytes:
    """A request's body, at most `BODY_BYTES_MAX` and one piece of it."""
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body") or len(body) > BODY_BYTES_MAX:
            return body


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def send_json(send: Send, status: int, document: dict[str, Any]) -> None:
    """A whole answer."""
    body = json.dumps(document).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _send_event(send: Send, document: dict[str, Any]) -> None:
    body = b"data: " + json.dumps(document).encode() + b"\n\n"
    await send({"type": "http.response.body", "body": body, "more_body": True})


def settings() -> dict[str, Any]:
    """The JSON file that the command line names."""
    loaded: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    return loaded


def serve(app: Any, port: int) -> None:
    """Serve until SIGTERM."""
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", access_log=False, timeout_graceful_shutdown=1)
