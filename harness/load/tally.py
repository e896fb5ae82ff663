"""What the load child says twice a second: how many calls were due, left and ended, how, and who answered."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from ..recent import Recent

if TYPE_CHECKING:
    from .outcome import Verdict


class Tally:
    """Counts calls. `due` counts those whose instant has come."""

    def __init__(self) -> None:
        self.due = 0
        self.sent = 0
        self.ended = 0
        self.good = 0
        self.outcomes: Counter[str] = Counter()
        self.served: Counter[str] = Counter()
        self.in_flight = 0
        self.late_ns_max = 0
        self._recent = Recent()

    def left(self, late_ns: int) -> None:
        """A call left `late_ns` after its instant."""
        self.sent += 1
        self.late_ns_max = max(self.late_ns_max, late_ns)

    def end(self, ended_ns: int, latency_ns: int, verdict: Verdict) -> None:
        """A call ended, with this verdict."""
        self.ended += 1
        self.good += verdict.good
        self.outcomes[verdict.outcome] += 1
        if verdict.good and verdict.provider is not None:
            self.served[verdict.provider] += 1
        self._recent.add(ended_ns, latency_ns)

    def fields(self) -> dict[str, Any]:
        """The fields of a ``stats`` event."""
        p50_ms, p95_ms = self._recent.quantiles_ms(0.5, 0.95)
        return {
            "due": self.due,
            "sent": self.sent,
            "ended": self.ended,
            "good": self.good,
            "in_flight": self.in_flight,
            "outcomes": dict(self.outcomes),
            "served": dict(self.served),
            "p50_ms": p50_ms,
            "p95_ms": p95_ms,
            "late_ms_max": round(self.late_ns_max / 1e6, 3),
        }
