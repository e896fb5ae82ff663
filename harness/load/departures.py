"""Callers who leave in mid-stream because the timeline says so: when, how many, and the ledger's row of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import gevent

from ...reports.tables import CALLERS
from .. import happenings
from ..child import say
from ..router_events import event_row
from .schedule import NS

if TYPE_CHECKING:
    from ...scenarios.entry import Entry
    from ...scenarios.model import Scenario
    from ..ledger import Ledger
    from .callers import Callers


def departures(scenario: Scenario) -> Iterator[tuple[str, Entry]]:
    """The scenario's events on callers, in the order of time."""
    found = [
        (entry.id_at(index), entry)
        for index, entry in enumerate(scenario.timeline)
        if entry.event is not None and happenings.find(entry.event).to == "callers"
    ]
    yield from sorted(found, key=lambda each: each[1].at)


def play(scenario: Scenario, callers: Callers, ledger: Ledger, t0_ns: int) -> None:
    """Let callers leave at their moments, counted from `t0_ns`; returns after the last of them. Runs in a greenlet."""
    for entry_id, entry in departures(scenario):
        due_ns = t0_ns + round(entry.at * NS)
        while (left_ns := due_ns - time.monotonic_ns()) > 0:
            gevent.sleep(left_ns / NS)
        now_ns = time.monotonic_ns()
        streaming, left = callers.disconnect(entry_id, entry.share_max)
        row = event_row(
            entry_id,
            entry,
            CALLERS,
            declared_ns=(due_ns, due_ns),
            real_ns=(now_ns, time.monotonic_ns()),
            matched=streaming,
            bites=left,
        )
        ledger.add("faults", dict(row))
        for event in ("armed", "bite", "disarmed") if left else ("armed", "disarmed"):
            say(event, entry=entry_id, provider=CALLERS, at_ns=now_ns)
