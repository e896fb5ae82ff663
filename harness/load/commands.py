"""The harness's commands for a child on gevent: the same lines as in `banstorm.harness.child`, read without a thread.

`child.Commands` needs asyncio, and a blocking read would stop every greenlet; here a greenlet waits until standard
input is readable and then takes what is there.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import orjson
from gevent.socket import wait_read

from ..child import LINE_BYTES_MAX

_READ_BYTES = 1024 * 1024


class Lines:
    """JSON objects, one a line, from a file descriptor."""

    def __init__(self, descriptor: int = 0) -> None:
        self._descriptor = descriptor
        self._rest = b""
        self._lines: list[bytes] = []

    def next(self) -> dict[str, Any] | None:
        """The next object; None at the end (the harness is gone), or after a line longer than `LINE_BYTES_MAX`."""
        while not self._lines:
            if len(self._rest) > LINE_BYTES_MAX:
                return None
            wait_read(self._descriptor)
            data = os.read(self._descriptor, _READ_BYTES)
            if not data:
                return None
            *self._lines, self._rest = (self._rest + data).split(b"\n")
        command: dict[str, Any] = orjson.loads(self._lines.pop(0))
        return command

    def config(self) -> dict[str, Any]:
        """The first line: what the harness wants this child to be."""
        config = self.next()
        if config is None:
            sys.exit(
                "banstorm load: started without a configuration on standard input; it is not meant to be run by hand"
            )
        return config
