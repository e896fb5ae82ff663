"""Replays recorded exchanges in front of a fake: same request, same response, at the pace at which it once came.

The nth request of a kind gets the nth recording of it, and the last recording is repeated. What was never recorded goes
to the fake, or is refused if replay is strict. A replayed request doesn't reach the fake, so it is not billed.
"""

from __future__ import annotations

import asyncio
import difflib
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from .caller import Message, Receive, Watch
from .recording import Exchange, Identity

if TYPE_CHECKING:
    from .app import ASGIApp, Scope
    from .dialects.base import Dialect, Reply
    from .exchange import Send

SPEED_MAX: Final = 1_000.0
"""Largest factor of speed."""
STRICT_KINDS: Final = ("unknown_url", "model_not_found", "bad_request")
"""Failures in whose words a strict replay refuses, the first that a vendor has room for a message in."""
BODILESS: Final = frozenset({204, 304})
"""Statuses whose responses have no body, and no length."""
FIELDS_SHOWN_MAX: Final = 6
"""Fields of a body that are named as different."""
LETTERS_SHOWN_MAX: Final = 100
"""Letters of a path, a query or a field's name that are compared and shown."""


class Replay:
    """Recorded exchanges of all providers.

    Args:
        exchanges: What was recorded.
        speed: How many times as fast as recorded; 0 for at once.
        strict: Whether what was never recorded is refused, rather than left to the fake.
    """

    def __init__(self, exchanges: Iterable[Exchange], *, speed: float = 1.0, strict: bool = False) -> None:
        if speed != 0 and not 1 / SPEED_MAX <= speed <= SPEED_MAX:
            raise ValueError(f"a speed is 0, or from {1 / SPEED_MAX} to {SPEED_MAX}, got {speed!r}")
        self._pace = 0.0 if speed == 0 else 1 / speed / 1000  # seconds for a recorded millisecond
        self.strict = strict
        self._recorded: defaultdict[str, defaultdict[Any, list[Exchange]]] = defaultdict(lambda: defaultdict(list))
        for exchange in sorted(exchanges, key=lambda each: each.number):
            self._recorded[exchange.provider][exchange.request.key].append(exchange)
        self._played: Counter[tuple[str, Any]] = Counter()

    @property
    def providers(self) -> Mapping[str, int]:
        """The providers that exchanges were recorded of, and how many of each."""
        return {name: sum(map(len, kinds.values())) for name, kinds in self._recorded.items()}

    def find(self, provider: str, request: Identity) -> Exchange | None:
        """The next recording of `request`, None if there is none at all."""
        recorded = self._recorded[provider].get(request.key) if provider in self._recorded else None
        if recorded is None:
            return None
        self._played[provider, request.key] += 1
        return recorded[min(self._played[provider, request.key], len(recorded)) - 1]

    def explain(self, provider: str, request: Identity) -> str:
        """Why there is no recording of `request`: the nearest one, and in what it differs."""
        asked = f"{request.method} {request.path[:LETTERS_SHOWN_MAX]}"
        if provider not in self._recorded:
            return f"nothing was recorded of {provider}, so {asked} has no recording"
        nearest = max(
            (each[0] for each in self._recorded[provider].values()), key=lambda each: _likeness(each, request)
        )
        return f"no recording of {asked}: the nearest is number {nearest.number}, which {_difference(nearest, request)}"

    def wrap(
        self, app: ASGIApp, provider: str, dialect: Dialect, stands: Callable[[Scope], bool] | None = None
    ) -> ASGIApp:
        """`app`, the fake called `provider`, behind what was recorded of it.

        Args:
            app: Where requests go that were never recorded.
            provider: Its name in recordings.
            dialect: In whose words a strict replay refuses.
            stands: Whether a request's credential is in good standing; if not, the fake refuses it.
        """

        async def replaying(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http" or (stands is not None and not stands(scope)):
                await app(scope, receive, send)
                return
            began_s = time.monotonic()
            read = await _read(receive, dialect.body_bytes_max)
            if read is None:  # it left before its request was whole
                return
            body, messages = read
            again = _again(messages, receive)
            if body is None:  # larger than the vendor takes
                await app(scope, again, send)
                return
            raw_path = scope.get("raw_path") or scope["path"].encode("latin-1", "replace")
            request = Identity.of(scope["method"], raw_path, scope["query_string"], body)
            exchange = self.find(provider, request)
            if exchange is not None:
                await self._play(exchange, began_s, receive, send)
            elif self.strict:
                await _refuse(dialect, self.explain(provider, request), send)
            else:
                await app(scope, again, send)

        return replaying

    async def _play(self, exchange: Exchange, began_s: float, receive: Receive, send: Send) -> None:
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in exchange.headers]
        start: Message = {"type": "http.response.start", "status": exchange.status, "headers": headers}
        if exchange.status not in BODILESS and not _streams(exchange.headers):
            length = sum(len(data) for _, data in exchange.chunks)
            headers.append((b"content-length", str(length).encode()))
        watch = Watch(receive)
        try:
            if not await self._due(exchange.head_ms, began_s, watch):
                return
            await send(start)
            for at_ms, data in exchange.chunks:
                if not await self._due(at_ms, began_s, watch):
                    return
                await send({"type": "http.response.body", "body": data, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            watch.end()

    async def _due(self, at_ms: float, began_s: float, watch: Watch) -> bool:
        """Wait until a recorded moment has come; False as soon as the caller is gone."""
        due_s = began_s + at_ms * self._pace
        if due_s > time.monotonic():
            return await watch.until(due_s)
        await asyncio.sleep(0)  # whoever has left is noticed between two pieces
        return not watch.gone


async def _read(receive: Receive, bytes_max: int) -> tuple[bytes | None, list[Message]] | None:
    """The body and the messages it came in; no body if it is too large, None if the caller left."""
    messages: list[Message] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        messages.append(message)
        size += len(message.get("body", b""))
        if size > bytes_max:
            return None, messages
        if not message.get("more_body", False):
            return b"".join(each.get("body", b"") for each in messages), messages


def _again(messages: list[Message], receive: Receive) -> Receive:
    """A `receive` that begins with what was read already."""
    waiting = list(reversed(messages))

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again


async def _refuse(dialect: Dialect, message: str, send: Send) -> None:
    reply = _refusal(dialect, message)
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in reply.headers]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


def _refusal(dialect: Dialect, message: str) -> Reply:
    replies = [
        dialect.failure(kind, {"message": message}, id_seed=1) for kind in STRICT_KINDS if kind in dialect.failures
    ]
    opening = message[:20].encode()
    return next((reply for reply in replies if opening in reply.body), replies[0])


def _streams(headers: Iterable[tuple[str, str]]) -> bool:
    return any(name == "content-type" and "stream" in value for name, value in headers)


def _path_likeness(one: str, other: str) -> float:
    matcher = difflib.SequenceMatcher(None, one[:LETTERS_SHOWN_MAX], other[:LETTERS_SHOWN_MAX], autojunk=False)
    return matcher.ratio()


def _likeness(exchange: Exchange, request: Identity) -> tuple[float, ...]:
    recorded = exchange.request
    shared = set(recorded.fields.items()) & set(request.fields.items())
    return (
        recorded.method == request.method,
        recorded.query == request.query,
        len(shared),
        -len(recorded.fields.keys() ^ request.fields.keys()),
    )


def _difference(exchange: Exchange, request: Identity) -> str:
    recorded = exchange.request
    if (recorded.method, recorded.path) != (request.method, request.path):
        return f"is {recorded.method} {recorded.path[:LETTERS_SHOWN_MAX]}"
    if recorded.query != request.query:
        return f"has the query {recorded.query[:LETTERS_SHOWN_MAX]!r}"
    names = recorded.fields.keys() | request.fields.keys()
    different = sorted(
        name[:LETTERS_SHOWN_MAX] for name in names if recorded.fields.get(name) != request.fields.get(name)
    )
    if not different:
        return "has another body"
    more = ", …" if len(different) > FIELDS_SHOWN_MAX else ""
    return f"differs in {', '.join(different[:FIELDS_SHOWN_MAX])}{more}"
