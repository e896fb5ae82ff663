"""Ctrl-C and its like: what hears them, and what must be done all the same."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import Any


def when_told_to_end(callback: Callable[[], object]) -> None:
    """Call `callback` on the running loop at Ctrl-C, at SIGTERM and when the terminal has gone away.

    Children have sessions of their own and would outlive a harness that a hang-up ended. Where SIGHUP is ignored,
    as under nohup, it stays so.
    """
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, callback)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        loop.add_signal_handler(signal.SIGHUP, callback)


def heard_it() -> bool:
    """Take back the cancelling of this task: it was Ctrl-C, and what remains to be done is done all the same."""
    task = asyncio.current_task()
    while task is not None and task.cancelling():
        task.uncancel()
    return True


async def undisturbed(work: Coroutine[Any, Any, None]) -> bool:
    """Do `work` to its end, however often Ctrl-C is pressed meanwhile; whether it was."""
    task = asyncio.ensure_future(work)
    interrupted = False
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            interrupted = heard_it()
    task.result()
    return interrupted
