"""What a front is: an API that callers speak, read into the router's own request and written from its answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson

from ..errors import RequestRejected, StreamInterrupted
from ..messages import Chunk, LLMRequest, LLMResponse


@dataclass(frozen=True, slots=True)
class Asked:
    """A caller's HTTP request.

    Attributes:
        method: HTTP method.
        path: Path as it was asked for, without the query.
        query: The query, without its question mark.
        headers: Headers as the server has them, names in lower case.
        body: The whole body.
        raw_path: The path as it stood in the request line, not decoded; empty if the server doesn't tell.
    """

    method: str = "POST"
    path: str = ""
    query: str = ""
    headers: Sequence[tuple[bytes, bytes]] = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)
    raw_path: bytes = b""

    def header(self, name: str) -> str | None:
        """A header's value; few are ever looked at, so they aren't decoded before."""
        wanted = name.encode("ascii")
        return next((value.decode("latin-1") for key, value in self.headers if key == wanted), None)


class Writer(Protocol):
    """Writes one stream in the front's own events."""

    def write(self, chunks: list[Chunk]) -> bytes:
        """The events that these chunks amount to."""
        ...

    def end(self) -> bytes:
        """The proper end."""
        ...

    def broken(self, error: StreamInterrupted) -> bytes:
        """An end that nobody can take for a proper one."""
        ...


@dataclass(frozen=True, slots=True)
class Reading:
    """A caller's request, understood.

    Attributes:
        request: What is asked.
        stream: Whether the answer is to come in pieces.
        plain: Makes the body of a whole answer.
        writer: Makes the writer of a streamed one.
        kind: The content type of a whole answer; empty if it has none.
        headers: Further headers of a whole answer; None if there are none.
    """

    request: LLMRequest
    stream: bool
    plain: Callable[[LLMResponse], bytes]
    writer: Callable[[], Writer] | None = None
    kind: Callable[[LLMResponse], bytes] = lambda _response: b"application/json"
    headers: Callable[[LLMResponse], Sequence[tuple[bytes, bytes]]] | None = None


class Front(ABC):
    """One API.

    Attributes:
        path: Where it is; a path that ends with a slash stands for everything below it.
        methods: HTTP methods that it takes.
    """

    path: str = ""
    methods: frozenset[str] = frozenset({"POST"})

    @abstractmethod
    def read(self, asked: Asked) -> Reading:
        """Understand a request; only what the router itself relies on is checked, the rest is the provider's business.

        Raises:
            RequestRejected: It can't be used.
        """

    def error(self, status: int, error: Mapping[str, Any]) -> bytes:  # noqa: ARG002 - for APIs with other envelopes
        """An error in this API's envelope; `error` has OpenAI's members."""
        return orjson.dumps({"error": error})


def rejected(message: str, param: str | None) -> RequestRejected:
    """The caller's own fault, found here."""
    return RequestRejected(
        400, {"message": message, "type": "invalid_request_error", "param": param, "code": "invalid_request"}
    )


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object that a body has to be; its `model`, which every API has, is text or left out.

    Raises:
        RequestRejected: It isn't.
    """
    try:
        asked = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise rejected(f"the body is not JSON: {error}", None) from None
    if not isinstance(asked, dict):
        raise rejected("the body is not a JSON object", None)
    check_text(asked.get("model"), "model")
    return asked


def check_text(value: Any, name: str) -> None:
    """Check a member that is looked up, compared or joined: with a list in it, that would be an accident of ours.

    Raises:
        RequestRejected: It is neither text nor missing.
    """
    if value is not None and not isinstance(value, str):
        raise rejected(f"'{name}' has to be text", name)


def event(payload: Any, name: str = "") -> bytes:
    """One server-sent event."""
    data = payload if isinstance(payload, bytes) else orjson.dumps(payload)
    return b"event: %b\ndata: %b\n\n" % (name.encode(), data) if name else b"data: %b\n\n" % data
