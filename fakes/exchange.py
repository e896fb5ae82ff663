"""One request of a fake and its answer: sent when it is due, billed when it is over.

Tokens are sent at absolute times, so a late one doesn't delay those after it; what has become due meanwhile goes out
in one piece. A caller that goes away is noticed at once and billed for what was produced by then.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, Protocol

from .caller import Message, Receive, Watch
from .dialects.base import Reply
from .http_request import WHOLE

if TYPE_CHECKING:
    from .dialects.base import Answer, Ask, Dialect, Headers
    from .pace import TokenTimes

Send = Callable[[Message], Awaitable[None]]

PACED: Final = frozenset({"chat", "request"})
"""Operations that take time: an answer's, or that of a service without words, which is due with the first token."""
EARLY_S: Final = 0.001
"""A token may leave this much early, in seconds: event loops round their timers to milliseconds."""


class Fake(Protocol):
    """What an exchange needs of the fake it belongs to."""

    def limits(self, credential: str | None, ask: Ask, headers: Headers) -> Headers:
        """`headers` with the figures of the credential's quota, if it has one."""
        ...

    def settle(
        self, attempt: str | None, credential: str | None, ask: Ask | None, produced: int, *, completed: bool
    ) -> None:
        """Bill a request."""
        ...


class Exchange:
    """One request and its answer."""

    __slots__ = (
        "_ask",
        "_fake",
        "_produced",
        "_send",
        "_settled",
        "attempt",
        "began_s",
        "credential",
        "receive",
        "started",
        "whole",
    )

    def __init__(self, fake: Fake, receive: Receive, send: Send, *, whole: bool = False) -> None:
        self._fake = fake
        self.receive = receive
        self._send = send
        self._ask: Ask | None = None
        self._produced = 0
        self._settled = False
        self.whole = whole  # a response may be handed over in one piece
        self.attempt: str | None = None
        self.credential: str | None = None
        self.began_s = time.monotonic()
        self.started = False

    def settle(self, *, completed: bool) -> None:
        """Bill the request, the first time this is called."""
        if not self._settled:
            self._settled = True
            self._fake.settle(self.attempt, self.credential, self._ask, self._produced, completed=completed)

    def send_whole(self, reply: Reply) -> Awaitable[None]:
        """Send a response at once."""
        self.started = True
        return send_whole(reply, self._send, whole=self.whole)

    def due_s(self, ask: Ask, answer: Answer, times: TokenTimes) -> float:
        """When an answer in one piece is due: with its last token, of `time.monotonic`; 0 if it is by now."""
        self._ask = ask
        if ask.operation not in PACED:
            return 0.0
        due_s = self.began_s + times.due(len(answer.pieces) * ask.choices)
        return due_s if due_s - time.monotonic() > EARLY_S else 0.0

    async def hand_over_at(
        self, due_s: float, reply: Reply, ask: Ask, answer: Answer, times: TokenTimes
    ) -> Reply | None:
        """Wait for an answer in one piece and hand it over; None if the caller goes away."""
        total = len(answer.pieces) * ask.choices
        watch = Watch(self.receive)
        there = False
        try:
            there = await watch.until(due_s)
        finally:
            watch.end()
            if not there:  # or cancelled
                self._produced = times.produced(time.monotonic() - self.began_s, total)
        return self.hand_over(reply, ask, answer) if there else None

    def hand_over(self, reply: Reply, ask: Ask, answer: Answer) -> Reply:
        """Bill an answer in one piece that is due; `reply` with what is left of the limits now."""
        self._produced = len(answer.pieces) * ask.choices
        self.settle(completed=True)
        headers = self._fake.limits(self.credential, ask, reply.headers)
        return reply if headers is reply.headers else Reply(reply.status, headers, reply.body)

    async def send_stream(self, dialect: Dialect, ask: Ask, answer: Answer, times: TokenTimes) -> None:
        """Send an answer token by token; what is no token leaves with its neighbour."""
        self._ask = ask
        status, headers = dialect.stream_head(ask, answer)
        headers = self._fake.limits(self.credential, ask, headers)
        start: Message = {
            "type": "http.response.start",
            "status": status,
            "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers],
        }
        watch = Watch(self.receive)
        waiting: list[bytes] = []
        try:
            for event in dialect.stream(ask, answer):
                if event.token or not self._produced:
                    due_s = self.began_s + times.due(self._produced + 1)
                    if due_s - time.monotonic() > EARLY_S:
                        if self.started and waiting:
                            await self._send(
                                {"type": "http.response.body", "body": b"".join(waiting), "more_body": True}
                            )
                            waiting.clear()
                        if not await watch.until(due_s):
                            return
                    if not self.started:
                        self.started = True
                        await self._send(start)
                waiting.append(event.data)
                self._produced += event.token
            self.settle(completed=True)
            await self._send({"type": "http.response.body", "body": b"".join(waiting)})
        finally:
            watch.end()


def send_whole(reply: Reply, send: Send, *, whole: bool) -> Awaitable[None]:
    """Send a response at once, in one piece where the server takes it so."""
    if whole:
        return send({"type": WHOLE, "status": reply.status, "headers": reply.headers, "body": reply.body})
    return _send_parts(reply, send)


async def _send_parts(reply: Reply, send: Send) -> None:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in reply.headers]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})
