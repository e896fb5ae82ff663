"""Changes of whole events, whatever frames them: server-sent events, elements of an array, binary frames."""

from __future__ import annotations

from typing import Final

DELIMITERS: Final = (b"\r\n\r\n", b"\n\n")
"""What ends a server-sent event."""
_SIGN: Final = b"~"[0]
_CUT_BYTES: Final = 2


def broken(event: bytes) -> bytes:
    """The event with a payload that can't be read: JSON without its end, or a binary frame whose checksum is wrong."""
    for delimiter in DELIMITERS:
        if event.endswith(delimiter):
            return event[: -len(delimiter) - _CUT_BYTES] + delimiter
    if event.endswith(b"}"):  # an array's element
        return event[:-1]
    last = event[-1] ^ 1
    return event[:-1] + bytes([last if last != _SIGN else event[-1] ^ 2])  # tokens are counted by that sign


def again(event: bytes) -> bytes:
    """The event once more: an array's first element opens the array, and another one doesn't."""
    return b"," + event[1:] if event.startswith(b"[") else event


def exchanged(first: bytes, second: bytes) -> tuple[bytes, bytes]:
    """The two events, each in the other's place; what stands before an array's elements stays."""
    if first[:1] != b"[" or b"{" not in second:
        return second, first
    one, two = first.index(b"{"), second.index(b"{")
    return first[:one] + second[two:], second[:two] + first[one:]
