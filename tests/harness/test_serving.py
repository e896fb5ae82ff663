"""What the children that serve have in common: work in the background that fails is counted, and nothing else is."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from banstorm.harness.doors import Doors
from banstorm.harness.faults.timeline import Door
from banstorm.harness.serving import Crashes, background

PATIENCE_S = 10


class Heard(Crashes):
    """Tells when the first one comes."""

    def __init__(self) -> None:
        super().__init__()
        self.first = asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        """Count it."""
        super().emit(record)
        self.first.set()


@pytest.fixture
def crashes() -> Iterator[Heard]:
    """What a child listens with."""
    handler = Heard()
    logging.getLogger().addHandler(handler)
    yield handler
    logging.getLogger().removeHandler(handler)


async def ended(*tasks: asyncio.Task[None]) -> None:
    """Wait until tasks and what is called at their end are over."""
    await asyncio.wait(tasks)
    await asyncio.sleep(0)


async def test_work_that_fails_is_counted_at_once(crashes: Heard, capfd: pytest.CaptureFixture[str]):
    """Nobody awaits it before the child's end, and a witness who stopped looking must not seem to have seen it all."""

    async def work() -> None:
        raise OSError(28, "No space left on device")

    await ended(background(work()))
    assert crashes.count == 1
    assert "No space left on device" in capfd.readouterr().err


async def test_work_that_is_stopped_or_done_is_not_counted(crashes: Heard):
    """Cancelling is how a child ends it."""
    stopped, done = background(asyncio.sleep(3600)), background(asyncio.sleep(0))
    await asyncio.wait([done])
    stopped.cancel()
    await ended(stopped, done)
    assert crashes.count == 0


async def test_a_door_that_cannot_be_shut_is_counted(crashes: Heard):
    """A provider who is to be unreachable and answers would be blamed on the router."""

    async def ignore() -> bool:
        return False

    shut = Door(entry="0:unreachable", how="unreachable", since_ns=0, next_ns=None)
    timeline: Any = SimpleNamespace(door=lambda _provider, _at_ns: shut)
    listener: Any = SimpleNamespace(ignore=ignore, guard=None)
    doors = Doors(timeline, {"openai": listener}, lambda _provider, _entry: None)
    doors.start()
    await asyncio.wait_for(crashes.first.wait(), PATIENCE_S)
    assert crashes.count == 1
    doors.stop()
