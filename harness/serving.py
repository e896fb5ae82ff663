"""What the children that serve (fakes and injector) have in common: their loop, their books, their end."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final, NoReturn

from ..reports.tables import LOOP_LAG, Sample
from .child import Commands, say
from .ledger import FLUSH_S

if TYPE_CHECKING:
    from .lag import Heartbeat
    from .ledger import Ledger

STATS_S: Final = 0.5
"""Seconds between two reports of a running child, and between two samples of its loop lag."""
CRASHES_PRINTED_MAX: Final = 100
"""Failures inside a server or a hook that are printed; further ones are counted."""


class Crashes(logging.Handler):
    """Notes what goes wrong inside a server or a hook: it would only be logged, but makes us a bad witness."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.count = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Count and print a failure."""
        self.count += 1
        if self.count <= CRASHES_PRINTED_MAX:
            print(logging.Formatter().format(record), file=sys.stderr)  # noqa: T201 - a child's log is standard error


def run(serve: Coroutine[Any, Any, int]) -> NoReturn:
    """Run a child's coroutine on the fastest loop there is, say goodbye, and end with its exit code."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the harness, which then stops its children
    if sys.platform == "win32":
        factory = None
    else:
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        code = runner.run(serve)
    say("bye")
    sys.stderr.flush()
    # Python's own way out would abort: a thread is still reading standard input and holds its lock.
    os._exit(code)


def spare_collector() -> None:
    """Take what is loaded by now out of the garbage collector's sight: a full collection would stop the loop for it.

    Collecting less often was measured too: flows and requests die in cycles, and a collection that comes late then
    stops the loop for up to 80 ms.
    """
    gc.collect()
    gc.freeze()


async def until_stopped(start: Callable[[int], None]) -> None:
    """Follow the harness's commands until it says stop, goes away, or the process is told to end.

    Args:
        start: called with the run's time 0, in nanoseconds of the monotonic clock.
    """
    commands = Commands()
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)

    async def listen() -> None:
        while (command := await commands.next()) is not None and command["command"] != "stop":
            if command["command"] == "start":
                start(command["t0_ns"])
        stopped.set()

    listening = asyncio.create_task(listen())
    await stopped.wait()
    listening.cancel()


def background(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """Start what lasts as long as its child does. If it fails, the failure is logged, where `Crashes` counts it."""
    task = asyncio.create_task(work)
    task.add_done_callback(_tell)
    return task


def _tell(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        logging.getLogger(__name__).error("%s ended early", task.get_coro(), exc_info=error)


async def keep_books(ledger: Ledger, process: str, heartbeat: Heartbeat) -> None:
    """Flush the ledger and sample the loop's lag until cancelled."""
    sampled_s = time.monotonic()
    while True:
        await asyncio.sleep(FLUSH_S)
        if time.monotonic() - sampled_s >= STATS_S:
            sampled_s = time.monotonic()
            lag = Sample(at_ns=time.monotonic_ns(), process=process, name=LOOP_LAG, labels={}, value=heartbeat.take())
            ledger.add("samples", lag)
        ledger.flush()
