"""Which operation a method and path name, and how a dialect reads and writes it: what a new endpoint adds to."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NoReturn
from urllib.parse import parse_qsl, unquote

from ._sse import map_data
from .base import Answer, Ask, Dialect, Event, Headers, Reply, RequestRefused


@dataclass(slots=True)  # not frozen: it is made for every request
class Request:
    """A request as a route's reader gets it. `name` is what stood in the path's blank, "" if it has none."""

    path: str
    name: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Route:
    """One operation of a vendor's API at one path.

    A path may have one blank, ``/v1/models/{}``, that takes one character or more, slashes included. `read` raises
    `RequestRefused` as the vendor would. `stream` is None where nothing streams. Where two paths have one operation,
    `api` (as the `Ask` has it) tells them apart.
    """

    operation: str
    method: str
    path: str
    read: Callable[[Request], Ask]
    write: Callable[[Ask, Answer], Reply]
    stream_head: Callable[[Ask, Answer], tuple[int, Headers]] | None = None
    stream: Callable[[Ask, Answer], Iterator[Event]] | None = None
    api: str = ""


class Routes:
    """A dialect's routes, found by path and by operation. A path without a blank goes before one with."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._whole: dict[str, list[Route]] = {}
        self._blank: list[tuple[re.Pattern[str], Route]] = []
        for route in routes:
            if "{}" in route.path:
                before, after = map(re.escape, route.path.split("{}"))
                self._blank.append((re.compile(f"{before}(.+){after}"), route))
            else:
                self._whole.setdefault(route.path, []).append(route)
        self.paths = tuple(dict.fromkeys(route.path for route in routes))
        """Every path, ``{}`` for its blank."""
        self._only = {(route.method, route.path): route for route in routes if "{}" not in route.path}
        self._operations = {(route.operation, route.api): route for route in routes}

    def match(self, path: str) -> list[tuple[Route, str]]:
        """The routes of `path` (without its query), one a method, each with what stood in its blank, unquoted."""
        if whole := self._whole.get(path):
            return [(route, "") for route in whole]
        found = ((pattern.fullmatch(path), route) for pattern, route in self._blank)
        return [(route, unquote(match[1])) for match, route in found if match is not None]

    def exactly(self, method: str, path: str) -> Route | None:
        """The route of a method and a path without a blank, if there is one."""
        return self._only.get((method, path))

    def of(self, ask: Ask) -> Route:
        """The route that `ask` came by."""
        return self._operations[ask.operation, ask.api]


class RoutedDialect(Dialect):
    """A dialect whose operations are `routes`, and whose streams are server-sent events."""

    routes: ClassVar[Routes]

    def credential(self, headers: Mapping[str, str], path: str) -> str | None:  # noqa: ARG002 - some vendors need it
        """The bearer token."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        return token.strip() or None if scheme.lower() == "bearer" else None

    def refuse(self, kind: str, **details: str) -> NoReturn:
        """Refuse a request in the vendor's words; the same refusal gets the same request id.

        Raises:
            RequestRefused: always.
        """
        raise RequestRefused(self.failure(kind, details, id_seed=zlib.crc32(repr(details).encode())))

    def read(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Ask:
        """Understand a request: first its path, then its method, then its credential, then its body."""
        return self.reader(method, path, headers)(body)

    def reader(self, method: str, path: str, headers: Mapping[str, str]) -> Callable[[bytes], Ask]:
        """What understands the bodies of requests with this head."""
        bare, _, query = path.partition("?")
        route, name = self.routes.exactly(method, bare), ""
        if route is None:
            route, name = self._search(method, bare)
        if self.credential(headers, path) is None:
            self.refuse("missing_key")
        pairs = dict(parse_qsl(query, keep_blank_values=True)) if query else {}
        understand = route.read
        return lambda body: understand(Request(bare, name, pairs, headers, body))

    def _search(self, method: str, bare: str) -> tuple[Route, str]:
        """The route of a method and path, and what stands in the path's blank."""
        matched = self.routes.match(bare)
        if not matched:
            self.refuse("unknown_url", method=method, path=bare)
        chosen = next((each for each in matched if each[0].method == method), None)
        if chosen is None:
            self.refuse("wrong_method", method=method, path=bare)
        return chosen

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
