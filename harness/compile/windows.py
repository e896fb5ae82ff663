"""From segments to windows on a scenario's timeline: which fault, from when to when, for which share."""

from __future__ import annotations

import json
import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from .events import CUT, OK, SLOW, STREAM_ERROR, Event
from .playing import accepted, fault_for
from .segment import Segment, bins_for, segments
from .speeds import Usual, time_of

WINDOW_S_MIN: Final = 0.25
"""Shortest window, in seconds of the scenario: what is shorter in it is told as a smaller share of a longer one."""
CYCLES_MAX: Final = 4
"""Most rounds in which kinds that came together take their turns in one segment."""
CALLS_MIN: Final = 3
"""Fewer failed calls of a kind in a segment are left out."""
SHARE_MIN: Final = 0.002
"""A smaller share of a segment's calls is left out."""
SHARE_WHOLE: Final = 0.995
"""From this share on, it is all of them."""
SLOW_SHARE_MIN: Final = 0.05
"""A smaller share of slow answers is the tail that every provider has."""
BITES_MIN: Final = 5.0
"""Requests that a window is to meet, on average: one that meets none makes a run inconclusive."""
DELAY_S_MAX: Final = 120.0
"""Longest delay that is played, in seconds."""
_LATER: Final = (CUT, STREAM_ERROR)


@dataclass(frozen=True, slots=True)
class Clock:
    """From the log's time to the scenario's: `factor` times as fast, beginning at `lead_s`."""

    zero_s: float
    factor: float
    lead_s: float = 0.0

    def at(self, log_s: float) -> float:
        """The scenario's second of a moment of the log."""
        return (log_s - self.zero_s) / self.factor + self.lead_s


@dataclass(frozen=True, slots=True)
class Window:
    """An entry of the timeline, in seconds of the scenario. `instead` says that the fault is only like the kind."""

    provider: str
    from_s: float
    until_s: float
    kind: str
    fault: str
    share: float
    with_: dict[str, Any]
    instead: bool
    calls: int
    """Calls of the log that it stands for."""
    stretch: Segment
    """The segment of the log that it is of."""
    every_s: float = 0.0
    """It takes turns with others: the length of a round, 0 if it lasts throughout."""
    turn_s: float = 0.0
    """How long each of its turns lasts."""

    @property
    def length_s(self) -> float:
        """Seconds for which it is on."""
        length_s = self.until_s - self.from_s
        if not self.every_s:
            return length_s
        rounds = math.ceil(round(length_s / self.every_s, 6))
        return min(length_s, rounds * self.turn_s)

    @property
    def duty(self) -> float:
        """The part of each round in which it is on, rounded down, so that it never runs into the next one's turn."""
        return math.floor(self.turn_s / self.every_s * 1e6) / 1e6

    def is_on(self, at_s: float) -> bool:
        """Whether it is on at a second of the scenario."""
        if not self.from_s <= at_s < self.until_s:
            return False
        return not self.every_s or (at_s - self.from_s) % self.every_s < self.turn_s


@dataclass(frozen=True, slots=True)
class Left:
    """Failed calls that no window stands for, and why."""

    provider: str
    kind: str
    calls: int
    why: str


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider's calls, its slow ones marked, and what is known of it."""

    name: str
    dialect: str
    events: Sequence[Event]
    usual: Usual | None
    stream: float
    """Share of its calls that asked for a stream."""


def cut(provider: Provider, from_s: float, until_s: float, factor: float) -> list[Segment]:
    """The provider's segments between two moments of the log, none shorter than `WINDOW_S_MIN` when it is played."""
    points = [(each.at_s, each.kind) for each in provider.events]
    return segments(points, from_s, until_s, bins_for(until_s - from_s, WINDOW_S_MIN * factor))


def windows(provider: Provider, found: Sequence[Segment], clock: Clock, rate: float) -> tuple[list[Window], list[Left]]:
    """The windows of a provider's segments, and what they leave out.

    Args:
        provider: Whose they are.
        found: Its segments.
        clock: From the log's time to the scenario's.
        rate: Calls per second of the scenario.
    """
    made: list[Window] = []
    left: list[Left] = []
    for segment in found:
        first = bisect_left(provider.events, segment.from_s, key=_at_s)
        here = provider.events[first : bisect_left(provider.events, segment.until_s, key=_at_s)]
        maker = _Segment(provider, segment, here, clock, rate, left)
        made += maker.windows()
    return made, _summed(left)


def _at_s(event: Event) -> float:
    return event.at_s


def _summed(left: Sequence[Left]) -> list[Left]:
    sums: Counter[tuple[str, str, str]] = Counter()
    for each in left:
        sums[each.provider, each.kind, each.why] += each.calls
    return [Left(provider, kind, calls, why) for (provider, kind, why), calls in sums.items()]


@dataclass(frozen=True, slots=True)
class _Part:
    """What of a segment is one window or more: a kind, its fault, and its share of the requests that reach it."""

    kind: str
    fault: str
    instead: bool
    calls: int
    share: float


