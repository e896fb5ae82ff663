"""The injector's addon: mitmproxy's hooks, each handed on to the exchange it belongs to.

No hook blocks: one that has to wait (a delay, a hang) waits as a coroutine of its own flow.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Mapping
from typing import TYPE_CHECKING, Final

from mitmproxy.connection import ConnectionState
from mitmproxy.proxy.layers.http import HttpLayer, HTTPMode

from .faults.base import Close, Forward, Hang, Respond
from .injector_exchange import Exchange, Proxy

if TYPE_CHECKING:
    from mitmproxy.connection import Client
    from mitmproxy.http import HTTPFlow
    from mitmproxy.proxy.layer import NextLayer

    from .faults.plan import Plan
    from .witness import Witness

_RECEIVED: Final = "banstorm_received_ns"


class InjectorAddon:
    """Plays the timeline on every flow.

    Args:
        witness: begins and ends attempts.
        provider_of: the provider behind each of our listening ports.
        proxy: the connections behind the flows.
    """

    further_hooks: tuple[str, ...] = ()
    """Hooks of mitmproxy's that this one takes besides the usual."""
    name = "nextlayer"  # it takes that addon's place: everything here is HTTP/1.1, so there is nothing to guess

    def __init__(self, witness: Witness, provider_of: Mapping[int, str], proxy: Proxy) -> None:
        self._witness = witness
        self._provider_of = provider_of
        self._proxy = proxy
        self._open: dict[str, Exchange] = {}
        self._stopping = False

    def next_layer(self, nextlayer: NextLayer) -> None:
        """Every connection speaks HTTP."""
        nextlayer.layer = HttpLayer(nextlayer.context, HTTPMode.transparent)

    def requestheaders(self, flow: HTTPFlow) -> None:
        """Note when the request came: that moment decides which windows it falls into."""
        flow.metadata[_RECEIVED] = time.monotonic_ns()

    def request(self, flow: HTTPFlow) -> Awaitable[None] | None:
        """Decide about the request, now that its body has come."""
        request = flow.request
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in request.headers.fields}
        plan = self._witness.begin(
            self._provider(flow),
            request.method,
            request.path,
            headers=headers,
            body=request.raw_content or b"",
            received_ns=flow.metadata[_RECEIVED],
        )
        exchange = self._open[flow.id] = self._exchange(flow, plan)
        action = plan.action
        if isinstance(action, Hang | Close) or action.delay_s > 0:
            return self._later(exchange)
        self._act(exchange)
        return None

    def responseheaders(self, flow: HTTPFlow) -> None:
        """Change the head, and choose how the body goes on: streamed, filtered as a stream, or held back whole."""
        if (exchange := self._open.get(flow.id)) is not None:
            exchange.head()

    def response(self, flow: HTTPFlow) -> Awaitable[None] | None:
        """The response is complete."""
        exchange = self._open.get(flow.id)
        if exchange is not None:
            if exchange.is_pumped:
                return self._drain(exchange)
            self._finish(exchange)
        return None

    def error(self, flow: HTTPFlow) -> None:
        """The flow ended before its response was complete."""
        exchange = self._open.pop(flow.id, None)
        if exchange is None:
            return  # a request that broke off before its body was whole never became an attempt
        exchange.release()
        record = exchange.plan.record
        if flow.server_conn.timestamp_tcp_setup is None:
            record.reached = False  # it was to be forwarded, but nobody was there, or the router left before
        if self._has_left(flow):
            exchange.end("run" if self._stopping else "router")
        elif self._stopping:
            exchange.end("run")
        else:
            if record.status is None:
                record.head(502, time.monotonic_ns())  # what mitmproxy tells the router now
            exchange.end("provider")

    def client_disconnected(self, client: Client) -> None:
        """Nobody waits any more for what is held back."""
        for exchange in self._open.values():
            if exchange.flow.client_conn is client:
                exchange.release()

    def break_off(self, provider: str, entry: str) -> None:
        """An entry has shut the provider's door: write down what is under way as ended by it."""
        for exchange in list(self._open.values()):
            if exchange.plan.record.provider == provider:
                self._witness.break_off(exchange.plan, entry)
                exchange.end("fault")

    def stop(self) -> None:
        """The run is over: let go of everything that is held, and write down what is still open."""
        self._stopping = True
        for exchange in list(self._open.values()):
            exchange.release()
            exchange.end("run")

    def _provider(self, flow: HTTPFlow) -> str:
        return self._provider_of[flow.client_conn.sockname[1]]

    def _exchange(self, flow: HTTPFlow, plan: Plan) -> Exchange:
        return Exchange(flow, plan, self._witness, self._proxy)

    def _has_left(self, flow: HTTPFlow) -> bool:
        """Whether the router waits no more."""
        return not flow.client_conn.state & ConnectionState.CAN_READ

    async def _drain(self, exchange: Exchange) -> None:
        if await exchange.pumped():
            self._finish(exchange)
        else:
            self._open.pop(exchange.flow.id, None)
            exchange.end("router")

    def _finish(self, exchange: Exchange) -> None:
        self._open.pop(exchange.flow.id, None)
        exchange.whole()
        exchange.end("complete")

    async def _later(self, exchange: Exchange) -> None:
        action = exchange.plan.action
        if isinstance(action, Hang):
            await exchange.wait(None)
        elif action.delay_s > 0 and not await exchange.wait(action.delay_s):
            return
        elif isinstance(action, Close):
            await exchange.hang_up(action)
        else:
            self._act(exchange)

    def _act(self, exchange: Exchange) -> None:
        match exchange.plan.action:
            case Forward():
                exchange.forward()
            case Respond() as action:
                exchange.respond(action)
