"""A request that offers another protocol, as HTTP/1.1 without that offer: a server may ignore it (RFC 9110, 7.8).

Java's HttpClient offers HTTP/2 with every first request to an `http:` address. A parser takes such a head for the end
of HTTP, and the body for the other protocol.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_OFFER: Final = frozenset({b"upgrade", b"http2-settings"})


def without_offer(method: bytes, target: bytes, version: str, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The bytes of the request's head, without the offer and what the connection header says of it.

    Args:
        method: Of the request.
        target: Of the request, as it was sent.
        version: Of HTTP: "1.0" or "1.1".
        headers: Of the request, with names in lower case.
    """
    lines = [b"%b %b HTTP/%b" % (method, target, version.encode())]
    for name, value in headers:
        if name == b"connection":
            tokens = (token.strip() for token in value.split(b","))
            kept = b", ".join(token for token in tokens if token.lower() not in _OFFER)
            if kept:
                lines.append(b"connection: " + kept)
        elif name not in _OFFER:
            lines.append(b"%b: %b" % (name, value))
    return b"\r\n".join((*lines, b"", b""))
