"""The HTTP front as an ASGI application: paths, body limits, the caller who leaves, and errors in its envelope.

It is ASGI without a framework: what a call passes through here is on the path of every token.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import orjson

from .config import Config
from .core import LLMRouter
from .errors import AllProvidersExhausted, RequestRejected
from .front import answer
from .fronts import fronts
from .fronts.base import Asked, Front
from .metrics import CONTENT_TYPE, Metrics
from .model_list import PATH as MODELS
from .model_list import model_page
from .terms import CURRENT

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

JSON = (b"content-type", b"application/json")
"""Content type of everything but streams and metrics."""


class CallerLeft(Exception):  # noqa: N818 - it isn't an error
    """The caller closed the connection before its request was complete."""


class App:
    """The service.

    Args:
        router: Who answers.
        config: Limits, and the models to list.
        metrics: What `/metrics` shows.
    """

    def __init__(self, router: LLMRouter, config: Config, metrics: Metrics) -> None:
        self.router, self.config, self.metrics = router, config, metrics
        metrics.show_availability(router.fleet.gets_calls)
        self._body_bytes_max = config.limits.body_bytes_max
        self._in_flight_max = config.limits.in_flight_max
        self._caller_s = config.timeouts.caller
        self._in_flight = 0
        self._fronts = fronts()
        self._pages: dict[str, Callable[[Scope], tuple[int, bytes, bytes]]] = {
            MODELS: self._models,
            "/healthz": lambda _scope: (200, JSON[1], b'{"status":"ok"}'),
            "/readyz": self._ready,
            "/metrics": lambda _scope: (200, CONTENT_TYPE, metrics.render()),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        path, method = scope["path"], scope["method"]
        front = self._fronts.get(path) or self._fronts.get(path[: path.find("/", 1) + 1])
        if front is not None and method in front.methods:
            await self._call(front, scope, receive, send)
        elif (page := self._page(path)) is not None and method in {"GET", "HEAD"}:
            status, kind, body = page(scope)
            await respond(send, status, body, [(b"content-type", kind)])
        elif page is not None or front is not None:
            await respond_error(send, 405, f"{method} is not allowed for {path}", code="method_not_allowed")
        else:
            known = ", ".join([*self._fronts, *self._pages])
            await respond_error(send, 404, f"there is nothing at {path}; known here: {known}", code="unknown_url")

    async def _call(self, front: Front, scope: Scope, receive: Receive, send: Send) -> None:
        if self._in_flight >= self._in_flight_max:
            message = f"{self._in_flight_max} calls are in flight (limits.in_flight_max), try again shortly"
            again = [(b"retry-after", b"1")]
            await respond_error(
                send, 503, message, kind="server_error", code="too_many_calls", headers=again, front=front
            )
            return
        self._in_flight += 1
        self.metrics.in_flight.set(self._in_flight)
        # After these the connection can't be used again: the rest of the body is not read.
        closing = [(b"connection", b"close")]
        try:
            async with asyncio.timeout(self._caller_s):
                body = await self._read(receive)
            if body is None:
                message = f"the body is larger than {self._body_bytes_max} bytes (limits.body_bytes_max)"
                await respond_error(send, 413, message, code="body_too_large", headers=closing, front=front)
                return
            await self._until_left(self._answer(front, scope, body, send), receive)
        except RequestRejected as error:
            content = front.error(error.status, error.error)
            await respond(send, error.status, content, [JSON, *_served_by(error.provider)])
        except AllProvidersExhausted as error:
            await _exhausted(send, error, front)
        except TimeoutError:
            message = f"the body wasn't complete after {self._caller_s:g} s (timeouts.caller)"
            await respond_error(send, 408, message, code="body_timeout", headers=closing, front=front)
        except CallerLeft:
            pass
        except asyncio.CancelledError:
            # Only the end of the process cancels us from outside, after `limits.drain`. The server closes the
            # connection; a traceback for each call would tell nobody anything.
            pass
        finally:
            self._in_flight -= 1
            self.metrics.in_flight.set(self._in_flight)

    async def _answer(self, front: Front, scope: Scope, body: bytes, send: Send) -> None:
        query = scope.get("query_string", b"").decode("latin-1")
        raw = scope.get("raw_path") or b""
        asked = Asked(scope["method"], scope["path"], query, scope.get("headers", ()), body, raw)
        await answer(self.router, front.read(asked), send, self._caller_s)

    async def _read(self, receive: Receive) -> bytes | None:
        parts: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise CallerLeft
            part = message.get("body", b"")
            size += len(part)
            if size > self._body_bytes_max:
                return None
            parts.append(part)
            if not message.get("more_body"):
                return parts[0] if len(parts) == 1 else b"".join(parts)

    async def _until_left(self, work: Awaitable[None], receive: Receive) -> None:
        """Do the work, but no longer than the caller listens: nobody pays for an answer that nobody reads."""
        mine = asyncio.current_task()
        left = False

        async def watch() -> None:
            nonlocal left
            while (await receive())["type"] != "http.disconnect":
                pass
            left = True
            if mine is not None:
                mine.cancel()

        watcher = asyncio.ensure_future(watch())
        try:
            await work
        except asyncio.CancelledError:
            if not left or mine is None or mine.uncancel():
                raise
        finally:
            watcher.cancel()

    def _page(self, path: str) -> Callable[[Scope], tuple[int, bytes, bytes]] | None:
        return self._models if path.startswith(f"{MODELS}/") else self._pages.get(path)

    def _models(self, scope: Scope) -> tuple[int, bytes, bytes]:
        status, body = model_page(self.router.fleet, CURRENT.get(), scope["path"], scope.get("headers", ()))
        return status, JSON[1], body

    def _ready(self, _scope: Scope) -> tuple[int, bytes, bytes]:
        # Probes come with calls: while a breaker waits for one, calls have to come, or it would be out for ever.
        ready, breakers = False, {}
        for member in self.router.fleet.members:
            for lane in member.lanes.values():
                ready = ready or (not lane.draining and (lane.available() or lane.due()))
                label = lane.label if len(member.lanes) == 1 else f"{lane.label}, {lane.model}"
                breakers[label] = str(lane.breaker.state)
        return (200 if ready else 503), JSON[1], orjson.dumps({"ready": ready, "breakers": breakers})


async def respond(send: Send, status: int, body: bytes, headers: Headers) -> None:
    """Send a whole response."""
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})


async def respond_error(
    send: Send,
    status: int,
    message: str,
    *,
    code: str,
    kind: str = "invalid_request_error",
    headers: Headers | None = None,
    front: Front | None = None,
) -> None:
    """Send an error in the front's envelope, or in OpenAI's if there is none."""
    error = {"message": message, "type": kind, "param": None, "code": code}
    content = orjson.dumps({"error": error}) if front is None else front.error(status, error)
    await respond(send, status, content, [JSON, *(headers or [])])


async def _exhausted(send: Send, error: AllProvidersExhausted, front: Front) -> None:
    # Rounded up, and at least a second: a caller that comes back at once would find the same.
    wait = max(1, int((error.retry_after_s or 0) + 0.999))
    headers = [(b"retry-after", b"%d" % wait), (b"x-llm-attempts", b"%d" % len(error.attempts))]
    kind, code = "server_error", "all_providers_exhausted"
    await respond_error(send, 503, str(error), kind=kind, code=code, headers=headers, front=front)


def _served_by(provider: str) -> Headers:
    return [(b"x-llm-provider", provider.encode())] if provider else []
