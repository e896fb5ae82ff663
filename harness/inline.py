"""The inline host: the same faults as ASGI middleware around a fake, for runs without mitmproxy.

It carries out the plans of the same timeline as the injector does. What it can't do is refused when the run is
planned, by the `hosts` that each fault names.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any, Final

from ..fakes.dialects.base import REQUEST_BYTES_MAX
from ..fakes.http_request import BODY
from .faults.base import Forward
from .inline_exchange import App, Exchange, Receive, Send
from .inline_relay import Relay

if TYPE_CHECKING:
    from .faults.plan import Plan
    from .witness import Witness

_AT_ONCE: Final = Forward()


class InlineFaults:
    """ASGI middleware that plays the timeline in front of one fake."""

    eager = True
    """The server may begin it outside of any task: whatever needs one gets its own."""

    def __init__(self, app: App, provider: str, witness: Witness) -> None:
        self._app = app
        self._provider = provider
        self._witness = witness
        self._open: set[Exchange | Relay] = set()

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        received_ns = time.monotonic_ns()
        body = scope.get(BODY)
        if body is None and (body := await _read(receive)) is None:
            return  # a request that broke off before its body was whole never became an attempt
        query = scope.get("query_string") or b""
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        plan = self._witness.begin(
            self._provider,
            scope["method"],
            scope["path"] + ("?" + query.decode("latin-1") if query else ""),
            headers=headers,
            body=body,
            received_ns=received_ns,
        )
        if plan.untouched and plan.action == _AT_ONCE:
            relay = Relay(plan, receive, send)
            await self._witnessed(plan, relay, relay.run(self._app, scope, headers, body))
        else:
            exchange = Exchange(self._app, plan, receive, send)
            running = asyncio.get_running_loop().create_task(exchange.run(scope, headers, body))
            await self._witnessed(plan, exchange, running)

    async def _witnessed(self, plan: Plan, exchange: Exchange | Relay, running: Any) -> None:
        """Wait for an exchange, and write down how it ended."""
        self._open.add(exchange)
        ended_by = "provider"
        try:
            ended_by = await running
        except Exception:
            if plan.record.status is None:
                plan.record.head(500, time.monotonic_ns())  # what the server tells the router now
            raise
        finally:
            self._open.discard(exchange)
            if not exchange.ended:
                exchange.ended = True
                self._witness.end(plan, ended_by)

    def break_off(self, entry: str) -> None:
        """An entry has shut the provider's door: write down what is under way as ended by it."""
        for exchange in self._open:
            if not exchange.ended:
                exchange.ended = True
                self._witness.break_off(exchange.plan, entry)
                self._witness.end(exchange.plan, "fault")

    def stop(self) -> None:
        """The run is over: write down what is still open. What hangs goes on hanging until the process ends."""
        for exchange in self._open:
            exchange.ended = True
            self._witness.end(exchange.plan, exchange.outcome or "run")


async def _read(receive: Receive) -> bytes | None:
    """The request's body, None if the router left before it was whole.

    A body that no dialect would take is passed on as far as it was read: the fake refuses it in its vendor's words.
    """
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        if part := message.get("body", b""):
            parts.append(part)
            size += len(part)
        if not message.get("more_body", False) or size > REQUEST_BYTES_MAX:
            return b"".join(parts)
