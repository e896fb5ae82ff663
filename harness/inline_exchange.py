"""One attempt inside the inline host: an ASGI exchange, the plan for it, and how it ended."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from ..fakes.http_request import RESET
from .faults.base import Close, Cut, End, Forward, Hang, Pause, Reset, Respond, Stall
from .faults.plan import OWN_HEADERS

if TYPE_CHECKING:
    from .faults.base import Step
    from .faults.plan import Body, Plan
    from .inline_senders import InlineSender

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

BODY_BYTES_MAX: Final = 64 * 1024 * 1024
"""Largest plain response body that is held back to be changed, in bytes; a larger one ends the connection."""
_OWN: Final = OWN_HEADERS.encode()


class Exchange:
    """One attempt on its way through the middleware."""

    def __init__(self, app: App, plan: Plan, receive: Receive, send: Send) -> None:
        self.plan = plan
        self.ended = False
        self._app = app
        self._receive = receive
        self._send = send
        self._body: Body | None = None
        self._held: list[bytes] = []  # a plain body that is to be changed
        self._held_head: tuple[int, list[tuple[bytes, bytes]]] | None = None
        self._held_bytes = 0
        self._complete = False
        self._ended_by: str | None = None
        self._done = asyncio.Event()  # nothing more is to be said, whatever the app does
        self._over = asyncio.Event()  # the app need not go on: done, or the router has left
        self._beating: asyncio.Task[None] | None = None
        self._stalled = False
        self._gone = False

    @property
    def outcome(self) -> str | None:
        """How the attempt ended, as far as that is settled: fault, complete, router."""
        if self._ended_by is not None:
            return self._ended_by
        if self._complete:
            return "complete"
        return "router" if self._gone else None

    async def run(self, scope: MutableMapping[str, Any], sender: InlineSender, body: bytes) -> str:
        """Carry the plan out; how the attempt ended."""
        action = self.plan.action
        waits = isinstance(action, Hang) or action.delay_s > 0
        if waits and await self._leaves(None if isinstance(action, Hang) else action.delay_s):
            return "router"
        match action:
            case Respond():
                await self._respond(action)
            case Close():
                # without a word the server closes the connection, as it does for an app that ends too soon
                self._ended_by = "fault"
                if action.reset:
                    await self._send({"type": RESET})
                return "fault"
            case Forward():
                return await self._forward(scope, sender, body)
        return "complete"

    async def _leaves(self, seconds: float | None) -> bool:
        """Wait for so long (None: for ever); whether the router left meanwhile."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._listen(), seconds)
        return self._gone

    async def _respond(self, action: Respond) -> None:
        reply, record = action.reply, self.plan.record
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in reply.headers]
        if not any(name == b"content-length" for name, _ in headers):
            headers.append((b"content-length", str(len(reply.body)).encode()))
        record.head(reply.status, time.monotonic_ns())
        await self._send({"type": "http.response.start", "status": reply.status, "headers": headers})
        record.deliver(reply.body)
        await self._send({"type": "http.response.body", "body": reply.body})

    async def _forward(self, scope: MutableMapping[str, Any], sender: InlineSender, body: bytes) -> str:
        self.plan.record.reached = True
        # no extension of the server's: what the app sends passes through here, message by message
        inner = sender.inner_scope(scope, self.plan, body, {})
        given = False

        async def receive() -> Message:
            nonlocal given
            if not given:
                given = True
                return {"type": "http.request", "body": body, "more_body": False}
            return await self._hear()

        await self._beside(self._app(inner, receive, self._filter))
        return self.outcome or "provider"

    async def _beside(self, running: Awaitable[None]) -> None:
        """Run the app beside us: once a stream is cut the connection must close at once, whatever the app does."""
        app = asyncio.ensure_future(running)
        listening = asyncio.ensure_future(self._listen())
        done = asyncio.ensure_future(self._done.wait())
        try:
            await asyncio.wait([app, done], return_when=asyncio.FIRST_COMPLETED)
            if self._stalled:
                await self._over.wait()
        finally:
            await _cancel([done, listening, *([self._beating] if self._beating else [])])
        if self._done.is_set():
            _finish_later(app)
        else:
            await app

    async def _listen(self) -> Message:
        """Wait for the router to leave."""
        while (message := await self._receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        self._over.set()
        return message

    async def _hear(self) -> Message:
        """What the app hears while it answers: nothing until the router leaves, or until we cut it off."""
        await self._over.wait()
        return {"type": "http.disconnect"}

    def _end_here(self, ended_by: str = "fault") -> None:
        self._ended_by = ended_by
        self._done.set()
        self._over.set()

    async def _pass(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.plan.record.head(message["status"], time.monotonic_ns())
            kept = [(name, value) for name, value in message["headers"] if not name.lower().startswith(_OWN)]
            if len(kept) < len(message["headers"]):
                own = message["headers"]
                self.plan.hear((name.decode("latin-1"), value.decode("latin-1")) for name, value in own)
            await self._send({**message, "headers": kept})
            return
        if not self._gone:
            self.plan.record.deliver(message.get("body", b""))
            self._complete = not message.get("more_body", False)
        await self._send(message)

    async def _filter(self, message: Message) -> None:
        if self._done.is_set() or self._stalled:
            return
        if message["type"] == "http.response.start":
            await self._head(message)
            return
        data, more = message.get("body", b""), message.get("more_body", False)
        if self._body is None:
            await self._pass(message)
        elif self._body.streamed:
            steps = self._body.feed(data) if data else []
            await self._play(steps if more or self._body.over else [*steps, *self._body.close()], more=more)
        else:
            await self._hold(self._body, data, more=more)

    async def _head(self, message: Message) -> None:
        seen = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in message["headers"]]
        status, seen, self._body = self.plan.respond_head(message["status"], seen)
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in seen]
        if self._body is not None and not self._body.streamed:
            self._held_head = (status, headers)
            return
        self.plan.record.head(status, time.monotonic_ns())
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def _hold(self, body: Body, data: bytes, *, more: bool) -> None:
        self._held.append(data)
        self._held_bytes += len(data)
        if self._held_bytes > BODY_BYTES_MAX:
            self._end_here()
        if more or self._done.is_set() or self._held_head is None:
            return
        steps = [*body.feed(b"".join(self._held)), *body.close()]
        changed = b"".join(step for step in steps if isinstance(step, bytes))
        status, headers = self._held_head
        headers.append((b"content-length", str(len(changed)).encode()))
        self.plan.record.head(status, time.monotonic_ns())
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._play(steps, more=False)

    async def _play(self, steps: Iterable[Step], *, more: bool) -> None:
        for step in steps:
            if isinstance(step, bytes):
                await self._say(step)
            elif isinstance(step, Pause):
                if await self._waits(step.seconds):
                    return
            else:
                await self._last(step)
                return
        if not more:
            await self._well_ended()

    async def _last(self, step: Cut | Reset | Stall | End) -> None:
        """Play a step that nothing follows."""
        match step:
            case Stall():
                self._stalled = True
                if step.beat:
                    self._beating = asyncio.create_task(self._beat(step))
            case End():
                await self._well_ended()
                self._end_here("router" if self._gone else "complete")
            case Reset():
                await self._send({"type": RESET})
                self._end_here()
            case Cut():
                self._end_here()

    async def _beat(self, stall: Stall) -> None:
        while True:
            await self._say(stall.beat)
            await asyncio.sleep(stall.every_s)

    async def _say(self, data: bytes) -> None:
        self.plan.record.deliver(data)
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def _waits(self, seconds: float) -> bool:
        """Wait for so long; whether the router left meanwhile."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._over.wait(), seconds)
            return True
        return False

    async def _well_ended(self) -> None:
        self._complete = not self._gone
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})


_finishing: set[asyncio.Future[None]] = set()


def _finish_later(app: asyncio.Future[None]) -> None:
    """Keep an app that was cut off until it has noticed: it still has to write its bill."""
    _finishing.add(app)
    app.add_done_callback(_finishing.discard)


async def _cancel(tasks: Iterable[asyncio.Future[Any]]) -> None:
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
