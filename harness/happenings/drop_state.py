"""The router forgets everything it has learnt."""

from __future__ import annotations

from .base import Happening, Router


class DropState(Happening):
    """The router is replaced by a fresh process at once: what it had learnt of its providers is gone.

    Breakers, cooldowns and counters start anew, in the middle of whatever goes on. Calls under way break off.
    It lasts until the router takes connections again.
    """

    down = True

    async def begin(self, router: Router) -> None:
        """Kill it and start a fresh one."""
        await router.kill()
        await router.again()


HAPPENING = DropState
