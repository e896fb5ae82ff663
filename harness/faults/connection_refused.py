"""A provider that has gone away: nobody listens at its address any more."""

from __future__ import annotations

from .base import Action, Close, Context, Fault


class ConnectionRefused(Fault):
    """Refuse connections: the listener closes when the window opens, and open connections are reset.

    Refused connections leave no trace of a request, so connections of our own prove it: the bites are theirs, and those
    of attempts that were broken off. It takes no selector and no share: there is no request yet to select by.
    """

    reaches_provider = False
    billed = False
    in_flight = "broken off by a reset when the window opens, and so is every idle connection"
    door = "refused"

    def on_request(self, context: Context) -> Action:
        """Reset what comes in on a connection that outlived the window's start."""
        return Close(reset=True)


FAULT = ConnectionRefused
