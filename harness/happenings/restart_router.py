"""The router is restarted in order, as by a deployment."""

from __future__ import annotations

from .base import Happening, Router


class RestartRouter(Happening):
    """The router is asked to end (SIGTERM), given time to finish what is under way, and started again.

    It lasts until the router takes connections again.
    """

    down = True

    async def begin(self, router: Router) -> None:
        """End it in order and start it again."""
        await router.terminate()
        await router.again()


HAPPENING = RestartRouter
