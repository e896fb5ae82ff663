"""Waiting: when every provider is out and one is known to be asked again soon, a call waits for that.

A vendor's hiccup of a second shouldn't cost the calls of that second. Waiting is bounded three ways: by
the time (`retry.wait`, and the caller's own deadline), by the number of calls that wait at once (further ones get their
503 at once: load shedding), and it starts only if the moment is known.
"""

from __future__ import annotations

import asyncio


class WaitingRoom:
    """Where calls wait for a breaker to move or for a place at a provider.

    Args:
        seats: Calls that may wait at once.
    """

    def __init__(self, seats: int) -> None:
        self._seats = seats
        self._waiting: dict[asyncio.Future[None], None] = {}

    @property
    def full(self) -> bool:
        """Whether one more would be too many."""
        return len(self._waiting) >= self._seats

    async def wait(self, limit_s: float) -> None:
        """Until somebody calls, `limit_s` seconds at most."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[future] = None
        try:
            async with asyncio.timeout(limit_s):
                await future
        except TimeoutError:
            pass
        finally:
            self._waiting.pop(future, None)

    def call_all(self) -> None:
        """A breaker moved: everybody looks again."""
        for future in list(self._waiting):
            _call(future)

    def call_one(self) -> None:
        """A place is free: it goes to who has waited longest."""
        for future in self._waiting:
            if not future.done():
                _call(future)
                return


def _call(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
