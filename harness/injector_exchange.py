"""One attempt inside mitmproxy: a flow, the plan for it, and how it ended."""

from __future__ import annotations

import asyncio
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Protocol

from mitmproxy.http import Headers, Response

from ..fakes.regions import CLIENT_HEADER
from .faults.base import Close, Cut, Respond
from .faults.plan import ATTEMPT_HEADER, OWN_HEADERS
from .injector_pump import Pump

if TYPE_CHECKING:
    from mitmproxy.connection import Client
    from mitmproxy.http import HTTPFlow

    from .faults.plan import Body, Plan
    from .witness import Witness

_OWN: Final = OWN_HEADERS.encode()


def reason(status: int) -> str:
    """The reason phrase of a status as an HTTP/1.1 server writes it; mitmproxy knows none for 429."""
    return HTTPStatus(status).phrase if status in set(HTTPStatus) else ""


class Proxy(Protocol):
    """What an exchange needs of the proxy beside the flow."""

    def close_client(self, client: Client) -> None:
        """Close a router's connection after what was written to it."""

    async def reset_client(self, client: Client) -> None:
        """Reset a router's connection, once what was written to it has left."""

    async def write_body(self, flow: HTTPFlow, data: bytes) -> None:
        """Send some of the body of a response whose head was sent."""

    async def end_body(self, flow: HTTPFlow) -> None:
        """End such a body properly."""


class Exchange:
    """Carries out one plan on one flow."""

    __slots__ = ("_body", "_ended", "_gone", "_proxy", "_pump", "_well_ended", "_witness", "flow", "plan")

    def __init__(self, flow: HTTPFlow, plan: Plan, witness: Witness, proxy: Proxy) -> None:
        self.flow = flow
        self.plan = plan
        self._witness = witness
        self._proxy = proxy
        self._body: Body | None = None
        self._pump: Pump | None = None
        self._gone: asyncio.Event | None = None
        self._ended = False
        self._well_ended = False

    def forward(self) -> None:
        """Let mitmproxy ask the provider."""
        self.plan.record.reached = True
        self.flow.request.headers[ATTEMPT_HEADER] = self.plan.record.attempt
        if self.flow.client_conn.peername:  # or the provider would take every request for one of this machine's
            self.flow.request.headers[CLIENT_HEADER] = str(self.flow.client_conn.peername[0])
        if not self.plan.untouched:
            self.flow.request.headers["accept-encoding"] = "identity"  # a filter reads the bytes

    def respond(self, action: Respond) -> None:
        """Answer in the provider's place."""
        fields = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in action.reply.headers]
        self.flow.response = Response.make(action.reply.status, action.reply.body, Headers(fields))
        self.flow.response.reason = reason(action.reply.status)

    async def hang_up(self, action: Close) -> None:
        """Close the connection instead of an answer."""
        self.end("fault")
        if action.reset:
            await self._proxy.reset_client(self.flow.client_conn)
        if self.flow.killable:
            self.flow.kill()

    async def wait(self, seconds: float | None) -> bool:
        """Wait for so long (None: for ever); whether the router is still there and the run goes on."""
        self._gone = asyncio.Event()
        try:
            await asyncio.wait_for(self._gone.wait(), seconds)
        except TimeoutError:
            return True
        if self.flow.killable:
            self.flow.kill()
        return False

    def release(self) -> None:
        """End the waiting: the router has left, or the run is over."""
        if self._pump is not None:
            self._pump.stop()
        if self._gone is not None:
            self._gone.set()

    def head(self) -> None:
        """The response's head has come, from the provider or from us."""
        response, record = self.flow.response, self.plan.record
        if not record.reached:  # our own answer, which mitmproxy sends as it is
            record.head(response.status_code, time.monotonic_ns())
            return
        headers = response.headers
        if self.plan.untouched:
            if any(name[: len(_OWN)].lower() == _OWN for name, _ in headers.fields):
                self.plan.hear((name.decode("latin-1"), value.decode("latin-1")) for name, value in headers.fields)
                headers.fields = tuple(field for field in headers.fields if field[0][: len(_OWN)].lower() != _OWN)
            record.head(response.status_code, time.monotonic_ns())
            response.stream = self._pass
            return
        seen = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in headers.fields]
        status, seen, self._body = self.plan.respond_head(response.status_code, seen)
        if status != response.status_code:
            response.status_code = status
        if self._body is not None and self._body.streamed and not any(name == "transfer-encoding" for name, _ in seen):
            seen.append(("transfer-encoding", "chunked"))
        headers.fields = tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in seen)
        if self._body is None or self._body.streamed:
            record.head(status, time.monotonic_ns())
            response.stream = self._pass if self._body is None else self._filter

    def whole(self) -> None:
        """The response is complete; a body that was held back to be changed or was our own is delivered now."""
        response, record = self.flow.response, self.plan.record
        if response.stream:
            self._stop_if_over()
            return
        content = response.raw_content or b""
        if self._body is not None:
            steps = [*self._body.feed(content), *self._body.close()]
            content = b"".join(step for step in steps if isinstance(step, bytes))
            response.raw_content = content
            response.headers["content-length"] = str(len(content))
            record.head(response.status_code, time.monotonic_ns())
            self._stop_if_over()
        record.deliver(content)

    def _stop_if_over(self) -> None:
        # The provider's last bytes may come together with those that the last word falls into, so that we are here
        # before the connection is closed: a killed flow is not given its proper ending.
        if self._body is not None and self._body.over and self.flow.killable:
            self.flow.kill()

    @property
    def is_pumped(self) -> bool:
        """Whether a part of the stream is still being sent, past mitmproxy."""
        return self._pump is not None

    async def pumped(self) -> bool:
        """Wait for that part; whether all of it was sent."""
        return self._pump is None or await self._pump.finish()

    def end(self, ended_by: str) -> None:
        """Write the attempt down, once."""
        if self._ended:
            return
        self._ended = True
        if self._body is not None and self._body.cut:
            ended_by = "fault"
        elif self._well_ended:
            ended_by = "complete"
        self._witness.end(self.plan, ended_by)

    def _pass(self, data: bytes) -> bytes:
        self.plan.record.deliver(data)
        return data

    def _filter(self, data: bytes) -> list[bytes]:
        body = self._body
        if body is None or body.over:
            return []
        steps = body.feed(data) if data else body.close()
        if self._pump is None and any(not isinstance(step, bytes | Cut) for step in steps):
            self._pump = Pump(self)
        if self._pump is not None:
            self._pump.put(steps)
            return []
        passed = b"".join(step for step in steps if isinstance(step, bytes))
        if body.cut:
            # Later in this turn of the loop mitmproxy writes what is returned here; then it is our turn.
            asyncio.get_running_loop().call_soon(self.cut)
        if not passed:
            return []  # never an empty chunk: that would be the stream's proper ending
        self.plan.record.deliver(passed)
        return [passed]

    # what the pump says

    def cut(self) -> None:
        """Close the router's connection."""
        self._proxy.close_client(self.flow.client_conn)

    async def reset(self) -> None:
        """Reset the router's connection."""
        await self._proxy.reset_client(self.flow.client_conn)

    async def write(self, data: bytes) -> None:
        """Send some of the body to the router."""
        self.plan.record.deliver(data)
        await self._proxy.write_body(self.flow, data)

    async def end_body(self) -> None:
        """End the body properly."""
        self._well_ended = True
        await self._proxy.end_body(self.flow)
