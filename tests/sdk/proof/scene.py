"""A server that fails as it is told to, in the words of a dialect, whatever is asked of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from banstorm.fakes.compose import compose
from banstorm.fakes.dialects import find
from banstorm.fakes.dialects.base import Ask, Headers

STAGE = "/stage"
"""The path that a client's base URL begins with when it wants what is staged."""
TOKENS = 3
"""Tokens of a stream that reach the caller before it goes wrong."""


@dataclass(frozen=True)
class Scene:
    """What happens.

    `place` is "before" or "inside", and `kind` the failure there; or how a stream goes wrong without a word: it "stops"
    between two events, it is "torn" inside one, both with a proper end of the response, or the connection is "cut".
    """

    place: str
    kind: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


class Stage:
    """Plays one scene to every request, and remembers the requests."""

    def __init__(self) -> None:
        self.scene = Scene("stops")
        self.paths: list[str] = []

    @property
    def hits(self) -> int:
        """Requests so far."""
        return len(self.paths)

    def set(self, scene: Scene) -> None:
        """From now on `scene` is played, and requests count from zero."""
        self.scene = scene
        self.paths = []

    async def play(self, dialect_name: str, scope: Any, body: bytes, send: Any) -> None:
        """Answer one request, whose path begins with `STAGE`."""
        path = scope["path"].removeprefix(STAGE)
        self.paths.append(path)
        query = scope["query_string"].decode("latin-1")
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        dialect, scene = find(dialect_name), self.scene
        ask = dialect.read(scope["method"], f"{path}?{query}" if query else path, headers, body)
        if scene.place == "before":
            reply = dialect.failure(scene.kind, scene.details, id_seed=7, ask=ask)
            await _start(send, reply.status, reply.headers)
            await send({"type": "http.response.body", "body": reply.body})
            return
        status, head, said, following = beginning(dialect_name, ask)
        if scene.place == "inside":
            said += dialect.error_event(scene.kind, scene.details, id_seed=7, ask=ask, after=said)
        elif scene.place == "torn":
            said += following[: len(following) // 2]
        await _start(send, status, head)
        # what is promised and doesn't come is how a server sees to it that the connection is cut under its answer
        await send({"type": "http.response.body", "body": said, "more_body": scene.place == "cut"})


def beginning(dialect_name: str, ask: Ask) -> tuple[int, Headers, bytes, bytes]:
    """Status and headers of a stream, its bytes up to the third token, and the event after them."""
    dialect = find(dialect_name)
    answer = compose(ask, dialect_name, id_seed=1, created_s=1)
    said, tokens = [], 0
    events = dialect.stream(ask, answer)
    while tokens < TOKENS:
        event = next(events)
        said.append(event.data)
        tokens += event.token
    return *dialect.stream_head(ask, answer), b"".join(said), next(events).data


async def _start(send: Any, status: int, headers: Headers) -> None:
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    await send({"type": "http.response.start", "status": status, "headers": raw})
