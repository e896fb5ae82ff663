"""An entry on one provider: when it is on, which attempts it means, and what its windows saw."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ...reports.tables import FaultWindow
from ...scenarios.growth import Growth
from ...scenarios.spans import Span
from .selector import Selector, selector_of

if TYPE_CHECKING:
    from ...fakes.dialects.base import Ask
    from ...scenarios.entry import Entry
    from .base import Fault
    from .sender import Sender


_NEVER: Final = Span(0, 0)


@dataclass(slots=True)
class Tally:
    """What one window saw: attempts that the selectors meant, and those that were bitten."""

    matched: int = 0
    bites: int = 0
    first_bite_ns: int | None = None
    last_bite_ns: int | None = None

    def bite(self, at_ns: int) -> None:
        """Count a bite."""
        self.bites += 1
        self.first_bite_ns = min(at_ns, self.first_bite_ns or at_ns)
        self.last_bite_ns = max(at_ns, self.last_bite_ns or at_ns)


@dataclass(slots=True)
class Window:
    """An entry on one provider; one that comes and goes has many windows there, each with its own tally.

    `offset` is counted from time 0, `span` from the start on the machine's clock; until `start` it is empty.
    """

    id: str
    entry: Entry
    fault: Fault | None  # None: a standing, which the fake plays
    provider: str
    offset: Span
    phase: str
    whole: bool | None = None
    span: Span = _NEVER
    selector: Selector = field(init=False)
    seen: int = 0
    tallies: dict[int, Tally] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.selector = selector_of(self.entry)

    def start(self, t0_ns: int) -> None:
        """Time 0 is this moment."""
        self.span = self.offset.moved(t0_ns)

    def is_on(self, at_ns: int) -> bool:
        """Whether one of its windows holds the moment."""
        span = self.span
        if not span.from_ns <= at_ns < span.until_ns:
            return False
        return not span.every_ns or span.place(at_ns) is not None

    def means_sender(self, sender: Sender) -> bool:
        """Whether the selectors that ask about the head mean requests with this one."""
        return all(check(sender) for check in self.selector.head)

    def means(self, ask: Ask | None, number: int) -> bool:
        """Whether the other selectors mean a request whose sender is meant.

        One that is counted is asked about once, in order of arrival.
        """
        for check in self.selector.ask:
            if not check(ask, number):
                return False
        entry = self.entry
        if entry.nth is None and entry.first is None:
            return True
        self.seen += 1
        return self.seen in entry.nth if entry.nth is not None else self.seen <= (entry.first or 0)

    def share(self, at_ns: int) -> float:
        """The share that it bites at a moment inside it."""
        span = self.span
        return self.entry.share_at((at_ns - span.from_ns) / (span.until_ns - span.from_ns))

    def tally(self, at_ns: int) -> Tally:
        """That of the window which holds the moment, or of the last one before it."""
        span = self.span
        place = 0
        if span.every_ns:
            place = min(max(0, at_ns - span.from_ns) // span.every_ns, span.count - 1)
        found = self.tallies.get(place)
        if found is None:
            found = self.tallies[place] = Tally()
        return found

    @property
    def bitten(self) -> bool:
        """Whether it has bitten at all."""
        return any(each.bites for each in self.tallies.values())

    def next_edge_ns(self, now_ns: int) -> int | None:
        """When it opens or closes next; None when it is over."""
        span = self.span
        if now_ns < span.from_ns:
            return span.from_ns
        if now_ns >= span.until_ns:
            return None
        if not span.every_ns:
            return span.until_ns
        begin_ns = now_ns - (now_ns - span.from_ns) % span.every_ns
        ends_ns = begin_ns + span.on_ns
        return min(span.until_ns, ends_ns if now_ns < ends_ns else begin_ns + span.every_ns)

    def since_ns(self, now_ns: int) -> int:
        """Since when it is on, at a moment in one of its windows."""
        span = self.span
        return now_ns - (now_ns - span.from_ns) % span.every_ns if span.every_ns else span.from_ns

    def rows(self, now_ns: int) -> Iterator[FaultWindow]:
        """A row for each of its windows. One that `now_ns` came before has equal armed and disarmed times."""
        entry = self.entry
        grows = entry.share if isinstance(entry.share, Growth) else None
        for place, (from_ns, until_ns) in enumerate(self.span.windows()):
            tally = self.tallies.get(place) or Tally()
            yield FaultWindow(
                entry=self.id,
                fault=entry.name,
                provider=self.provider,
                share=entry.share_max,
                declared_from_ns=from_ns,
                declared_until_ns=until_ns,
                armed_ns=min(from_ns, now_ns),
                disarmed_ns=min(until_ns, now_ns),
                bites=tally.bites,
                matched=tally.matched,
                first_bite_ns=tally.first_bite_ns,
                last_bite_ns=tally.last_bite_ns,
                whole=self.whole,
                share_begin=None if grows is None else grows.begin,
                share_end=None if grows is None else grows.end,
                share_of=entry.share_of if entry.fault is not None else "credential",
                period=place if self.span.every_ns else None,
                phase=self.phase,
            )
