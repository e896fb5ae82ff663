"""The live page over HTTP: the page, its stream of events, and each run's report. A raw ASGI application.

The address holds a token, for what a router or provider says may be on the page and other users of the machine can
reach its loopback too. The Host header must name this very address: a site whose name was turned to 127.0.0.1 (DNS
rebinding) would otherwise be allowed by the browser to read it. No header allows another origin anything.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

from ..reports.live_page import Page
from .web_feed import PAGES_MAX, Feed

STALL_S: Final = 20.0
"""Seconds that a page may take nothing before its stream is given up."""
HEADERS: Final = {
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
"""What every answer says."""

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]


class WebApp:
    """The application.

    Args:
        page: The page itself.
        feed: What its stream sends.
        report: The path of a run's report by the run's number, once it is there.
        hosts: Host headers that are accepted, with the port.
        token: The first part of every path.
    """

    def __init__(
        self, page: Page, feed: Feed, report: Callable[[int], Path | None], *, hosts: frozenset[str], token: str
    ) -> None:
        self._page = page
        self._feed = feed
        self._report = report
        self._hosts = {each.encode() for each in hosts}
        self._token = token
        self.idle = asyncio.Event()
        """Set while no answer is under way."""
        self.idle.set()
        self.answered = 0
        """Requests so far."""
        self._busy = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        self._busy += 1
        self.answered += 1
        self.idle.clear()
        try:
            await self._answer(scope, receive, send)
        finally:
            self._busy -= 1
            if not self._busy:
                self.idle.set()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if [value for name, value in scope["headers"] if name == b"host"] not in [[each] for each in self._hosts]:
            await _say(send, 421, b"this is not the address that banstorm printed\n")
            return
        if scope["method"] not in {"GET", "HEAD"}:
            await _say(send, 405, b"only to be looked at\n", {"allow": "GET, HEAD"})
            return
        path: str = scope["path"]
        token, _, rest = path.removeprefix("/").partition("/")
        if not hmac.compare_digest(token.encode(), self._token.encode()):
            icon = path == "/favicon.ico"  # browsers ask for it; a 404 would be a complaint in their console
            await _say(send, 204 if icon else 404, b"" if icon else b"the address is the one that banstorm printed\n")
            return
        await self._show(rest.split("/"), receive, send)

    async def _show(self, path: list[str], receive: Receive, send: Send) -> None:
        match path:
            case [""]:
                more = {"content-type": "text/html; charset=utf-8", "content-security-policy": self._page.policy}
                await _say(send, 200, self._page.text.encode(), more)
            case ["events"]:
                await self._stream(receive, send)
            case ["runs", number, "report.html"] if number.isascii() and number.isdigit() and len(number) < 10:
                await self._send_report(int(number), send)
            case _:
                await _say(send, 404, b"nothing is here\n")

    async def _send_report(self, number: int, send: Send) -> None:
        path = self._report(number)
        try:
            body = None if path is None else await asyncio.to_thread(path.read_bytes)
        except OSError:
            body = None
        if body is None:
            await _say(send, 404, b"there is no such report\n")
        else:
            await _say(send, 200, body, {"content-type": "text/html; charset=utf-8"})

    async def _stream(self, receive: Receive, send: Send) -> None:
        if self._feed.pages >= PAGES_MAX:
            await _say(send, 503, f"{PAGES_MAX} pages are open already\n".encode(), {"retry-after": "5"})
            return
        await send(_start(200, {"content-type": "text/event-stream"}))
        sending = asyncio.create_task(self._feed_to(send))
        gone = asyncio.create_task(_until_gone(receive))
        try:
            await asyncio.wait({sending, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sending.cancel()
            gone.cancel()
            await asyncio.gather(sending, gone, return_exceptions=True)

    async def _feed_to(self, send: Send) -> None:
        with self._feed.subscribe() as messages:
            async for each in messages:
                async with asyncio.timeout(STALL_S):
                    await send({"type": "http.response.body", "body": each, "more_body": True})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _start(status: int, more: Mapping[str, str]) -> dict[str, Any]:
    headers = [(name.encode(), value.encode()) for name, value in {**HEADERS, **more}.items()]
    return {"type": "http.response.start", "status": status, "headers": headers}


async def _say(send: Send, status: int, body: bytes, more: Mapping[str, str] | None = None) -> None:
    told = {"content-type": "text/plain; charset=utf-8", "content-length": str(len(body)), **(more or {})}
    await send(_start(status, told))
    await send({"type": "http.response.body", "body": body})
