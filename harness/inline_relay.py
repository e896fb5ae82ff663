"""One attempt that nothing bites, on its way through the inline host: counted, and otherwise left as it is."""

from __future__ import annotations

import time
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any, Final

from ..fakes.http_request import BODY, READ, WHOLE
from ..fakes.regions import CLIENT_HEADER
from .faults.plan import ATTEMPT_HEADER, ENTRY_HEADER

if TYPE_CHECKING:
    from .faults.plan import Plan
    from .inline_exchange import App, Message, Receive, Send

_ENTRY: Final = ENTRY_HEADER.encode()
_ATTEMPT: Final = ATTEMPT_HEADER.encode()
_CLIENT: Final = CLIENT_HEADER.encode()


def inner_scope(
    scope: MutableMapping[str, Any], plan: Plan, headers: dict[str, str], body: bytes, extensions: dict[str, Any]
) -> dict[str, Any]:
    """The scope for the fake: with the attempt's id, and with what is known of the request by now.

    Args:
        scope: As the server gave it. It tells the client; a router that names its own callers would be taken for them.
        plan: Of the attempt.
        headers: Those of the request, by name; they become the fake's.
        body: Of the request.
        extensions: What the fake may use of the server's.
    """
    attempt = plan.record.attempt
    headers.pop(CLIENT_HEADER, None)
    headers[ATTEMPT_HEADER] = attempt
    others = [field for field in scope["headers"] if field[0] != _CLIENT]
    inner = {**scope, "headers": [*others, (_ATTEMPT, attempt.encode())], "extensions": extensions, BODY: body}
    if plan.read is not None:
        inner[READ] = (headers, plan.read)
    return inner


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

    async def run(self, app: App, scope: MutableMapping[str, Any], headers: dict[str, str], body: bytes) -> str:
        """Let the fake answer; how the attempt ended."""
        self.plan.record.reached = True
        extensions: dict[str, Any] = {WHOLE: {}} if WHOLE in scope.get("extensions", ()) else {}
        self._given = body
        await app(inner_scope(scope, self.plan, headers, body, extensions), self._hear, self._pass)
        return self.outcome or "provider"

    async def _hear(self) -> Message:
        if self._given is not None:
            body, self._given = self._given, None
            return {"type": "http.request", "body": body, "more_body": False}
        while (message := await self._receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        return message

    async def _pass(self, message: Message) -> None:
        kind, record = message["type"], self.plan.record
        if kind == "http.response.body":
            if not self._gone:
                record.deliver(message.get("body", b""))
                self._complete = not message.get("more_body", False)
        elif kind == WHOLE:
            record.head(message["status"], time.monotonic_ns())
            headers = message["headers"]
            if ENTRY_HEADER in dict(headers):  # the only one of ours that a fake sets
                self.plan.hear(headers)
                message["headers"] = [field for field in headers if field[0] != ENTRY_HEADER]
            record.deliver(message["body"])
            self._complete = True
        else:
            record.head(message["status"], time.monotonic_ns())
            headers = message["headers"]
            if _ENTRY in dict(headers):
                self.plan.hear((name.decode("latin-1"), value.decode("latin-1")) for name, value in headers)
                message["headers"] = [field for field in headers if field[0] != _ENTRY]
        await self._send(message)