@dataclass(frozen=True, slots=True)
class _Segment:
    """One segment's way into windows."""

    provider: Provider
    segment: Segment
    events: Sequence[Event]
    clock: Clock
    rate: float
    left: list[Left]

    def windows(self) -> list[Window]:
        counts = self.segment.counts
        refused = {kind: calls for kind, calls in counts.items() if kind not in {OK, SLOW, *_LATER}}
        passed = self.segment.total - sum(refused.values())
        made = self._turns(self._parts(refused, self.segment.total))
        later = {kind: calls for kind, calls in counts.items() if kind in _LATER}
        made += self._turns(self._parts(later, max(1, round(passed * (self.provider.stream or 1.0)))))
        if counts.get(SLOW, 0) >= SLOW_SHARE_MIN * max(1, passed):
            made += self._turns(self._parts({SLOW: counts[SLOW]}, passed))
        return made

    def _parts(self, counts: dict[str, int], among: int) -> list[_Part]:
        """The kinds that are played, the most frequent first; the rest is written down as left out."""
        parts = []
        for kind, calls in sorted(counts.items(), key=lambda each: (-each[1], each[0])):
            share = min(1.0, calls / among)
            if calls < CALLS_MIN or share < SHARE_MIN:
                self._leave(kind, calls, "too few to tell a window")
                continue
            choice = fault_for(kind, self.provider.dialect, self._status(kind), partial=share < SHARE_WHOLE)
            if choice is None:
                self._leave(kind, calls, "no fault plays it")
                continue
            parts.append(_Part(kind, choice.fault, not choice.exact, calls, share))
        return parts

    def _turns(self, parts: list[_Part]) -> list[Window]:
        """The parts as windows that follow one another, since only one fault can answer a request.

        Each gets time by its calls, and the share of all of them together: so at every moment as many requests fail as
        in the log, and over the segment as many of each kind.
        """
        from_s, until_s = self.clock.at(self.segment.from_s), self.clock.at(self.segment.until_s)
        length_s = until_s - from_s
        while len(parts) > 1 and length_s * parts[-1].calls / sum(each.calls for each in parts) < WINDOW_S_MIN:
            self._leave(parts[-1].kind, parts[-1].calls, "too short a turn beside the others; counted as one of them")
            parts = [*parts[:-2], self._joined(parts[-2], parts[-1])]
        if not parts:
            return []
        calls = sum(each.calls for each in parts)
        share = min(1.0, sum(each.share for each in parts))
        share = 1.0 if share >= SHARE_WHOLE else round(share, 4)
        shortest_s = length_s * min(each.calls for each in parts) / calls
        need_s = max(WINDOW_S_MIN, BITES_MIN / (self.rate * share))
        cycles = 1 if len(parts) == 1 else max(1, min(CYCLES_MAX, int(shortest_s / need_s)))
        return self._rounds(parts, (round(from_s * 1000), round(until_s * 1000)), share, cycles)

    def _rounds(self, parts: list[_Part], bounds_ms: tuple[int, int], share: float, cycles: int) -> list[Window]:
        """The parts' turns in `cycles` rounds, in whole milliseconds, so that none runs into the next one's."""
        from_ms, until_ms = bounds_ms
        every_ms = (until_ms - from_ms) // cycles
        calls = sum(each.calls for each in parts)
        made, before, begin_ms = [], 0, 0
        for part in parts:
            before += part.calls
            end_ms = round(every_ms * before / calls)
            last_ms = until_ms if cycles == 1 and part is parts[-1] else from_ms + (cycles - 1) * every_ms + end_ms
            rhythm_s = (every_ms / 1000, (end_ms - begin_ms) / 1000) if cycles > 1 else (0.0, 0.0)
            made.append(self._window(part, ((from_ms + begin_ms) / 1000, last_ms / 1000), share, rhythm_s))
            begin_ms = end_ms
        return made

    def _window(
        self, part: _Part, bounds_s: tuple[float, float], share: float, rhythm_s: tuple[float, float]
    ) -> Window:
        return Window(
            provider=self.provider.name,
            from_s=bounds_s[0],
            until_s=bounds_s[1],
            kind=part.kind,
            fault=part.fault,
            share=share,
            with_=self._parameters(part, share),
            instead=part.instead,
            calls=part.calls,
            stretch=self.segment,
            every_s=rhythm_s[0],
            turn_s=rhythm_s[1],
        )

    def _joined(self, part: _Part, other: _Part) -> _Part:
        return _Part(part.kind, part.fault, part.instead, part.calls + other.calls, part.share + other.share)

    def _leave(self, kind: str, calls: int, why: str) -> None:
        self.left.append(Left(self.provider.name, kind, calls, why))

    def _status(self, kind: str) -> int | None:
        seen = Counter(each.status for each in self.events if each.kind == kind and each.status)
        return seen.most_common(1)[0][0] if seen else None

    def _parameters(self, part: _Part, share: float) -> dict[str, Any]:
        """What stands under `with`: of what the log tells, that which the fault takes at this vendor."""
        wishes: dict[str, Any] = {}
        waits = [
            each.retry_after_s for each in self.events if each.kind == part.kind and each.retry_after_s is not None
        ]
        if waits and not part.instead:
            wishes["retry_after"] = f"{max(1, round(median(waits) / self.clock.factor))}s"
        if part.kind == SLOW and self.provider.usual is not None:
            usual = self.provider.usual
            took = [time for each in self.events if each.kind == SLOW and (time := time_of(each, usual)) is not None]
            wishes["delay"] = f"{round(1000 * min(median(took) - usual.p50_s, DELAY_S_MAX))}ms"
        if part.kind == "edge_page":
            wishes["status"] = self._status(part.kind)
        taken: dict[str, Any] = {}
        for name, value in wishes.items():
            tried = {**taken, name: value}
            if accepted(part.fault, self.provider.dialect, json.dumps(tried), partial=share < 1):
                taken = tried
        return taken
