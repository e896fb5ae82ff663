"""Who asks, by the head of a request: read once for all requests that have the same head."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import TYPE_CHECKING, Any, Final

from .http_heads import HEAD, HEADS_MAX, Head
from .http_request import READ

if TYPE_CHECKING:
    from .dialects.base import Ask, Dialect

ATTEMPT_HEADER: Final = "x-banstorm-attempt"
"""Request header in which an injector names the attempt."""


class Caller:
    """What the head of a request says. Those that have one in common are one object, which is told by its identity.

    Attributes:
        headers: By name, in lower case.
        path: The request line's, with its query.
        attempt: The attempt that an injector named.
        credential: What it came with, if anything.
    """

    __slots__ = ("_dialect", "_method", "_reader", "attempt", "credential", "headers", "path")

    def __init__(self, dialect: Dialect, method: str, path: str, headers: dict[str, str]) -> None:
        self._dialect = dialect
        self._method = method
        self._reader: Callable[[bytes], Ask] | None = None
        self.headers = headers
        self.path = path
        self.attempt = headers.get(ATTEMPT_HEADER)
        self.credential = dialect.credential(headers, path)

    def read(self, body: bytes) -> Ask:
        """What the request with this body asks for.

        Raises:
            RequestRefused: when the vendor would refuse it.
        """
        if self._reader is None:
            self._reader = self._dialect.reader(self._method, self.path, self.headers)
        return self._reader(body)


class Callers:
    """The latest callers of a fake that speaks `dialect`."""

    __slots__ = ("_dialect", "_known")

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._known: dict[Head, Caller] = {}

    def of(self, scope: MutableMapping[str, Any]) -> tuple[Caller, str | None, bool]:
        """Who asks, by which attempt, and whether another request may have the very same head."""
        head: Head | None = scope.get(HEAD)
        if head is None or head.headers is not scope["headers"]:  # somebody in front has changed them
            given = scope.get(READ)
            if given is not None:
                return given[0], given[2], False
            headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
            fresh = Caller(self._dialect, scope["method"], _path(scope), headers)
            return fresh, fresh.attempt, False
        caller = self._known.get(head)
        if caller is None:
            if len(self._known) >= HEADS_MAX:
                self._known.clear()
            caller = self._known[head] = Caller(self._dialect, scope["method"], _path(scope), head.texts)
        return caller, caller.attempt, True


def _path(scope: MutableMapping[str, Any]) -> str:
    query = scope["query_string"]
    path: str = scope["path"]
    return f"{path}?{query.decode('latin-1')}" if query else path
