"""The reader for logs and CI: one line an event, and a line of counters every two seconds."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable
from typing import Final, TextIO

from . import events
from .narrate import moment, narrate

COUNTERS_S: Final = 2.0
"""Seconds between two lines of counters."""


def tell(stream: TextIO, lines: Iterable[str]) -> None:
    """Print `lines`. Once nothing takes them (``… | head``, a full disk) they go nowhere, and the run goes on."""
    try:
        stream.writelines(line + "\n" for line in lines)
        stream.flush()
    except OSError:
        # What is still buffered would fail again when Python ends, and give the command another exit code.
        with contextlib.suppress(OSError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)


class Lines:
    """Prints events to `stream` as they come."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._counted_s = 0.0

    def __call__(self, event: events.Event) -> None:
        """Print one event."""
        lines = narrate(event)
        if (
            isinstance(event, events.Progress)
            and event.at_s is not None
            and time.monotonic() - self._counted_s >= COUNTERS_S
        ):
            self._counted_s = time.monotonic()
            lines = [f"{moment(event.at_s)}  {counters(event)}"]
        tell(self._stream, lines)


def counters(event: events.Progress) -> str:
    """The counters in one line."""
    load = event.load
    p95 = load.get("p95_ms")
    parts = [
        f"calls due {load.get('due', 0)}, good {load.get('good', 0)} of {load.get('ended', 0)} ended",
        f"in flight {load.get('in_flight', 0)}",
        "p95 –" if p95 is None else f"p95 {p95:.0f} ms",
    ]
    for name, each in event.providers.items():
        active = "+".join(each.get("active", []))
        fault = f" [{active}]" if active else ""
        parts.append(f"{name} {each.get('attempts', 0)} attempts, {each.get('errors', 0)} errors{fault}")
    return " · ".join(parts)
