"""The timeline: which entries bite which attempt, decided by comparing clocks, and what each window saw.

Sans I/O and without timers: an attempt is decided once, from the moment its headers arrived, the request itself, and
the seed. `at` belongs to a window, `until` does not. Before `start` nothing is active.

A standing is decided by the fake, which says in its response what it showed: a bite is counted when that is heard.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from ...fakes.dialects.base import RequestRefused
from ...reports.tables import FaultWindow
from .. import standings
from ..chance import chance
from ..redact import fingerprint
from . import find
from .attempt import AttemptRecord
from .base import Context, Fault
from .plan import Chosen, Plan

if TYPE_CHECKING:
    from ...fakes.dialects.base import Ask, Dialect
    from ...scenarios.model import Entry, Scenario

CALLS_COUNTED_MAX: Final = 200_000
"""Calls at one provider whose attempts are counted; beyond, the oldest call is forgotten."""
CREDENTIALS_MAX: Final = 4096
"""Credentials whose fingerprints are remembered."""
NEWS_MAX: Final = 10_000
"""Pieces of news that wait for a reader; beyond, the oldest is forgotten."""

_fingerprint = lru_cache(maxsize=CREDENTIALS_MAX)(fingerprint)


@dataclass(frozen=True, slots=True)
class News:
    """Something the harness wants to show: a window that opened or closed, or an entry's first bite at a provider."""

    event: str  # armed, disarmed, bite
    entry: str
    provider: str
    at_ns: int


@dataclass(frozen=True, slots=True)
class Door:
    """A provider's door at some moment: the entry that shuts it, how, since when, and when that may change next."""

    entry: str | None
    how: str | None
    since_ns: int | None
    next_ns: int | None


@dataclass(slots=True)
class _Window:
    """An entry on one provider."""

    id: str
    entry: Entry
    fault: Fault | None  # None: a standing, which the fake plays
    provider: str
    at_s: float
    until_s: float
    whole: bool | None = None
    from_ns: int = 0
    until_ns: int = 0  # an empty window until `start`
    matched: int = 0
    bites: int = 0
    first_bite_ns: int | None = None
    last_bite_ns: int | None = None

    def matches(self, ask: Ask | None, credential: str | None, path: str) -> bool:
        """Whether the selectors mean this request. One that could not be understood has no model and no stream."""
        entry = self.entry
        return (
            (entry.model is None or (ask is not None and ask.model == entry.model))
            and (entry.stream is None or (ask is not None and ask.stream == entry.stream))
            and (entry.credential is None or credential == entry.credential)
            and (entry.path is None or path.startswith(entry.path))
        )


@dataclass(slots=True)
class _Provider:
    dialect: Dialect
    windows: list[_Window] = field(default_factory=list)
    standing: dict[str, _Window] = field(default_factory=dict)
    attempts_of: dict[int, int] = field(default_factory=dict)
    background: int = 0

    def add(self, window: _Window) -> None:
        self.windows.append(window)
        if window.fault is None:
            self.standing[window.id] = window

    def number(self, call: int) -> int:
        """How many attempts the call has made here, this one included."""
        count = self.attempts_of.get(call, 0) + 1
        self.attempts_of[call] = count
        if len(self.attempts_of) > CALLS_COUNTED_MAX:
            del self.attempts_of[next(iter(self.attempts_of))]
        return count


