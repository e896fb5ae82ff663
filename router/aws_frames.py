"""AWS's event stream: frames of `application/vnd.amazon.eventstream`, cut from bytes and checked.

A frame: total length and headers' length (u32 each), their CRC-32, headers, payload, CRC-32 of all before it.
"""

from __future__ import annotations

import struct
import zlib

from .errors import Meaning, fail
from .sse import EventTooLarge

_PRELUDE = struct.Struct(">III")
_TRAILER_BYTES = 4
_SMALLEST = _PRELUDE.size + _TRAILER_BYTES
_STRING = 7
_FIXED = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""Value sizes in bytes of the header types that have no length of their own."""


class AWSFrames:
    """Cuts a stream of bytes into frames. Each comes out as one JSON object: `{"<event type>": <payload>}`.

    An exception's key begins with `!`, so that no event can be mistaken for one.

    Args:
        event_bytes_max: Longest frame that is held.
    """

    def __init__(self, event_bytes_max: int) -> None:
        self._bytes_max = event_bytes_max
        self._rest = b""

    def feed(self, chunk: bytes) -> list[bytes]:
        """The frames that these bytes complete.

        Raises:
            EventTooLarge: A frame is longer than allowed.
            AttemptFailed: Meaning `drifted`: the bytes aren't frames, or a checksum doesn't hold.
        """
        data = self._rest + chunk if self._rest else chunk
        found: list[bytes] = []
        place = 0
        while len(data) - place >= _PRELUDE.size:
            total, headers, crc = _PRELUDE.unpack_from(data, place)
            if crc != zlib.crc32(data[place : place + 8]) or total < _SMALLEST or headers > total - _SMALLEST:
                raise fail(Meaning.DRIFTED, "malformed_event", "a frame's prelude doesn't hold")
            if total > self._bytes_max:
                raise EventTooLarge(f"a frame of {total} bytes passed {self._bytes_max}")
            if len(data) - place < total:
                break
            found.append(_read(data[place : place + total], headers))
            place += total
        self._rest = data[place:]
        return found

    @property
    def unfinished(self) -> bool:
        """Whether bytes of an incomplete frame are left."""
        return bool(self._rest)


def _read(frame: bytes, headers_bytes: int) -> bytes:
    end = len(frame) - _TRAILER_BYTES
    if zlib.crc32(frame[:end]) != int.from_bytes(frame[end:], "big"):
        raise fail(Meaning.DRIFTED, "malformed_event", "a frame's checksum doesn't hold")
    body = _PRELUDE.size + headers_bytes
    headers = _headers(frame[_PRELUDE.size : body])
    kind = headers.get(":message-type")
    if kind == "event":
        name = headers.get(":event-type", "")
    else:
        name = "!" + (headers.get(":exception-type") or headers.get(":error-code") or "unknown")
    payload = frame[body:end] or b"{}"
    return b'{"%b":%b}' % (name.replace('"', "").replace("\\", "").encode(), payload)


def _headers(data: bytes) -> dict[str, str]:
    """Those with text; the others are stepped over."""
    found: dict[str, str] = {}
    place = 0
    try:
        while place < len(data):
            name_end = place + 1 + data[place]
            name = data[place + 1 : name_end].decode()
            kind = data[name_end]
            place = name_end + 1
            if kind in _FIXED:
                place += _FIXED[kind]
                continue
            size = int.from_bytes(data[place : place + 2], "big")
            if kind == _STRING:
                found[name] = data[place + 2 : place + 2 + size].decode()
            place += 2 + size
    except (IndexError, UnicodeDecodeError):
        raise fail(Meaning.DRIFTED, "malformed_event", "a frame's headers can't be read") from None
    return found
