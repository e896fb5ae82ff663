"""How fast a provider answers when it is well, and which of its answers came much later than that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Final

from .events import OK, SLOW, Event

ANSWER_TOKENS: Final = 24
"""Length of a compiled scenario's answers, in tokens."""
FAST_TOKENS: Final = 1000.0
"""Tokens per second where the log doesn't tell how long answers took after their first byte."""
QUANTILES_FROM: Final = 20
"""Fewer answers give a median alone."""
STRETCHES: Final = 40
"""Even parts of the log, of which the calmer half tells what is usual."""
SLOW_FACTOR: Final = 3.0
"""How many times the usual 95th percentile makes an answer slow."""
SLOW_S: Final = 0.5
"""How many seconds above the usual median an answer must be to be slow."""
TTFT_S_MIN: Final = 0.001
TTFT_S_MAX: Final = 120.0


@dataclass(frozen=True, slots=True)
class Usual:
    """A provider's speed in its calm stretches: the times in seconds, lowest first, and what they measure.

    `whole` says that they are times of whole answers, because the log has no times of first bytes. `tail_s` is the
    median time from the first byte to the last.
    """

    times_s: Sequence[float]
    whole: bool
    tail_s: float | None

    @property
    def p50_s(self) -> float:
        """The median."""
        return quantile(self.times_s, 0.5)

    @property
    def slow_from_s(self) -> float:
        """From which time on an answer is slow."""
        return max(SLOW_FACTOR * quantile(self.times_s, 0.95), self.p50_s + SLOW_S)

    @property
    def tokens_per_second(self) -> float:
        """The pace that lets answers of `ANSWER_TOKENS` take as long as the log's."""
        if self.tail_s is None or self.tail_s <= 0:
            return FAST_TOKENS
        return max(1.0, min(10_000.0, ANSWER_TOKENS / self.tail_s))

    @property
    def ttft_s(self) -> dict[str, float]:
        """Quantiles of the time to the first token by name, or the median alone."""
        off = ANSWER_TOKENS / FAST_TOKENS if self.whole else 0.0

        def at(share: float) -> float:
            return round(min(max(quantile(self.times_s, share) - off, TTFT_S_MIN), TTFT_S_MAX), 3)

        if len(self.times_s) < QUANTILES_FROM:
            return {"p50": at(0.5)}
        return {"p5": at(0.05), "p50": at(0.5), "p95": at(0.95), "p99": at(0.99)}


def usual(events: Sequence[Event]) -> Usual | None:
    """The usual speed of one provider's calls (in order of time); None if no good one has a time."""
    good = [each for each in events if each.kind == OK]
    firsts = [(each.at_s, each.first_s) for each in good if each.first_s is not None]
    whole = not firsts or len(firsts) * 2 < len([each for each in good if each.latency_s is not None])
    timed = [(each.at_s, each.latency_s) for each in good if each.latency_s is not None] if whole else firsts
    if not timed:
        return None
    parts: dict[int, list[float]] = {}
    begin_s, span_s = timed[0][0], (timed[-1][0] - timed[0][0]) or 1.0
    for at_s, took_s in timed:
        parts.setdefault(int((at_s - begin_s) / span_s * STRETCHES), []).append(took_s)
    by_median = sorted(parts.values(), key=median)
    calm = sorted(took_s for part in by_median[: (len(by_median) + 1) // 2] for took_s in part)
    limit_s = Usual(calm, whole, None).slow_from_s  # a few slow ones are in every stretch, and are played as such
    calm = [took_s for took_s in calm if took_s <= limit_s]
    tails = [each.latency_s - each.first_s for each in good if each.latency_s is not None and each.first_s is not None]
    return Usual(calm, whole, None if whole or not tails else median(tails))


def time_of(event: Event, speed: Usual) -> float | None:
    """The time of a call that `speed` is about."""
    return event.latency_s if speed.whole else event.first_s


def marked(events: Sequence[Event], speed: Usual | None) -> list[Event]:
    """The calls, each good one that was slow marked so."""
    if speed is None:
        return list(events)
    limit_s = speed.slow_from_s
    return [
        replace(each, kind=SLOW)
        if each.kind == OK and (took_s := time_of(each, speed)) is not None and took_s > limit_s
        else each
        for each in events
    ]


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value at a share of the way through `ordered`, between its neighbours."""
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
