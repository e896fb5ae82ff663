"""Callers leave in the middle of their streams."""

from __future__ import annotations

from .base import Happening


class DisconnectCallers(Happening):
    """A share of the callers who are in the middle of a stream close their connection at this moment.

    Their calls count neither as good nor as lost. A router should stop what it asked of its providers for them.
    """

    to = "callers"
    shares = True


HAPPENING = DisconnectCallers
