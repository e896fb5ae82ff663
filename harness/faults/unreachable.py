"""A provider that can't be reached: connecting hangs, as behind a firewall that drops packets or a dead address."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...scenarios.registry import Complaint
from .base import Action, Context, Fault, Hang

if TYPE_CHECKING:
    from ...fakes.dialects.base import Dialect


class Unreachable(Fault):
    """Let connections hang, as where DNS or a route leads nowhere: no attempt to connect is ever answered.

    The queue of the listener is kept full, so that the kernel drops what knocks; a caller that waits long enough gets
    through after the window, at its next try of its own. Linux only. It takes no selector and no share.
    """

    reaches_provider = False
    billed = False
    in_flight = "left alone; requests on open connections hang"
    door = "unreachable"

    def complaints(self, dialect: Dialect) -> Iterator[Complaint]:
        """Other systems answer although the queue is full."""
        yield from super().complaints(dialect)
        if sys.platform != "linux":
            yield Complaint((), "unreachable can only be played on Linux", "use hang or connection_refused")

    def on_request(self, context: Context) -> Action:
        """Hold what comes in on a connection that was open before."""
        return Hang()


FAULT = Unreachable
