"""From a log to a scenario as data: what is decided about providers, windows, load and expectations, and why."""

from __future__ import annotations

import math
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from ..errors import HarnessError
from . import vendors
from .events import CUT, OK, SLOW, Event, Log
from .segment import Segment
from .speeds import Usual, marked, quantile, usual
from .windows import Clock, Left, Provider, Window, cut, windows

FIT_S: Final = 60.0
"""How long the log's part of a scenario lasts unless told otherwise, in seconds, if the log is longer."""
RATE_MAX: Final = 60.0
"""Most calls per second unless told otherwise."""
RATE_MIN: Final = 0.1
LEAD_S: Final = 2.0
"""Seconds of healthy load before the first window, so that there is something to compare with."""
TAIL_S: Final = 5.0
"""Seconds of healthy load behind the last window, so that recovery can be seen."""
GRAIN_S: Final = 0.001
"""What a scenario's times are rounded to: the tail is that much longer, so that a rounded sum still fits."""
RECOVER_S: Final = 3.0
"""Seconds within which a router is expected to recover."""
BITES_AIM: Final = 5.0
BITES_LEAST: Final = 3.0
"""A window that fewer requests would meet on average is left out: one that none meets proves nothing."""
STEPS: Final = 2000
"""Moments of a scenario at which is looked whether any provider is well."""
WINDOWS_MAX: Final = 400
"""Most windows of a scenario."""
CALLS_MAX: Final = 1_000_000
"""Most calls of a scenario."""
DEADLINE_S_MIN: Final = 5.0
DURATION_S_MAX: Final = 7 * 24 * 3600.0
"""Longest scenario, in seconds."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user asked for.

    `compress` is how many times as fast, `fit_s` how long it may last, `rate_max` the most calls per second; each None
    if the user said nothing.
    """

    compress: float | None = None
    fit_s: float | None = None
    rate_max: float | None = None
    title: str | None = None
    name: str = "a log"
    """What the scenario calls the log."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """A scenario, decided."""

    title: str
    name: str
    what: str
    calls: int
    zero_s: float
    """When the log began."""
    span_s: float
    factor: float
    providers: list[Provider]
    models: dict[str, str]
    windows: list[Window]
    left: list[Left]
    rate: float
    observed_rate: float
    capped: bool
    lead_s: float
    tail_s: float
    duration_s: float
    stream: float | None
    deadline_s: float
    lost: float
    """Share of the calls that no router can save: due while every provider fails, or cut while they are answered."""
    seed: int
    notes: list[str] = field(default_factory=list)


def decide(log: Log, wish: Wish) -> Compiled:
    """The scenario of a log.

    Raises:
        HarnessError: when all its calls began at once, or the scenario would be too long.
    """
    if log.span_s <= 0:
        advice = "check the time's column: a log of one moment has no timeline"
        raise HarnessError("all calls of the log began at the same moment", wish.name, advice)
    factor = _factor(log.span_s, wish)
    gap_s = log.span_s / len(log.events)  # the last call stands for a moment too
    from_s, until_s = log.events[0].at_s, log.events[-1].at_s + gap_s
    observed = len(log.events) / log.span_s * factor
    most = RATE_MAX if wish.rate_max is None else wish.rate_max
    rate = min(max(observed, RATE_MIN), most)
    clock = Clock(from_s, factor)
    providers = _providers(log.events)
    cuts = [(each, cut(each, from_s, until_s, factor)) for each in providers]
    _, _, need = _windows(cuts, clock, rate)
    rate = _rounded(min(most, max(rate, need)))
    made, left, _ = _windows(cuts, clock, rate)
    made, few = _met(made, rate)
    left += few
    first_s = min((each.from_s for each in made), default=LEAD_S)
    lead_s = round(max(0.0, LEAD_S - first_s), 3)
    made = [
        replace(each, from_s=round(each.from_s + lead_s, 3), until_s=round(each.until_s + lead_s, 3)) for each in made
    ]
    length_s = lead_s + (until_s - from_s) / factor
    last_s = max((each.until_s for each in made), default=0.0)
    duration_s = round(max(length_s, last_s + TAIL_S + GRAIN_S if made else 0.0, 1.0), 3)
    _check_size(duration_s, rate, wish)
    return Compiled(
        title=wish.title or _title(made),
        name=wish.name,
        what=log.what,
        calls=len(log.events),
        zero_s=from_s,
        span_s=log.span_s,
        factor=factor,
        providers=providers,
        models={each.name: _model(each) for each in providers},
        windows=made,
        left=left,
        rate=rate,
        observed_rate=len(log.events) / log.span_s,
        capped=observed > most,
        lead_s=lead_s,
        tail_s=max(0.0, duration_s - length_s),
        duration_s=duration_s,
        stream=_stream(log.events),
        deadline_s=_deadline_s(providers),
        lost=_lost(providers, made, duration_s),
        seed=zlib.crc32(repr(made).encode()),
        notes=log.notes,
    )


def _factor(span_s: float, wish: Wish) -> float:
    if wish.compress is not None:
        return wish.compress
    return max(1.0, span_s / (FIT_S if wish.fit_s is None else wish.fit_s))


def _check_size(duration_s: float, rate: float, wish: Wish) -> None:
    if duration_s > DURATION_S_MAX or duration_s * rate > CALLS_MAX:
        what = f"the scenario would last {duration_s:,.0f} s, with {duration_s * rate:,.0f} calls"
        raise HarnessError(what, wish.name, "compress it more: --fit 60s, or --compress 60x; or lower --rate")


def _providers(events: Sequence[Event]) -> list[Provider]:
    """The providers, the one with the most calls first."""
    found: dict[str, list[Event]] = {}
    for each in events:
        found.setdefault(each.provider, []).append(each)
    providers = []
    for name, its in sorted(found.items(), key=lambda each: (-len(each[1]), each[0])):
        speed = usual(its)
        asked = [each.stream for each in its if each.stream is not None]
        stream = sum(asked) / len(asked) if asked else 0.5
        dialect = Counter(each.dialect for each in its).most_common(1)[0][0]
        providers.append(Provider(name, dialect, marked(its, speed), speed, stream))
    return providers


def _windows(
    cuts: Sequence[tuple[Provider, list[Segment]]], clock: Clock, rate: float
) -> tuple[list[Window], list[Left], float]:
    """All windows, what they leave out, and the rate at which each is met often enough."""
    made: list[Window] = []
    left: list[Left] = []
    for provider, found in cuts:
        its, missing = windows(provider, found, clock, rate)
        made += its
        left += missing
    need = max((BITES_AIM / (each.length_s * each.share) for each in made if each.length_s > 0), default=0.0)
    return made, left, need


def _met(made: Sequence[Window], rate: float) -> tuple[list[Window], list[Left]]:
    """The windows that enough requests meet, in order of time; the others are left out."""
    kept = [each for each in made if each.length_s > 0 and rate * each.length_s * each.share >= BITES_LEAST]
    kept = sorted(kept, key=lambda each: -each.calls)[:WINDOWS_MAX]
    chosen = set(map(id, kept))
    why = "too few requests would meet it at that rate"
    few = [Left(each.provider, each.kind, each.calls, why) for each in made if id(each) not in chosen]
    return sorted(kept, key=lambda each: (each.stretch.from_s, each.provider, each.from_s)), few


def _rounded(rate: float) -> float:
    """Three significant digits, and not less: a rate rounded down would miss its aim."""
    digits = 2 - math.floor(math.log10(rate))
    scale = 10.0**digits
    return math.ceil(round(rate * scale, 6)) / scale


def _title(made: Sequence[Window]) -> str:
    if not made:
        return "Compiled from a log: nothing failed"
    worst = max(made, key=lambda each: (each.kind != SLOW, each.calls))
    return f"Compiled from a log: {worst.kind} at {worst.provider}"


def _model(provider: Provider) -> str:
    seen = Counter(each.model for each in provider.events if each.model)
    return seen.most_common(1)[0][0] if seen else vendors.MODELS[provider.dialect]


def _stream(events: Sequence[Event]) -> float | None:
    asked = [each.stream for each in events if each.stream is not None]
    return sum(asked) / len(asked) if asked else None


def _deadline_s(providers: Sequence[Provider]) -> float:
    """Twice what the slowest hundredth of the usual answers takes, and at least `DEADLINE_S_MIN`."""
    whole = [_p99_s(each.usual) for each in providers if each.usual is not None]
    return float(max(DEADLINE_S_MIN, math.ceil(2 * max(whole, default=0.0))))


def _p99_s(speed: Usual) -> float:
    return min(quantile(speed.times_s, 0.99) + (speed.tail_s or 0.0), 3600.0)


def _lost(providers: Sequence[Provider], made: Sequence[Window], duration_s: float) -> float:
    lost = 0.0
    for number in range(STEPS):
        at_s = duration_s * (number + 0.5) / STEPS
        failing = dict.fromkeys((each.name for each in providers), 0.0)
        broken = 0.0
        for each in made:
            if each.kind == SLOW or not each.is_on(at_s):
                continue
            if each.kind == CUT:
                broken = max(broken, each.share)
            else:
                failing[each.provider] = min(1.0, failing[each.provider] + each.share)
        lost += min(1.0, math.prod(failing.values()) + broken)
    return lost / STEPS


def mix(events: Sequence[Event]) -> Counter[str]:
    """How many calls failed in each way, slow ones left out."""
    return Counter(each.kind for each in events if each.kind not in {OK, SLOW})
