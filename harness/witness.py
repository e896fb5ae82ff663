"""The second witness: what a fault host writes down about attempts, and what it tells the harness meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from .child import say
from .ledger import FLUSH_S
from .recent import Recent
from .serving import STATS_S

if TYPE_CHECKING:
    from .faults.plan import Plan
    from .faults.sender import Sender
    from .faults.timeline import Timeline
    from .ledger import Ledger


class _Counts:
    __slots__ = ("attempts", "errors", "faulted", "recent")

    def __init__(self) -> None:
        self.attempts = 0
        self.faulted = 0
        self.errors = 0
        self.recent = Recent()


class Witness:
    """Begins and ends attempts for a fault host, whichever it is."""

    def __init__(self, timeline: Timeline, ledger: Ledger, providers: Iterable[str]) -> None:
        self._timeline = timeline
        self._ledger = ledger
        self._counts = {provider: _Counts() for provider in providers}

    def begin(
        self, provider: str, method: str, path: str, *, headers: dict[str, str], body: bytes, received_ns: int
    ) -> Plan:
        """Decide about an attempt; the arguments are those of `Timeline.plan`."""
        self._counts[provider].attempts += 1
        return self._timeline.plan(provider, method, path, headers=headers, body=body, received_ns=received_ns)

    def decide(self, provider: str, sender: Sender, body: bytes, received_ns: int) -> Plan:
        """As `begin`, about an attempt whose sender is known."""
        self._counts[provider].attempts += 1
        return self._timeline.decide(provider, sender, body, received_ns)

    def break_off(self, plan: Plan, entry: str) -> None:
        """Note that an entry which shut the provider's door ends this attempt; `end` follows."""
        self._timeline.break_off(plan.record.provider, entry, plan.record, time.monotonic_ns())

    def end(self, plan: Plan, ended_by: str) -> None:
        """Write the attempt's row. `ended_by`: complete, router, fault, provider or run."""
        record = plan.record
        counts = self._counts[record.provider]
        ended_ns = time.monotonic_ns()
        counts.recent.add(ended_ns, ended_ns - record.received_ns)
        evidence: str | None = None
        if record.keep:  # else it was neither bitten nor an error
            counts.faulted += bool(record.fault_ids)
            counts.errors += record.is_error
            evidence = self._ledger.evidence(record.evidence)
        self._ledger.add("attempts", record.row(ended_ns, ended_by, evidence))

    async def report(self) -> None:
        """Tell the harness what happens until cancelled: counts twice a second, news of the timeline at once or so."""
        told_s = 0.0
        while True:
            await asyncio.sleep(FLUSH_S)
            self._tell_news()
            if time.monotonic() - told_s >= STATS_S:
                told_s = time.monotonic()
                self._tell_stats()

    def close(self) -> None:
        """Write what the windows saw. Attempts must have ended before."""
        now_ns = time.monotonic_ns()
        for row in self._timeline.rows(now_ns):
            self._ledger.add("faults", row)
        self._tell_news()
        self._tell_stats()

    def _tell_news(self) -> None:
        self._timeline.pass_edges(time.monotonic_ns())
        news = self._timeline.news
        while news:
            each = news.popleft()
            say(each.event, entry=each.entry, provider=each.provider, at_ns=each.at_ns)

    def _tell_stats(self) -> None:
        now_ns = time.monotonic_ns()
        providers = {
            name: {
                "attempts": counts.attempts,
                "faulted": counts.faulted,
                "errors": counts.errors,
                "active": self._timeline.active(name, now_ns),
                "p95_ms": counts.recent.quantiles_ms(0.95)[0],
            }
            for name, counts in self._counts.items()
        }
        say("stats", providers=providers)
