"""The timeline: which entries bite which attempt, decided by comparing clocks, and what each window saw.

Sans I/O and without timers: an attempt is decided once, from the moment its headers arrived, the request itself, and
the seed. `at` belongs to a window, `until` does not. Before `start` nothing is active.

A standing is decided by the fake, which says in its response what it showed: a bite is counted when that is heard.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ...fakes.callers import Caller
from ...fakes.dialects.base import Ask, RequestRefused
from ...reports.tables import FaultWindow
from .. import standings
from ..chance import chance
from ..load.schedule import callers
from . import find
from .attempt import AttemptRecord
from .base import Context
from .plan import Chosen, Plan
from .sender import Sender
from .window import Window

if TYPE_CHECKING:
    from ...fakes.dialects.base import Dialect
    from ...scenarios.entry import Entry
    from ...scenarios.model import Scenario

CALLS_COUNTED_MAX: Final = 200_000
"""Calls at one provider whose attempts are counted; beyond, the oldest call is forgotten."""
NEWS_MAX: Final = 10_000
"""Pieces of news that wait for a reader; beyond, the oldest is forgotten."""

_NEVER_NS: Final = 2**63


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
class _Provider:
    dialect: Dialect
    windows: list[Window] = field(default_factory=list)
    standing: dict[str, Window] = field(default_factory=dict)
    attempts_of: dict[int, int] = field(default_factory=dict)
    background: int = 0
    open: tuple[Window, ...] = ()
    open_from_ns: int = 0
    open_until_ns: int = 0  # `open` is what is open from then until then

    def add(self, window: Window) -> None:
        self.windows.append(window)
        if window.fault is None:
            self.standing[window.id] = window

    def forget(self) -> None:
        """Its windows have moved."""
        self.open, self.open_from_ns, self.open_until_ns = (), 0, 0

    def open_at(self, at_ns: int) -> tuple[Window, ...]:
        """The windows that hold the moment; the same tuple until one of them opens or closes."""
        if not self.open_from_ns <= at_ns < self.open_until_ns:
            self.open = tuple(window for window in self.windows if window.is_on(at_ns))
            edges = [edge_ns for window in self.windows if (edge_ns := window.next_edge_ns(at_ns)) is not None]
            self.open_from_ns, self.open_until_ns = at_ns, min(edges, default=_NEVER_NS)
        return self.open

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
        by_caller = any(each.share_of == "caller" for each in scenario.timeline)
        self._callers = callers(scenario) if by_caller else None
        for index, entry in enumerate(scenario.timeline):
            windows_of = {"fault": _faulty, "standing": _standing}.get(entry.kind)
            for window in windows_of(scenario, index, entry) if windows_of else ():  # events happen to nobody here
                if window.provider in self._providers:
                    self._providers[window.provider].add(window)
        self._edges: deque[News] = deque()

    def start(self, t0_ns: int) -> None:
        """Set the moment that the timeline counts from, on the clock of `time.monotonic_ns`."""
        self._t0_ns = t0_ns
        edges: list[News] = []
        for here in self._providers.values():
            here.forget()
        for each in self._windows():
            each.start(t0_ns)
            for from_ns, until_ns in each.span.windows():
                edges.append(News("armed", each.id, each.provider, from_ns))
                edges.append(News("disarmed", each.id, each.provider, until_ns))
        # Of one moment what opens is told first, and both in the timeline's order.
        self._edges = deque(sorted(edges, key=lambda edge: (edge.at_ns, edge.event)))

    def plan(
        self, provider: str, method: str, path: str, *, headers: dict[str, str], body: bytes, received_ns: int
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
        caller = Caller(self._providers[provider].dialect, method, path, headers)
        return self.decide(provider, Sender(caller, method, path, headers), body, received_ns)

    def decide(self, provider: str, sender: Sender, body: bytes, received_ns: int) -> Plan:
        """As `plan`, about an attempt whose sender is known."""
        here = self._providers[provider]
        ask: Ask | None = None
        read: Ask | RequestRefused
        try:
            read = ask = sender.caller.read(body)
        except RequestRefused as refused:
            read = refused
        mark = ask.mark if ask is not None else None
        call = mark.call if mark is not None and mark.run == self._run else None
        if call is None:
            here.background += 1
            entity, number = f"bg{here.background}", 1
        else:
            entity, number = str(call), here.number(call)
        self._attempts += 1
        record = AttemptRecord(
            f"{self._run}-{self._attempts:x}",
            call,
            provider,
            sender.fingerprint,
            ask.model if ask is not None else None,
            ask.stream if ask is not None else None,
            sender.path,
            received_ns,
            sender.client_retry,
        )
        chosen: list[Chosen] = []
        for window in sender.among(here.open_at(received_ns)):
            if not window.means(ask, number):
                continue
            window.tally(received_ns).matched += 1
            record.matched_ids.append(window.id)
            if window.fault is not None and self._draws(window, record, entity, number):
                span = window.span
                since_ns, window_ns = received_ns - span.from_ns, span.until_ns - span.from_ns
                fault = window.fault.in_window(since_ns / 1e9, window_ns / 1e9)
                chosen.append((fault, _Bite(self, window, record)))
        bitten = self._bitten(here, record) if here.standing else None
        context = None
        if chosen:
            id_seed = int(chance(self._seed, "fault", provider, entity, number) * 2**53)
            wall_s = (received_ns + self._wall_ahead_ns) / 1e9
            context = Context(here.dialect, provider, ask, id_seed, wall_s, sender.path, len(body))
        plan = Plan(record, context, chosen, bitten)
        plan.read = read
        return plan

    def _draws(self, window: Window, record: AttemptRecord, entity: str, number: int) -> bool:
        """Whether the seed lets an entry bite an attempt that it means."""
        share = window.share(record.received_ns)
        if share >= 1:
            return True
        entry = window.entry
        match entry.share_of:
            case "request":
                whose: tuple[str | int, ...] = (entity, number)
            case "call":
                whose = (entity,)
            case "credential":
                whose = ("credential", record.credential or "none")
            case "caller":
                whose = ("caller", self._caller(record.call, entity))
        # The provider is part of the hash: who is bitten here is not thereby bitten elsewhere too.
        where = "together" if entry.together else window.provider
        return chance(self._seed, "entry", window.id, where, *whose) < share

    def _caller(self, call: int | None, entity: str) -> str | int:
        """Who made the call, by the schedule; what nobody of ours made stands for itself."""
        if self._callers is None or call is None or not 1 <= call <= len(self._callers):
            return entity
        return self._callers[call - 1]

    def _bitten(self, here: _Provider, record: AttemptRecord) -> Callable[[str], None]:
        """What is to be called with each entry that the fake says it played on the attempt."""

        def bitten(entry: str) -> None:
            window = here.standing.get(entry)
            if window is None or entry in record.fault_ids:
                return
            if entry not in record.matched_ids:  # its window opened while the request was on its way to the fake
                window.tally(record.received_ns).matched += 1
                record.matched_ids.append(entry)
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
        shut: Window | None = None
        for window in self._providers[provider].windows:
            if window.fault is None or window.fault.door is None:
                continue
            if shut is None and window.is_on(now_ns):
                shut = window
            edge_ns = window.next_edge_ns(now_ns)
            if edge_ns is not None and (next_ns is None or edge_ns < next_ns):
                next_ns = edge_ns
        if shut is None or shut.fault is None:
            return Door(None, None, None, next_ns)
        return Door(shut.id, shut.fault.door, shut.since_ns(now_ns), next_ns)

    def break_off(self, provider: str, entry: str, record: AttemptRecord, at_ns: int) -> None:
        """Note that an entry's door has ended an attempt that was under way when it shut."""
        for window in self._named(provider, entry):
            at_ns = max(at_ns, window.span.from_ns)
            window.tally(at_ns).matched += 1
            record.matched_ids.append(window.id)
            _Bite(self, window, record)(at_ns)

    def prove(self, provider: str, entry: str, at_ns: int) -> None:
        """Note that a connection of our own met the shut door: what it bites besides leaves no trace here."""
        for window in self._named(provider, entry):
            window.tally(at_ns).matched += 1
            self._count(window, at_ns)

    def _named(self, provider: str, entry: str) -> list[Window]:
        return [window for window in self._providers[provider].windows if window.id == entry]

    def _count(self, window: Window, at_ns: int) -> None:
        if not window.bitten:
            self.pass_edges(at_ns)  # nobody hears of a bite before hearing that the window has opened
            self.news.append(News("bite", window.id, window.provider, at_ns))
        window.tally(at_ns).bite(at_ns)

    def active(self, provider: str, now_ns: int) -> list[str]:
        """Ids of the entries whose window is open on the provider."""
        return [each.id for each in self._providers[provider].windows if each.is_on(now_ns)]

    def pass_edges(self, now_ns: int) -> None:
        """Add the edges passed by now to `news`. Only for show: no decision waits for it."""
        while self._edges and self._edges[0].at_ns <= now_ns:
            self.news.append(self._edges.popleft())

    def rows(self, now_ns: int) -> list[FaultWindow]:
        """A row for each window, at the end of the run. Empty if the run never began.

        A window that the run's end came before has equal armed and disarmed times.
        """
        if self._t0_ns is None:
            return []
        return [row for each in self._windows() for row in each.rows(now_ns)]

    def _windows(self) -> list[Window]:
        return [window for provider in self._providers.values() for window in provider.windows]


class _Bite:
    """Notes, once, that a window's entry has bitten an attempt. Bites are dated by when their attempt came in."""

    __slots__ = ("_done", "_record", "_timeline", "_window")

    def __init__(self, timeline: Timeline, window: Window, record: AttemptRecord) -> None:
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


def _faulty(scenario: Scenario, index: int, entry: Entry) -> Iterator[Window]:
    fault = find(entry.fault or "").model_validate(entry.with_)
    whole = False if fault.picks or entry.picks else None
    for name in entry.on:
        yield Window(entry.id_at(index), entry, fault, name, scenario.span(entry, name), fault.phase, whole)


def _standing(scenario: Scenario, index: int, entry: Entry) -> Iterator[Window]:
    standing = standings.find(entry.standing or "").model_validate(entry.with_)
    whole = standing.whole(entry)
    for name in entry.on:
        span = scenario.span(entry, name, standing.late_s(entry, name))
        yield Window(entry.id_at(index), entry, None, name, span, standing.phase, whole)