class Timeline:
    """A scenario's entries on their providers.

    Args:
        scenario: whose timeline it is.
        run: the run's name, six hex digits.
        seed: what the seeded choices depend on.
        dialects: each provider's wire dialect; exactly the providers that are played here.
        wall_ahead_ns: how far the wall clock is ahead of the monotonic one; as it is now if absent.
    """

    def __init__(
        self,
        scenario: Scenario,
        *,
        run: str,
        seed: int,
        dialects: Mapping[str, Dialect],
        wall_ahead_ns: int | None = None,
    ) -> None:
        self._run = run
        self._seed = seed
        self._providers = {name: _Provider(dialect) for name, dialect in dialects.items()}
        self._attempts = 0
        self._wall_ahead_ns = time.time_ns() - time.monotonic_ns() if wall_ahead_ns is None else wall_ahead_ns
        self._t0_ns: int | None = None
        self.news: deque[News] = deque(maxlen=NEWS_MAX)
        """News in the order it was learnt; whoever tells the harness takes it from here."""
        for index, entry in enumerate(scenario.timeline):
            windows_of = _faulty if entry.kind == "fault" else _standing
            for provider, window in windows_of(scenario, index, entry):
                if provider in self._providers:
                    self._providers[provider].add(window)
        self._edges: deque[News] = deque()

    def start(self, t0_ns: int) -> None:
        """Set the moment that the timeline counts from, on the clock of `time.monotonic_ns`."""
        self._t0_ns = t0_ns
        for window in self._windows():
            window.from_ns = t0_ns + round(window.at_s * 1e9)
            window.until_ns = t0_ns + round(window.until_s * 1e9)
        edges = [News("armed", each.id, each.provider, each.from_ns) for each in self._windows()]
        edges += [News("disarmed", each.id, each.provider, each.until_ns) for each in self._windows()]
        self._edges = deque(sorted(edges, key=lambda edge: edge.at_ns))

    def plan(
        self, provider: str, method: str, path: str, *, headers: Mapping[str, str], body: bytes, received_ns: int
    ) -> Plan:
        """Decide about one attempt and begin its record.

        Args:
            provider: whose listener it came to.
            method: of the request.
            path: of the request, with its query.
            headers: of the request, names in lower case.
            body: of the request, whole.
            received_ns: when its headers arrived.
        """
        here = self._providers[provider]
        bare = path.partition("?")[0]  # a query may carry a key, so it is never written down
        try:
            ask = here.dialect.read(method, path, headers, body)
        except RequestRefused:
            ask = None
        mark = ask.mark if ask is not None else None
        call = mark.call if mark is not None and mark.run == self._run else None
        if call is None:
            here.background += 1
            entity, number = f"bg{here.background}", 1
        else:
            entity, number = str(call), here.number(call)
        credential = here.dialect.credential(headers, path)
        self._attempts += 1
        record = AttemptRecord(
            attempt=f"{self._run}-{self._attempts:x}",
            call=call,
            provider=provider,
            credential=_fingerprint(credential) if credential else None,
            model=ask.model if ask is not None else None,
            stream=ask.stream if ask is not None else None,
            path=bare,
            received_ns=received_ns,
            client_retry=_count(headers.get("x-stainless-retry-count")),
        )
        chosen: list[Chosen] = []
        matched: set[str] = set()  # the standings among them
        for window in here.windows:
            if window.from_ns <= received_ns < window.until_ns and window.matches(ask, credential, bare):
                window.matched += 1
                if window.fault is None:
                    matched.add(window.id)
                    continue
                # The provider is part of the hash: a call that is bitten here is not thereby bitten elsewhere too.
                roll = chance(self._seed, "entry", window.id, provider, entity, number)
                if roll < window.entry.share:
                    since_ns, window_ns = received_ns - window.from_ns, window.until_ns - window.from_ns
                    fault = window.fault.in_window(since_ns / 1e9, window_ns / 1e9)
                    chosen.append((fault, _Bite(self, window, record)))
        bitten = self._bitten(here, record, matched) if here.standing else None
        if not chosen:
            return Plan(record, None, (), bitten)
        id_seed = int(chance(self._seed, "fault", provider, entity, number) * 2**53)
        wall_s = (received_ns + self._wall_ahead_ns) / 1e9
        return Plan(record, Context(here.dialect, provider, ask, id_seed, wall_s, bare, len(body)), chosen, bitten)

    def _bitten(self, here: _Provider, record: AttemptRecord, matched: set[str]) -> Callable[[str], None]:
        """What is to be called with each entry that the fake says it played on the attempt."""

        def bitten(entry: str) -> None:
            window = here.standing.get(entry)
            if window is None or entry in record.fault_ids:
                return
            if entry not in matched:
                window.matched += 1  # its window opened while the request was on its way to the fake
            _Bite(self, window, record)()

        return bitten

    @property
    def doors(self) -> list[str]:
        """Providers whose door an entry shuts."""
        return [
            name
            for name, each in self._providers.items()
            if any(window.fault is not None and window.fault.door for window in each.windows)
        ]

    def door(self, provider: str, now_ns: int) -> Door:
        """Whether the provider's door is shut at that moment, by which entry, and when that may change next."""
        next_ns: int | None = None
        shut: _Window | None = None
        for window in self._providers[provider].windows:
            if window.fault is None or window.fault.door is None:
                continue
            if shut is None and window.from_ns <= now_ns < window.until_ns:
                shut = window
            for edge_ns in (window.from_ns, window.until_ns):
                if now_ns < edge_ns and (next_ns is None or edge_ns < next_ns):
                    next_ns = edge_ns
        if shut is None or shut.fault is None:
            return Door(None, None, None, next_ns)
        return Door(shut.id, shut.fault.door, shut.from_ns, next_ns)

    def break_off(self, provider: str, entry: str, record: AttemptRecord, at_ns: int) -> None:
        """Note that an entry's door has ended an attempt that was under way when it shut."""
        for window in self._named(provider, entry):
            window.matched += 1
            _Bite(self, window, record)(max(at_ns, window.from_ns))

    def prove(self, provider: str, entry: str, at_ns: int) -> None:
        """Note that a connection of our own met the shut door: what it bites besides leaves no trace here."""
        for window in self._named(provider, entry):
            window.matched += 1
            self._count(window, at_ns)

    def _named(self, provider: str, entry: str) -> list[_Window]:
        return [window for window in self._providers[provider].windows if window.id == entry]

    def _count(self, window: _Window, at_ns: int) -> None:
        window.bites += 1
        if window.first_bite_ns is None:
            self.pass_edges(at_ns)  # nobody hears of a bite before hearing that the window has opened
            self.news.append(News("bite", window.id, window.provider, at_ns))
        window.first_bite_ns = min(at_ns, window.first_bite_ns or at_ns)
        window.last_bite_ns = max(at_ns, window.last_bite_ns or at_ns)

    def active(self, provider: str, now_ns: int) -> list[str]:
        """Ids of the entries whose window is open on the provider."""
        return [each.id for each in self._providers[provider].windows if each.from_ns <= now_ns < each.until_ns]

    def pass_edges(self, now_ns: int) -> None:
        """Add the edges passed by now to `news`. Only for show: no decision waits for it."""
        while self._edges and self._edges[0].at_ns <= now_ns:
            self.news.append(self._edges.popleft())

    def rows(self, now_ns: int) -> list[FaultWindow]:
        """A row for each entry and provider, at the end of the run. Empty if the run never began.

        A window that the run's end came before has equal armed and disarmed times.
        """
        if self._t0_ns is None:
            return []
        return [
            FaultWindow(
                entry=each.id,
                fault=each.entry.name,
                provider=each.provider,
                share=each.entry.share,
                declared_from_ns=each.from_ns,
                declared_until_ns=each.until_ns,
                armed_ns=min(each.from_ns, now_ns),
                disarmed_ns=min(each.until_ns, now_ns),
                bites=each.bites,
                matched=each.matched,
                first_bite_ns=each.first_bite_ns,
                last_bite_ns=each.last_bite_ns,
                whole=each.whole,
            )
            for each in self._windows()
        ]

    def _windows(self) -> list[_Window]:
        return [window for provider in self._providers.values() for window in provider.windows]


