"""Plays a timeline's events on the router: when they are due, for how long, and what the ledger says of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from ..reports.tables import ROUTER, FaultWindow
from . import happenings

if TYPE_CHECKING:
    from ..scenarios.entry import Entry
    from ..scenarios.model import Scenario
    from .happenings.base import Happening
    from .launch import Process
    from .ledger import Ledger

UP_S_MAX: Final = 30.0
"""Seconds in which a router that was started again is looked for."""
LOOK_S: Final = 0.02
"""Seconds between two looks whether it takes connections."""

Tell = Callable[[str, str, int], None]
"""Hears of armed, bite and disarmed, with the entry's id and the moment."""


def router_entries(scenario: Scenario) -> Iterator[tuple[str, Entry, Happening]]:
    """The scenario's events on the router: id, entry, and what happens."""
    for index, entry in enumerate(scenario.timeline):
        if entry.event is not None and (happening := happenings.find(entry.event)).to == "router":
            yield entry.id_at(index), entry, happening()


class RouterEvents:
    """Everything that the timeline does to a router.

    Args:
        scenario: whose timeline it is.
        process: the router's.
        base_url: where it takes connections.
        ledger: gets a row an event.
        tell: hears of each.
    """

    def __init__(self, scenario: Scenario, process: Process, base_url: str, ledger: Ledger, tell: Tell) -> None:
        self._scenario = scenario
        self._process = process
        self._base_url = base_url
        self._ledger = ledger
        self._tell = tell

    async def run(self, t0_ns: int) -> None:
        """Play them, counted from `t0_ns`; ends with the last of them. Each has its row, also when it is cancelled."""
        await asyncio.gather(*(self._play(t0_ns, *each) for each in router_entries(self._scenario)))

    async def _play(self, t0_ns: int, entry_id: str, entry: Entry, happening: Happening) -> None:
        from_ns = t0_ns + round(entry.at * 1e9)
        until_ns = t0_ns + round(self._scenario.until_s(entry) * 1e9)
        began_ns = ended_ns = None
        try:
            await _until(from_ns)
            began_ns = time.monotonic_ns()
            self._tell("armed", entry_id, began_ns)
            await happening.begin(self._process)
            self._tell("bite", entry_id, began_ns)
            if happening.lasts:
                await _until(until_ns)
                await happening.end(self._process)
            if happening.down:
                await self._answers()
            ended_ns = time.monotonic_ns()
            self._tell("disarmed", entry_id, ended_ns)
        finally:
            now_ns = time.monotonic_ns()
            row = event_row(
                entry_id,
                entry,
                ROUTER,
                declared_ns=(from_ns, until_ns),
                real_ns=(began_ns or now_ns, ended_ns or now_ns),
                matched=1 if began_ns else 0,
                bites=1 if began_ns else 0,
            )
            self._ledger.add("faults", row)

    async def _answers(self) -> None:
        """Wait until it takes connections again, or has ended by itself."""
        parts = urlsplit(self._base_url)
        give_up_s = time.monotonic() + UP_S_MAX
        while time.monotonic() < give_up_s and self._process.returncode is None:
            with suppress(OSError):
                _, writer = await asyncio.open_connection(parts.hostname, parts.port)
                writer.close()
                return
            await asyncio.sleep(LOOK_S)


def event_row(
    entry_id: str,
    entry: Entry,
    whom: str,
    *,
    declared_ns: tuple[int, int],
    real_ns: tuple[int, int],
    matched: int,
    bites: int,
) -> FaultWindow:
    """An event's row in the ledger: when it was due, when it really happened, and to how many of how many."""
    return FaultWindow(
        entry=entry_id,
        fault=entry.name,
        provider=whom,
        share=entry.share_max,
        declared_from_ns=declared_ns[0],
        declared_until_ns=declared_ns[1],
        armed_ns=real_ns[0],
        disarmed_ns=real_ns[1],
        bites=bites,
        matched=matched,
        first_bite_ns=real_ns[0] if bites else None,
        last_bite_ns=real_ns[0] if bites else None,
        whole=False,
        share_begin=None,
        share_end=None,
        share_of=None,
        period=None,
        phase="system",
    )


async def _until(at_ns: int) -> None:
    """Sleep until the moment: by the clock, since a timer may fire early."""
    while True:
        left_ns = at_ns - time.monotonic_ns()
        if left_ns <= 0:
            return
        await asyncio.sleep(left_ns / 1e9)
