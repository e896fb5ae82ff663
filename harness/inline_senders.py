"""Whose requests come to the inline host: looked at once for all requests that have the same head."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any, Final

from ..fakes.callers import Caller
from ..fakes.http_heads import HEAD, HEADS_MAX
from ..fakes.http_request import BODY, READ
from ..fakes.regions import CLIENT_HEADER
from .faults.plan import ATTEMPT_HEADER
from .faults.sender import Sender

if TYPE_CHECKING:
    from ..fakes.dialects.base import Dialect
    from ..fakes.http_heads import Head
    from .faults.plan import Plan

_ATTEMPT: Final = ATTEMPT_HEADER.encode()
_CLIENT: Final = CLIENT_HEADER.encode()


class InlineSender(Sender):
    """A sender, and what the fake gets of it.

    The scope tells the client; a router that names its own callers would be taken for them. That an attempt has been
    counted is said by the header that would name it; which one it is stands beside.

    Args:
        dialect: The fake's.
        scope: Of the request.
        headers: Its headers by name.
    """

    __slots__ = ("_fields",)

    def __init__(self, dialect: Dialect, scope: MutableMapping[str, Any], headers: dict[str, str]) -> None:
        query = scope.get("query_string") or b""
        path = scope["path"] + ("?" + query.decode("latin-1") if query else "")
        method = scope["method"]
        passed = {name: value for name, value in headers.items() if name != CLIENT_HEADER} | {ATTEMPT_HEADER: ""}
        super().__init__(Caller(dialect, method, path, passed), method, path, headers)
        self._fields = tuple(field for field in scope["headers"] if field[0] != _CLIENT)

    def inner_scope(
        self, scope: MutableMapping[str, Any], plan: Plan, body: bytes, extensions: dict[str, Any]
    ) -> dict[str, Any]:
        """The scope for the fake: with the attempt's id, and with what is known of the request by now.

        Args:
            scope: As the server gave it.
            plan: Of the attempt.
            body: Of the request.
            extensions: What the fake may use of the server's.
        """
        attempt = plan.record.attempt
        inner = dict(scope)
        inner["headers"] = (*self._fields, (_ATTEMPT, attempt.encode()))
        inner["extensions"] = extensions
        inner[BODY] = body
        inner[READ] = (self.caller, plan.read, attempt)
        return inner


class Senders:
    """The latest senders to a fake that speaks `dialect`."""

    __slots__ = ("_dialect", "_known")

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._known: dict[Head, InlineSender] = {}

    def of(self, scope: MutableMapping[str, Any]) -> InlineSender:
        """Who sends the request with this scope."""
        head: Head | None = scope.get(HEAD)
        if head is None or head.headers is not scope["headers"]:
            headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
            return InlineSender(self._dialect, scope, headers)
        sender = self._known.get(head)
        if sender is None:
            if len(self._known) >= HEADS_MAX:
                self._known.clear()
            sender = self._known[head] = InlineSender(self._dialect, scope, head.texts)
        return sender
