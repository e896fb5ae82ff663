"""One attempt that nothing bites, on its way through the inline host: counted, and otherwise left as it is."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Coroutine, MutableMapping
from typing import TYPE_CHECKING, Any, Final

from ..fakes.dialects.base import Reply
from ..fakes.http_request import WHOLE
from .faults.plan import ENTRY_HEADER

if TYPE_CHECKING:
    from ..fakes.dialects.base import Headers
    from ..fakes.http_connection import Begin
    from .faults.plan import Plan
    from .inline_exchange import Message, Receive, Send
    from .inline_senders import InlineSender

_ENTRY: Final = ENTRY_HEADER.encode()
_WHOLE: Final[dict[str, Any]] = {WHOLE: {}}
_NOTHING: Final[dict[str, Any]] = {}


class Relay:
    """An attempt as it goes by."""

    __slots__ = ("_complete", "_given", "_gone", "_receive", "_send", "ended", "plan")

    def __init__(self, plan: Plan, receive: Receive, send: Send) -> None:
        self.plan = plan
        self.ended = False
        self._receive = receive
        self._send = send
        self._given: bytes | None = None  # the body, until the fake has asked for it
        self._complete = False
        self._gone = False

    @property
    def outcome(self) -> str | None:
        """How the attempt ended, as far as that is settled: complete or router."""
        return "complete" if self._complete else "router" if self._gone else None

    def begin(
        self, begin: Begin, scope: MutableMapping[str, Any], sender: InlineSender, body: bytes
    ) -> Reply | Coroutine[Any, Any, None]:
        """What the fake answers, which is over then; or what will answer."""
        record = self.plan.record
        record.reached = True
        extensions = _WHOLE if WHOLE in scope.get("extensions", ()) else _NOTHING
        self._given = body
        begun = begin(sender.inner_scope(scope, self.plan, body, extensions), self._hear, self._pass)
        if not isinstance(begun, Reply):
            return begun
        headers = self._whole(begun.status, begun.headers, begun.body)
        return begun if headers is begun.headers else Reply(begun.status, headers, begun.body)

    def _whole(self, status: int, headers: Headers, body: bytes) -> Headers:
        """Note a response in one piece; its headers as the router shall see them."""
        record = self.plan.record
        record.head(status, time.monotonic_ns())
        if self.plan.hears and ENTRY_HEADER in dict(headers):  # the only one of ours that a fake sets
            self.plan.hear(headers)
            headers = [field for field in headers if field[0] != ENTRY_HEADER]
        record.deliver(body)
        self._complete = True
        return headers

    async def _hear(self) -> Message:
        if self._given is not None:
            body, self._given = self._given, None
            return {"type": "http.request", "body": body, "more_body": False}
        while (message := await self._receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        return message

    def _pass(self, message: Message) -> Awaitable[None]:
        kind, record = message["type"], self.plan.record
        if kind == WHOLE:
            message["headers"] = self._whole(message["status"], message["headers"], message["body"])
        elif kind == "http.response.body":
            if not self._gone:
                record.deliver(message.get("body", b""))
                self._complete = not message.get("more_body", False)
        else:
            record.head(message["status"], time.monotonic_ns())
            headers = message["headers"]
            if self.plan.hears and _ENTRY in dict(headers):
                self.plan.hear((name.decode("latin-1"), value.decode("latin-1")) for name, value in headers)
                message["headers"] = [field for field in headers if field[0] != _ENTRY]
        return self._send(message)
