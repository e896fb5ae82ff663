"""One attempt inside mitmproxy: a flow, the plan for it, and how it ended."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from mitmproxy.http import Headers, Response

from .faults.base import Pause, Respond
from .faults.plan import OWN_HEADERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from mitmproxy.http import HTTPFlow

    from .faults.plan import Body, Plan
    from .witness import Witness

_OWN: Final = OWN_HEADERS.encode()


class Exchange:
    """Carries out one plan on one flow.

    `cut` closes the router's connection once what was handed to mitmproxy before is written.
    """

    __slots__ = ("_body", "_cut", "_ended", "_gone", "_witness", "flow", "plan")

    def __init__(self, flow: HTTPFlow, plan: Plan, witness: Witness, cut: Callable[[HTTPFlow], None]) -> None:
        self.flow = flow
        self.plan = plan
        self._witness = witness
        self._cut = cut
        self._body: Body | None = None
        self._gone: asyncio.Event | None = None
        self._ended = False

    def forward(self) -> None:
        """Let mitmproxy ask the provider."""
        self.plan.record.reached = True
        self.flow.request.headers[OWN_HEADERS + "attempt"] = self.plan.record.attempt
        if not self.plan.untouched:
            self.flow.request.headers["accept-encoding"] = "identity"  # a filter reads the bytes

    def respond(self, action: Respond) -> None:
        """Answer in the provider's place."""
        fields = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in action.reply.headers]
        self.flow.response = Response.make(action.reply.status, action.reply.body, Headers(fields))

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
            self._stop_if_cut()
            return
        content = response.raw_content or b""
        if self._body is not None:
            steps = [*self._body.feed(content), *self._body.close()]
            content = b"".join(step for step in steps if isinstance(step, bytes))
            response.raw_content = content
            response.headers["content-length"] = str(len(content))
            record.head(response.status_code, time.monotonic_ns())
            self._stop_if_cut()
        record.deliver(content)

    def _stop_if_cut(self) -> None:
        # The provider's last bytes may come together with those that the cut falls into, so that we are here before
        # the connection is closed: a killed flow is not given its proper ending.
        if self._body is not None and self._body.cut and self.flow.killable:
            self.flow.kill()

    def end(self, ended_by: str) -> None:
        """Write the attempt down, once."""
        if self._ended:
            return
        self._ended = True
        cut = self._body is not None and self._body.cut
        self._witness.end(self.plan, "fault" if cut else ended_by)

    def _pass(self, data: bytes) -> bytes:
        self.plan.record.deliver(data)
        return data

    def _filter(self, data: bytes) -> list[bytes]:
        body = self._body
        if body is None or body.cut:
            return []
        steps = body.feed(data) if data else body.close()
        if any(isinstance(step, Pause) for step in steps):
            raise NotImplementedError("a pause inside a stream")
        passed = b"".join(step for step in steps if isinstance(step, bytes))
        if body.cut:
            self._cut(self.flow)
        if not passed:
            return []  # never an empty chunk: that would be the stream's proper ending
        self.plan.record.deliver(passed)
        return [passed]
