"""Writes log lines to a descriptor without ever waiting for whoever reads it: a thread of its own waits instead.

A pipe that nobody reads any more is full after 64 KiB. A write to it stops the writer; it must not be the loop that all
calls run on. Making the descriptor non-blocking is no way out, since the setting would be shared with everybody who has
the same standard error. So lines queue up to a limit; further ones are dropped, counted, and told once there is room.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from typing import Final

import orjson

BYTES_MAX: Final = 4 * 1024 * 1024
"""Most bytes of lines that wait; some 8,000 lines of the call log."""
BATCH_LINES: Final = 256
"""Most lines that one write takes."""
CLOSE_S: Final = 1.0
"""How long the end of the process waits for the last lines to be taken, in seconds."""
_LOOK_S: Final = 0.01


class LogLines:
    """Lines on their way to a descriptor. It is a text stream as far as `logging` needs one.

    Args:
        descriptor: Written to, and not closed.
        bytes_max: Most bytes that wait.

    Attributes:
        dropped: How many lines were dropped.
    """

    def __init__(self, descriptor: int, *, bytes_max: int = BYTES_MAX) -> None:
        self.dropped = 0
        self._descriptor, self._bytes_max = descriptor, bytes_max
        self._told = self._waiting = 0
        self._lines: deque[bytes] = deque()
        self._lock = threading.Lock()
        self._due = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="log lines", daemon=True)
        self._thread.start()

    def line(self, text: str) -> None:
        """Write a line; `text` is without its end."""
        self.write(text + "\n")

    def write(self, text: str) -> None:
        """Write whole lines, with their ends."""
        data = text.encode("utf-8", "backslashreplace")
        with self._lock:
            if self._waiting + len(data) > self._bytes_max:
                self.dropped += 1
                return
            self._waiting += len(data)
            self._lines.append(data)
        self._due.set()

    def flush(self) -> None:
        """Nothing to do: lines leave as fast as they are taken."""

    def close(self, limit_s: float = CLOSE_S) -> None:
        """Let what waits leave, for `limit_s` seconds at most; what nobody takes until then is lost."""
        self._closing = True
        self._due.set()
        self._thread.join(limit_s)

    def _run(self) -> None:
        while True:
            self._due.wait()
            self._due.clear()
            while batch := self._next():
                self._out(batch)
            if self._closing and not self._lines:
                return

    def _next(self) -> list[bytes]:
        """What is written next; what was dropped is told behind the lines that were waiting then."""
        with self._lock:
            batch = [self._lines.popleft() for _ in range(min(BATCH_LINES, len(self._lines)))]
            if batch or self.dropped == self._told:
                return batch
            lost, self._told = self.dropped - self._told, self.dropped
            told = {"at": round(time.time(), 3), "event": "log_lines_dropped", "lines": lost}
            data = orjson.dumps(told) + b"\n"
            self._waiting += len(data)
            return [data]

    def _out(self, batch: list[bytes]) -> None:
        """Write all of it, and only then count it as gone: what a full pipe holds up still takes room."""
        data = b"".join(batch)
        rest, lost = memoryview(data), 0
        while rest:
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except BlockingIOError:  # somebody who shares the descriptor has made it non-blocking
                time.sleep(_LOOK_S)
            except OSError:  # nobody reads it any more; there is nobody to tell either
                rest, lost = rest[:0], len(batch)
        with self._lock:
            self._waiting -= len(data)
            self.dropped += lost
            self._told += lost
