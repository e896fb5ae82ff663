"""The router stands still for a while, and goes on."""

from __future__ import annotations

from .base import Happening, Router


class PauseRouter(Happening):
    """The router is stopped (SIGSTOP) and goes on (SIGCONT) at the event's end, as after a long pause of its machine.

    Connections stay open and new ones wait. Its timers find that time has passed.
    """

    lasts = True

    async def begin(self, router: Router) -> None:
        """Stop it where it is."""
        router.pause()

    async def end(self, router: Router) -> None:
        """Let it go on."""
        router.resume()


HAPPENING = PauseRouter
