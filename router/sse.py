"""Server-sent events: bytes in, the `data` of each complete event out."""

from __future__ import annotations


class EventTooLarge(ValueError):  # noqa: N818 - named for what happened
    """An event grew beyond the limit without ending."""


class ErrorEvent(bytes):
    """The data of an event that is named `error`: some servers say so nowhere else."""

    __slots__ = ()


class EventReader:
    """Cuts a stream of bytes into events and keeps what isn't complete yet.

    Args:
        event_bytes_max: Longest unfinished event that is held.
    """

    def __init__(self, event_bytes_max: int) -> None:
        self._bytes_max = event_bytes_max
        self._rest = b""

    def feed(self, chunk: bytes) -> list[bytes]:
        """The data of every event that this chunk completes; comments, names and empty events are left out.

        Of the names only `error` is told, by the data's type (`ErrorEvent`).

        Raises:
            EventTooLarge: The unfinished event is longer than allowed.
        """
        buffer = self._rest + chunk if self._rest else chunk
        if b"\r" in buffer:
            # A lone CR at the end may be the first half of a CRLF: it stays until the next chunk.
            held = b"\r" if buffer.endswith(b"\r") else b""
            buffer = buffer[: len(buffer) - len(held)].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        else:
            held = b""
        *events, rest = buffer.split(b"\n\n")
        self._rest = rest + held
        if len(self._rest) > self._bytes_max:
            raise EventTooLarge(f"an event passed {self._bytes_max} bytes without ending")
        found = []
        for event in events:
            if event.startswith(b"data: ") and b"\n" not in event:
                found.append(event[6:])
            else:
                data = _data_lines(event)
                if data:
                    found.append(data)
        return found

    @property
    def unfinished(self) -> bool:
        """Whether bytes of an incomplete event are left."""
        return bool(self._rest.strip())


def _data_lines(event: bytes) -> bytes:
    lines = event.split(b"\n")
    # The format takes one space away, no more.
    data = b"\n".join(
        [line[6:] if line.startswith(b"data: ") else line[5:] for line in lines if line.startswith(b"data:")]
    )
    return ErrorEvent(data) if data and (b"event: error" in lines or b"event:error" in lines) else data
