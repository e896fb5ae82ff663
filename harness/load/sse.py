"""Server-sent events over bytes: one pass, no decoding. Fronts that stream build on it."""

from __future__ import annotations

from typing import Final

EVENT_BYTES_MAX: Final = 4 * 1024 * 1024
"""Longest unfinished event kept, in bytes; a stream that exceeds it is malformed."""


class SseError(ValueError):
    """An event longer than `EVENT_BYTES_MAX`."""


class SseSplitter:
    r"""Cuts a byte stream into the `data` of its events. Lines may end in LF or CRLF (a lone CR is not supported).

    Comments and the fields `event`, `id` and `retry` are skipped: the JSON of every LLM dialect names its own type.
    """

    __slots__ = ("_data", "_rest")

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []

    def feed(self, data: bytes) -> list[bytes]:
        """The data of each event that `data` completes.

        Raises:
            SseError: an event is too long.
        """
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        events: list[bytes] = []
        pending = self._data
        for line in lines:
            if line.startswith(b"data:"):
                pending.append(line[5:].strip())
            elif pending and line in (b"", b"\r"):
                events.append(pending[0] if len(pending) == 1 else b"\n".join(pending))
                pending.clear()
        if len(self._rest) + sum(map(len, pending)) > EVENT_BYTES_MAX:
            raise SseError(f"an event is longer than {EVENT_BYTES_MAX} bytes")
        return events

    def leftover(self) -> bytes:
        """The data of an event that lacks its blank line. The standard drops it, some senders' last is one."""
        lines = [*self._data, self._rest.strip().removeprefix(b"data:").strip()]
        return b"\n".join(line for line in lines if line)