class _Bite:
    """Notes, once, that a window's entry has bitten an attempt. Bites are dated by when their attempt came in."""

    __slots__ = ("_done", "_record", "_timeline", "_window")

    def __init__(self, timeline: Timeline, window: _Window, record: AttemptRecord) -> None:
        self._timeline = timeline
        self._window = window
        self._record = record
        self._done = False

    def __call__(self, at_ns: int | None = None) -> None:
        if self._done:
            return
        self._done = True
        self._record.fault_ids.append(self._window.id)
        self._timeline._count(self._window, at_ns or self._record.received_ns)  # noqa: SLF001 - of the same file


def _faulty(scenario: Scenario, index: int, entry: Entry) -> list[tuple[str, _Window]]:
    fault = find(entry.fault or "").model_validate(entry.with_)
    until_s = scenario.until_s(entry)
    whole = False if fault.picks else None
    return [(name, _Window(entry.id_at(index), entry, fault, name, entry.at, until_s, whole)) for name in entry.on]


def _standing(scenario: Scenario, index: int, entry: Entry) -> list[tuple[str, _Window]]:
    standing = standings.find(entry.standing or "").model_validate(entry.with_)
    until_s, whole = scenario.until_s(entry), standing.whole(entry)
    return [
        (
            name,
            _Window(entry.id_at(index), entry, None, name, entry.at + standing.late_s(entry, name), until_s, whole),
        )
        for name in entry.on
    ]


def _count(value: Any) -> int | None:
    return int(value) if isinstance(value, str) and value.isdecimal() and len(value) < 10 else None
