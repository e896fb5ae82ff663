"""A time limit for a wait that is entered again and again: one timer a stream instead of one a token."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Self


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

    Attributes:
        longest_s: The longest time from one wait to the next.
    """

    __slots__ = ("_expired", "_loop", "_odd", "_odd_s", "_since", "_task", "_timer", "_until", "longest_s")

    def __init__(self, odd_s: float | None = None, odd: Callable[[], None] = lambda: None) -> None:
        self._odd_s, self._odd = odd_s, odd
        self._since: float | None = None
        self.longest_s = 0.0
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

    def rest(self) -> None:
        """The wait is over."""
        self._until = None

    def _check(self) -> None:
        self._timer = None
        if self._until is None or self._since is None:
            return
        now, due = self._loop.time(), self._until
        if self._odd_s is not None:
            due = min(due, self._since + self._odd_s)
            if now >= due < self._until:
                self._odd_s, due = None, self._until
                self._odd()
        if now < due:
            self._timer = self._loop.call_at(due, self._check)
        elif self._task is not None:
            self._expired = True
            self._task.cancel()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._until = None
        if self._timer is not None:
            self._timer.cancel()
        if self._expired and self._task is not None and self._task.uncancel() == 0 and kind is asyncio.CancelledError:
            raise TimeoutError from error
