"""Hedge: when an answer is later than usual, ask somebody else as well and take what comes first. Off by default.

It cuts the tail of the latency and costs money: the slower one is cancelled, but what it has written is billed. So it
waits until the attempt is later than nearly all were lately, and hedges are a share of the calls at most: when a
provider becomes slow for everybody, doubling every call would only make it slower.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from ..lane import Lane
from .budget import RetryBudget

T = TypeVar("T")


class Hedge:
    """When to hedge.

    Args:
        share: Hedges as a share of calls, 0 to 1.
        reserve: Hedges that can be saved up.
    """

    def __init__(self, share: float, reserve: int) -> None:
        self._budget = RetryBudget(share, reserve)

    def delay_s(self, lane: Lane) -> float | None:
        """After how many seconds a hedge is in place; None while too little is known about the lane."""
        self._budget.earn()
        return lane.pace.late_s

    def spend(self) -> bool:
        """Take one hedge out; False if there is none left."""
        return self._budget.spend()


async def race(
    first: Coroutine[Any, Any, T],
    delay_s: float,
    second: Callable[[], Coroutine[Any, Any, T] | None],
    drop: Callable[[T], Awaitable[None]],
    overtaken: Callable[[BaseException], None] = lambda _error: None,
) -> T:
    """The first good result of one or two attempts; the other is cancelled.

    Args:
        first: The attempt.
        delay_s: When the second one begins, in seconds.
        second: Makes the second one, or None if there is to be none.
        drop: Told of a good result that isn't needed: it came at the same moment, or the caller left.
        overtaken: Told why the first one failed, if the second one is good.

    Raises:
        Exception: What the first one raised, if none was good.
    """
    tasks = [asyncio.create_task(first)]
    try:
        await asyncio.wait(tasks, timeout=delay_s)
        if not tasks[0].done() and (other := second()) is not None:
            tasks.append(asyncio.create_task(other))
        waiting: set[asyncio.Task[T]] = set(tasks)
        while waiting:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task in done and task.exception() is None:
                    await _end(tasks, task, overtaken)
                    tasks.remove(task)
                    return task.result()
        return tasks[0].result()
    finally:
        for task in tasks:
            task.cancel()
        # What is open is closed before anybody else is waited for.
        for task in sorted(tasks, key=lambda each: not each.done()):
            (ended,) = await asyncio.gather(task, return_exceptions=True)
            if not isinstance(ended, BaseException):
                await drop(ended)


async def _end(tasks: list[asyncio.Task[T]], won: asyncio.Task[T], overtaken: Callable[[BaseException], None]) -> None:
    """Wait for the loser's end. A caller who leaves meanwhile interrupts that, and the winner isn't needed either."""
    others = [task for task in tasks if task is not won]
    for task in others:
        if not task.done():
            task.cancel()
        elif task is tasks[0] and (error := task.exception()) is not None:
            overtaken(error)
    if others:
        await asyncio.wait(others)
