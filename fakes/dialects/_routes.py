"""Which operation a method and path name, and how a dialect reads and writes it: what a new endpoint adds to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from .base import Answer, Ask, Event, Headers, Reply


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
