"""The head of an HTTP/1.1 response: its status line and headers, as bytes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from email.utils import formatdate
from http import HTTPStatus
from typing import Any, Final


def _line(status: int) -> str:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    return f"HTTP/1.1 {status} {phrase}\r\n"


_LINES: Final = {status: _line(status) for status in range(100, 1000)}
_LINE_BYTES: Final = {status: line.encode() for status, line in _LINES.items()}
_BODILESS: Final = frozenset({204, 304})
_CLOSE_TEXT: Final = "connection: close\r\n"
_CLOSE: Final = _CLOSE_TEXT.encode()


def _refusal(status: int, text: str) -> bytes:
    head = f"{_LINES[status]}content-type: text/plain\r\ncontent-length: {len(text)}\r\nconnection: close\r\n\r\n"
    return (head + text).encode()


CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
NO_HTTP: Final = _refusal(400, "this is no HTTP/1.1 request")
TOO_LARGE: Final = _refusal(431, "the request's head is too large")
FAILED: Final = _refusal(500, "banstorm failed here: see its log")


class _Date:
    """The date header, made once a second."""

    def __init__(self) -> None:
        self._second = 0
        self.text = ""
        self.data = b""

    def refresh(self) -> None:
        second = int(time.time())
        if second != self._second:
            self._second = second
            self.text = f"date: {formatdate(second, usegmt=True)}\r\n"
            self.data = self.text.encode()


_date = _Date()


def render(
    status: int, headers: Sequence[tuple[bytes, bytes]], scope: Mapping[str, Any], *, keep_alive: bool
) -> tuple[bytes, bool, int | None]:
    """The head, whether the body is to be sent in chunks, and how many bytes its content-length promises.

    Args:
        status: Of the response.
        headers: Of the response; without a content-length its body is sent in chunks.
        scope: Of the request: its method, and whether its HTTP version has chunks.
        keep_alive: Whether the connection can be used again.
    """
    _date.refresh()
    parts = [_LINE_BYTES[status], _date.data]
    length: int | None = None
    framed = False
    for name, value in headers:
        parts += (name, b": ", value, b"\r\n")
        lower = name.lower()
        if lower == b"content-length":
            length = int(value) if value.isdigit() else None
            framed = True
        elif lower == b"transfer-encoding":
            framed = True
    bodiless = scope["method"] == "HEAD" or status in _BODILESS or status < 200
    chunked = not framed and not bodiless and scope["http_version"] == "1.1"
    if chunked:
        parts.append(b"transfer-encoding: chunked\r\n")
    if not keep_alive:
        parts.append(_CLOSE)
    parts.append(b"\r\n")
    return b"".join(parts), chunked, None if bodiless else length


def render_whole(status: int, headers: Sequence[tuple[str, str]], size: int, *, keep_alive: bool) -> bytes:
    """The head of a response with a body of `size` bytes, whose headers are text in lower case."""
    _date.refresh()
    lines = "\r\n".join(map(": ".join, headers))
    if "content-length: " not in lines:
        lines = f"content-length: {size}\r\n{lines}" if lines else f"content-length: {size}"
    return f"{_LINES[status]}{_date.text}{'' if keep_alive else _CLOSE_TEXT}{lines}\r\n\r\n".encode("latin-1")
