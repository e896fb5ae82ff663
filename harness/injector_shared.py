"""Requests that share a connection, as over HTTP/2: what ends one of them must leave the others alone.

So a fault that closes or resets the connection ends only its request's stream here, with RST_STREAM and the code
INTERNAL_ERROR; the router's cancelling of one is noticed while mitmproxy waits for a hook of ours, which it isn't
of itself.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from mitmproxy.proxy.layers.http import HttpLayer, HTTPMode, HttpStream, RequestProtocolError

from .injector_exchange import Exchange

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mitmproxy.http import HTTPFlow
    from mitmproxy.proxy.context import Context

    from .faults.base import Close
    from .faults.plan import Plan
    from .injector_master import LeanMaster
    from .witness import Witness


class WatchedLayer(HttpLayer):  # type: ignore[misc]  # mitmproxy is untyped here: it is optional
    """HTTP inside a tunnel that says which request the router gives up."""

    def __init__(self, context: Context, given_up: Callable[[HTTPFlow], None]) -> None:
        super().__init__(context, HTTPMode.transparent)
        self._given_up = given_up

    def event_to_child(self, child: Any, event: Any) -> Iterator[Any]:
        """Hand an event on, and listen."""
        if isinstance(event, RequestProtocolError) and isinstance(child, HttpStream) and hasattr(child, "flow"):
            self._given_up(child.flow)
        yield from super().event_to_child(child, event)


class StreamExchange(Exchange):
    """An exchange whose connection belongs to others, too."""

    __slots__ = ("_breaking", "_master")

    def __init__(self, flow: HTTPFlow, plan: Plan, witness: Witness, master: LeanMaster) -> None:
        super().__init__(flow, plan, witness, master)
        self._master = master
        self._breaking: asyncio.Task[None] | None = None

    async def hang_up(self, action: Close) -> None:  # noqa: ARG002 - there is one way to end a stream
        """Reset the stream instead of an answer."""
        self.end("fault")
        if self.flow.killable:
            self.flow.kill()

    def cut(self) -> None:
        """Reset the stream after what was written to it."""
        self._breaking = asyncio.create_task(self._master.break_stream(self.flow))

    async def reset(self) -> None:
        """Reset the stream."""
        await self._master.break_stream(self.flow)
