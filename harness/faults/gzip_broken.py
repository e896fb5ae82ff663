"""A body that says it is gzip and can't be unpacked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Literal

from pydantic import Field

from .base import BodyFilter, Context, End, Fault, Step
from .places import WITHIN, PlaceField, Seeker

if TYPE_CHECKING:
    from ...fakes.dialects.base import Headers

_HEAD: Final = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_NO_BLOCK: Final = b"\x07"  # the last block, of the type that doesn't exist
_BLOCK_BYTES_MAX: Final = 65_535
_SIGNS: Final = (0x7E, 0x81)  # "~", by which tokens are counted, and what has it as its complement


class GzipBroken(Fault):
    """Say Content-Encoding: gzip over a body that can't be unpacked, plain or streamed."""

    phase = "body"
    reaches_provider = True
    billed = True

    how: Literal["unpacked", "corrupt", "truncated"] = Field(
        default="unpacked",
        description="unpacked: the body isn't packed at all; corrupt: garbage from the place on; "
        "truncated: it ends there",
    )
    after: PlaceField = Field(
        default="headers", validate_default=True, description=f"what can still be unpacked: {WITHIN}"
    )

    def on_head(self, context: Context, status: int, headers: Headers) -> tuple[int, Headers]:
        """Say gzip of answers; refusals keep theirs."""
        if status >= 300:
            return status, headers
        return status, [(name, value) for name, value in headers if name != "content-encoding"] + [
            ("content-encoding", "gzip")
        ]

    def body_filter(self, context: Context, status: int, headers: Headers) -> BodyFilter | None:
        """A filter for answers."""
        if status >= 300 or self.how == "unpacked":
            return None
        streamed = context.dialect.is_stream(headers)
        seeker = Seeker(self.after, context.dialect if streamed else None)
        last: list[Step] = [_NO_BLOCK] if self.how == "corrupt" else []
        return _Packed(seeker, [*last, End()] if streamed else last)


class _Packed:
    """Packs without compressing: so whoever counts the words in the bytes that go by still can."""

    def __init__(self, seeker: Seeker, last: list[Step]) -> None:
        self._seeker = seeker
        self._last = last
        self._begun = self._done = False

    def feed(self, data: bytes) -> Sequence[Step]:
        if self._done:
            return []
        found = self._seeker.seek(data)
        head = b"" if self._begun else _HEAD
        self._begun = True
        if found is None:
            return [head + _stored(data)]
        self._done = True
        return [head + _stored(found[0]), *self._last]

    def close(self) -> Sequence[Step]:
        return []


def _stored(data: bytes) -> bytes:
    """Blocks of deflate that store `data`, none of whose lengths has a sign that counts as a word (RFC 1951, 3.2.4)."""
    blocks = []
    at = 0
    while at < len(data):
        size = min(len(data) - at, _BLOCK_BYTES_MAX)
        while any(byte in _SIGNS for byte in size.to_bytes(2, "little")):
            size -= 1
        length = size.to_bytes(2, "little")
        blocks.append(b"\x00" + length + bytes(byte ^ 0xFF for byte in length) + data[at : at + size])
        at += size
    return b"".join(blocks)


FAULT = GzipBroken
