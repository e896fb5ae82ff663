"""Ctrl-C, while there is something that must be done all the same."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


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
