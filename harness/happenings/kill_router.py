"""The router crashes, and is started again at the event's end."""

from __future__ import annotations

from .base import Happening, Router


class KillRouter(Happening):
    """The router is killed (SIGKILL) and stays dead until the event's end; then it is started again.

    Calls under way break off, and new ones are refused meanwhile. What it knew of its providers is gone.
    """

    lasts = True
    down = True

    async def begin(self, router: Router) -> None:
        """Kill it."""
        await router.kill()

    async def end(self, router: Router) -> None:
        """Start it again."""
        await router.again()


HAPPENING = KillRouter
