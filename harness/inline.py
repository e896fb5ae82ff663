"""The inline host: the same faults as ASGI middleware around a fake, for runs without mitmproxy.

It carries out the plans of the same timeline as the injector does. What it can't do is refused when the run is
planned, by the `hosts` that each fault names.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Coroutine, MutableMapping
from typing import TYPE_CHECKING, Any, cast

from ..fakes.dialects.base import REQUEST_BYTES_MAX, Reply
from ..fakes.exchange import send_whole
from ..fakes.http_request import BODY, WHOLE
from .inline_exchange import App, Exchange, Receive, Send
from .inline_relay import Relay
from .inline_senders import Senders

if TYPE_CHECKING:
    from ..fakes.dialects.base import Dialect
    from ..fakes.http_connection import Begin
    from .faults.plan import Plan
    from .witness import Witness


class InlineFaults:
    """ASGI middleware that plays the timeline in front of one fake."""

    eager = True
    """The server may begin it outside of any task: whatever needs one gets its own."""

    def __init__(self, app: App, provider: str, witness: Witness, dialect: Dialect) -> None:
        self._app = app
        self._begin = cast("Begin", getattr(app, "begin", app))
        self._provider = provider
        self._witness = witness
        self._senders = Senders(dialect)
        self._open: set[Exchange | Relay] = set()

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one request."""
        begun = self.begin(scope, receive, send)
        if isinstance(begun, Reply):
            await send_whole(begun, send, whole=WHOLE in scope.get("extensions", ()))
        else:
            await begun

    def begin(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> Reply | Coroutine[Any, Any, None]:
        """What the fake answers at once and nothing bites, for the server to send; or what will answer."""
        if scope["type"] != "http":
            return cast("Coroutine[Any, Any, None]", self._app(scope, receive, send))
        received_ns = time.monotonic_ns()
        body = scope.get(BODY)
        if body is None:
            return self._receive(scope, receive, send, received_ns)
        return self._answer(scope, receive, send, body, received_ns)

    async def _receive(self, scope: MutableMapping[str, Any], receive: Receive, send: Send, received_ns: int) -> None:
        """Answer once the body has come."""
        body = await _read(receive)
        if body is None:
            return  # a request that broke off before its body was whole never became an attempt
        begun = self._answer(scope, receive, send, body, received_ns)
        if isinstance(begun, Reply):
            await send_whole(begun, send, whole=WHOLE in scope.get("extensions", ()))
        else:
            await begun

    def _answer(
        self, scope: MutableMapping[str, Any], receive: Receive, send: Send, body: bytes, received_ns: int
    ) -> Reply | Coroutine[Any, Any, None]:
        sender = self._senders.of(scope)
        plan = self._witness.decide(self._provider, sender, body, received_ns)
        if not plan.at_once:
            exchange = Exchange(self._app, plan, receive, send)
            running = asyncio.get_running_loop().create_task(exchange.run(scope, sender, body))
            return self._witnessed(plan, exchange, running)
        relay = Relay(plan, receive, send)
        try:
            begun = relay.begin(self._begin, scope, sender, body)
        except Exception:
            self._failed(plan)
            self._witness.end(plan, "provider")
            raise
        if not isinstance(begun, Reply):
            return self._witnessed(plan, relay, begun)
        self._witness.end(plan, "complete")
        return begun

    async def _witnessed(self, plan: Plan, exchange: Exchange | Relay, running: Awaitable[str | None]) -> None:
        """Wait for an exchange, and write down how it ended."""
        self._open.add(exchange)
        ended_by = "provider"
        try:
            ended_by = await running or exchange.outcome or ended_by
        except Exception:
            self._failed(plan)
            raise
        finally:
            self._open.discard(exchange)
            if not exchange.ended:
                exchange.ended = True
                self._witness.end(plan, ended_by)

    def _failed(self, plan: Plan) -> None:
        if plan.record.status is None:
            plan.record.head(500, time.monotonic_ns())  # what the server tells the router now

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
