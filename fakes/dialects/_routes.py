"""Which operation a method and path name, and how a dialect reads and writes it: what a new endpoint adds to."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NoReturn

from ._sse import map_data
from .base import Answer, Ask, Dialect, Event, Headers, Reply, RequestRefused


@dataclass(frozen=True, slots=True)
class Route:
    """One operation of a vendor's API at one path.

    A path that ends in a slash is a prefix. `read` gets the rest of the path behind a prefix ("" for a whole path),
    the headers and the body; it raises `RequestRefused` as the vendor would. `stream` is None where nothing streams.
    """

    operation: str
    method: str
    path: str
    read: Callable[[str, Mapping[str, str], bytes], Ask]
    write: Callable[[Ask, Answer], Reply]
    stream_head: Callable[[Ask, Answer], tuple[int, Headers]] | None = None
    stream: Callable[[Ask, Answer], Iterator[Event]] | None = None


class Routes:
    """A dialect's routes, found by path and by operation."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._whole = {route.path: route for route in routes if not route.path.endswith("/")}
        self._prefixes = [route for route in routes if route.path.endswith("/")]
        self._operations = {route.operation: route for route in routes}

    def match(self, path: str) -> tuple[Route, str] | None:
        """The route of `path`, and the rest of the path behind a prefix."""
        whole = self._whole.get(path)
        if whole is not None:
            return whole, ""
        for route in self._prefixes:
            if path.startswith(route.path) and len(path) > len(route.path):
                return route, path[len(route.path) :]
        return None

    def of(self, ask: Ask) -> Route:
        """The route that `ask` came by."""
        return self._operations[ask.operation]


class RoutedDialect(Dialect):
    """A dialect whose operations are `routes`, and whose streams are server-sent events."""

    routes: ClassVar[Routes]

    def refuse(self, kind: str, **details: str) -> NoReturn:
        """Refuse a request in the vendor's words; the same refusal gets the same request id.

        Raises:
            RequestRefused: always.
        """
        raise RequestRefused(self.failure(kind, details, id_seed=zlib.crc32(repr(details).encode())))

    def read(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Ask:
        """Understand a request: first its path, then its method, then its credential, then its body."""
        matched = self.routes.match(path)
        if matched is None:
            self.refuse("unknown_url", method=method, path=path)
        route, rest = matched
        if method != route.method:
            self.refuse("wrong_method", method=method, path=path)
        if self.credential(headers, path) is None:
            self.refuse("missing_key")
        return route.read(rest, headers, body)

    def write(self, ask: Ask, answer: Answer) -> Reply:
        """The answer as one body."""
        return self.routes.of(ask).write(ask, answer)

    def stream_head(self, ask: Ask, answer: Answer) -> tuple[int, Headers]:
        """Status and headers of a streamed answer."""
        head = self.routes.of(ask).stream_head
        if head is None:
            raise ValueError(f"{ask.operation!r} does not stream")
        return head(ask, answer)

    def stream(self, ask: Ask, answer: Answer) -> Iterator[Event]:
        """The answer as a stream of events."""
        stream = self.routes.of(ask).stream
        if stream is None:
            raise ValueError(f"{ask.operation!r} does not stream")
        return stream(ask, answer)

    def map_event(self, event: bytes, change: Callable[[Any], Any]) -> bytes:
        """`event` with its payload changed."""
        return map_data(event, change)
