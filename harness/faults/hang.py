"""A provider that accepts the connection and never says a word."""

from __future__ import annotations

from .base import Action, Context, Fault, Hang


class HangBeforeHeaders(Fault):
    """Take the request and send nothing, not even headers, until the caller gives up."""

    reaches_provider = False
    billed = False
    in_flight = "left alone; a request that hangs goes on hanging when the window closes"

    def on_request(self, context: Context) -> Action:
        """Hold the request."""
        return Hang()


FAULT = HangBeforeHeaders
