"""A time limit for a wait that is entered again and again: one timer a stream instead of one a token."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Self

SLOW_S_MIN = 1.0
"""Waiting from which a rate is read: pieces come in bursts."""


class Watchdog:
    """Cancels the waiting task when a wait takes too long; leaving the context turns that into `TimeoutError`.

    ```python
    with Watchdog() as watchdog:
        while …:
            watchdog.wait(5.0)
            piece = await …
            watchdog.rest()
    ```

    A timer is set for the first wait's end. When it fires and the wait has been entered anew since, it is only set
    again, for the new end: nothing is scheduled or cancelled per piece.

    Args:
        odd_s: After this much silence `odd` is called, once; the wait goes on. None for never.
        odd: What to call.
        slow_per_s: It is called as well when fewer pieces than so many come in a second of waiting.

    Attributes:
        longest_s: The longest time from one wait to the next.
        pieces: What has come.
        waited_s: How long it was waited for, in all; the time between waits isn't in it.
    """

    __slots__ = (
        "_expired", "_loop", "_odd", "_odd_s", "_seen", "_since", "_slow_per_s", "_task", "_timer", "_until",
        "longest_s", "pieces", "waited_s",
    )  # fmt: skip

    def __init__(
        self, odd_s: float | None = None, odd: Callable[[], None] = lambda: None, slow_per_s: float = 0.0
    ) -> None:
        self._odd_s, self._odd, self._slow_per_s = odd_s, odd, slow_per_s
        self._since: float | None = None
        self._seen = (0, 0.0)
        self.longest_s = self.waited_s = 0.0
        self.pieces = 0
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[object] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._until: float | None = None
        self._expired = False

    def wait(self, limit_s: float) -> None:
        """A wait begins; it may take `limit_s` seconds."""
        self._task = asyncio.current_task()
        now = self._loop.time()
        if self._since is not None and now - self._since > self.longest_s:
            self.longest_s = now - self._since
        self._since = now
        self._until = until = now + limit_s
        if self._odd_s is not None and self._odd_s < limit_s:
            until = now + self._odd_s
        if self._timer is None or until < self._timer.when():
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_at(until, self._check)

    def rest(self, pieces: int = 1) -> None:
        """The wait is over; so many pieces came."""
        self._until = None
        self.pieces += pieces
        if self._since is not None:
            self.waited_s += self._loop.time() - self._since

    def _check(self) -> None:
        self._timer = None
        if self._until is None or self._since is None:
            return
        now, due = self._loop.time(), self._until
        if self._odd_s is not None:
            due = min(due, self._since + self._odd_s)
            if now >= due < self._until or self._slow(now - self._since):
                self._odd_s, due = None, self._until
                self._odd()
        if now < due:
            self._timer = self._loop.call_at(due, self._check)
        elif self._task is not None:
            self._expired = True
            self._task.cancel()

    def _slow(self, waiting_s: float) -> bool:
        waited_s = self.waited_s + waiting_s
        took_s = waited_s - self._seen[1]
        if took_s < SLOW_S_MIN:
            return False
        came, self._seen = self.pieces - self._seen[0], (self.pieces, waited_s)
        return came < took_s * self._slow_per_s

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._until = None
        if self._timer is not None:
            self._timer.cancel()
        if self._expired and self._task is not None and self._task.uncancel() == 0 and kind is asyncio.CancelledError:
            raise TimeoutError from error
