"""AWS event-stream frames (`application/vnd.amazon.eventstream`): writing, cutting and rewriting them.

A frame is its own length, its headers' length, a CRC-32 of these eight bytes, the headers, the payload, and a CRC-32 of
all that stands before (the encoding's description in the Smithy specification and in botocore's `eventstream.py`).

Whoever counts tokens in a stream counts the byte ``~``, and lengths and checksums are any bytes. So frames are written
such that none of theirs is a ``~``: JSON may end in blanks, and each more of them gives other checksums.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

CONTENT_TYPE: Final = "application/vnd.amazon.eventstream"
FRAME_BYTES_MAX: Final = 24 * 1024 * 1024
"""Longest frame that botocore takes, in bytes."""
_SIGN: Final = b"~"
_PRELUDE: Final = struct.Struct(">III")
_CHECKSUM: Final = struct.Struct(">I")
_OVERHEAD: Final = _PRELUDE.size + _CHECKSUM.size
_TEXT: Final = 7  # the type number of a header that is a string
_TRIES_MAX: Final = 64
"""Blanks that are tried; a frame has a stray sign in one case of about thirty, so the second nearly always holds."""


def encode_headers(headers: Mapping[str, str]) -> bytes:
    """A frame's headers, in their order; every value is a string."""
    parts = []
    for name, value in headers.items():
        key, text = name.encode(), value.encode()
        parts.append(bytes([len(key)]) + key + bytes([_TEXT]) + len(text).to_bytes(2, "big") + text)
    return b"".join(parts)


def is_clean(headers: bytes, payload: bytes) -> bool:
    """Whether the frame of these has no ``~`` but those of its payload."""
    return _frame(headers, payload).count(_SIGN) == payload.count(_SIGN)


def encode(headers: bytes, payload: bytes) -> bytes:
    """A frame of encoded `headers` and a JSON `payload`, with as many blanks after it as it takes to be clean."""
    for _ in range(_TRIES_MAX):
        frame = _frame(headers, payload)
        if frame.count(_SIGN) == payload.count(_SIGN):
            break
        payload += b" "
    return frame


def split(buffer: bytes) -> tuple[list[bytes], bytes]:
    """Cut bytes into whole frames and the unfinished rest. What can't be a frame comes back as one piece."""
    frames: list[bytes] = []
    at = 0
    while len(buffer) - at >= _CHECKSUM.size:
        (length,) = _CHECKSUM.unpack_from(buffer, at)
        if not _OVERHEAD <= length <= FRAME_BYTES_MAX:
            return [*frames, buffer[at:]], b""
        if len(buffer) - at < length:
            break
        frames.append(buffer[at : at + length])
        at += length
    return frames, buffer[at:]


def map_payload(frame: bytes, change: Callable[[Any], Any]) -> bytes:
    """`frame` with its JSON payload replaced by `change(payload)`, its lengths and checksums made anew.

    A frame whose payload is no JSON, or that `change` leaves equal, comes back as it is.
    """
    if len(frame) < _OVERHEAD:
        return frame
    length, headers_length, _ = _PRELUDE.unpack_from(frame)
    if length != len(frame) or headers_length > length - _OVERHEAD:
        return frame
    begin = _PRELUDE.size + headers_length
    try:
        payload = orjson.loads(frame[begin : -_CHECKSUM.size])
    except orjson.JSONDecodeError:
        return frame
    before = orjson.dumps(payload)  # kept as bytes, since `change` may work in place
    after = orjson.dumps(change(payload))
    return frame if after == before else encode(frame[_PRELUDE.size : begin], after)


def _frame(headers: bytes, payload: bytes) -> bytes:
    lengths = struct.pack(">II", len(headers) + len(payload) + _OVERHEAD, len(headers))
    body = lengths + _CHECKSUM.pack(zlib.crc32(lengths)) + headers + payload
    return body + _CHECKSUM.pack(zlib.crc32(body))
