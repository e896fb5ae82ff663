"""How the harness and its children talk: one JSON object a line on the child's standard input and output.

The child says ``{"event": "ready", ...}`` once, later whatever its part of the contract names, and last
``{"event": "bye"}``. The harness sends ``{"command": "start", "t0_ns": ...}`` and ``{"command": "stop"}``. The end of
standard input means that the harness is gone, and a child then stops by itself: no orphan outlives a killed harness.
Everything a child logs goes to standard error.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from typing import Any, Final

import orjson

LINE_BYTES_MAX: Final = 16 * 1024 * 1024
"""Longest line accepted, in bytes."""


def say(event: str, **fields: Any) -> None:
    """Tell the harness something. Safe from any thread or greenlet: one write a line."""
    line = orjson.dumps({"event": event, **fields}, option=orjson.OPT_APPEND_NEWLINE)
    os.write(1, line)


class _Lines:
    """Lines of standard input, read without Python's buffered reader.

    A thread that waits in a buffered read when the interpreter ends makes it abort (the reader's lock can't be had);
    one that waits in `os.read` holds no lock.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._rest = b""

    def next(self) -> bytes:
        """The next line; empty at the end, or when a line is longer than `LINE_BYTES_MAX`."""
        while b"\n" not in self._rest:
            data = os.read(self._descriptor, 65536)
            if not data or len(self._rest) > LINE_BYTES_MAX:
                return b""
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return line


_STDIN: Final = _Lines(0)


def read_config() -> dict[str, Any]:
    """The first line of standard input: what the harness wants this child to be."""
    line = _STDIN.next()
    if not line:
        sys.exit("banstorm child: started without a configuration on standard input; it is not meant to be run by hand")
    config: dict[str, Any] = orjson.loads(line)
    return config


class Commands:
    """The harness's commands for a child on asyncio: `await next()` gives each, and None once the harness is gone."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        # A thread, since stdin may be a pipe, a file or a terminal; it is a daemon, so it never keeps a child alive.
        threading.Thread(target=self._read, name="commands", daemon=True).start()

    def _read(self) -> None:
        while line := _STDIN.next():
            self._put(orjson.loads(line))
        self._put(None)

    def _put(self, command: dict[str, Any] | None) -> None:
        try:
            self._loop.call_soon_threadsafe(self._queue.put_nowait, command)
        except RuntimeError:  # the loop has ended, so nobody waits for a command any more
            return

    async def next(self) -> dict[str, Any] | None:
        """The next command; None when the harness is gone."""
        return await self._queue.get()
