"""Request heads that came before: a client sends the same one over and over, so its bytes are parsed once.

Nothing is guessed. A head is known once a parser has taken it, with the body that it promises and nothing else, for one
whole request; from then on the very same bytes, with as long a body, mean the same.
"""

from __future__ import annotations

from typing import Any, Final

HEADS_MAX: Final = 256
"""Heads that are known; when there are more, all are forgotten."""
BYTES_MAX: Final = 4 * 1024
"""Longest head that is known, in bytes."""
HEAD: Final = "banstorm.head"
"""Key of the scope with its `Head`, where that is known; counts as long as the scope has that head's `headers`."""
_END: Final = b"\r\n\r\n"


class Head:
    """A head: what is the same about every request that has it. Two that are equal may be two objects.

    Attributes:
        scope: The ASGI scope of its requests, but for their `client`.
        headers: Its headers, as the scope has them.
        texts: Its headers by name, in lower case; of several with one name the last.
        length: Bytes of the body that comes with it.
    """

    __slots__ = ("headers", "length", "scope", "texts")

    def __init__(self, scope: dict[str, Any], length: int) -> None:
        self.headers = tuple(scope["headers"])
        self.scope = {**scope, "headers": self.headers, HEAD: self}
        self.texts = {name.decode("latin-1"): value.decode("latin-1") for name, value in self.headers}
        self.length = length


class Heads:
    """The latest heads of a listener's callers."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[bytes, Head] = {}

    def find(self, data: bytes) -> tuple[Head, bytes] | None:
        """The head and the body of `data`, if that is one whole request with a head that is known."""
        end = data.find(_END) + len(_END)
        head = self._known.get(data[:end])
        return (head, data[end:]) if head is not None and len(data) == end + head.length else None

    def note(self, data: bytes, scope: dict[str, Any]) -> None:
        """Remember the head of `data`, of which a parser made one whole request that keeps its connection.

        Args:
            data: All that was parsed.
            scope: What was made of it.
        """
        end = data.find(_END) + len(_END)
        length = _length(scope)
        if end > BYTES_MAX or length is None or len(data) != end + length:
            return
        if len(self._known) >= HEADS_MAX:
            self._known.clear()
        self._known[data[:end]] = Head(scope, length)


def _length(scope: dict[str, Any]) -> int | None:
    """The length of a body that comes in one piece, None for one that comes in chunks or asks first."""
    told = dict(scope["headers"])
    if told.keys() & {b"transfer-encoding", b"expect", b"upgrade"}:
        return None
    length: bytes = told.get(b"content-length", b"0")
    return int(length) if length.isdigit() else None
