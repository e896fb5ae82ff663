"""Cuts a provider's calls into stretches in each of which the mix of kinds stays the same.

The timeline is laid into even bins. Of all ways to join neighbouring bins into segments, the one is taken whose
likelihood, each segment having shares of its own, less a penalty for each segment, is highest (optimal partitioning,
Jackson et al. 2005, https://doi.org/10.1109/LSP.2001.838216; the likelihood is that of a multinomial). The penalty is
(K + 1) / 2 × ln n for K kinds and n calls: half a ln n for each share that is free and two for the place of the edge,
much as the Bayesian information criterion has it. So a stray error makes no segment, and an outage does.

Then each edge moves within the bins beside it to the call that fits best, and neighbours that are no longer worth a
segment of their own are joined: a bin that held an edge was a mix of its own until then. Pure, without random choices.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

BINS_MAX: Final = 240
"""Most bins; the work grows with their square."""
BINS_MIN: Final = 4

Point = tuple[float, str]
"""When a call began, in seconds, and its kind."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of time, in seconds, and how many calls of each kind began in it."""

    from_s: float
    until_s: float
    counts: dict[str, int]

    @property
    def total(self) -> int:
        """All calls in it."""
        return sum(self.counts.values())

    def share(self, kind: str) -> float:
        """The share of calls of a kind, 0 to 1."""
        return self.counts.get(kind, 0) / self.total if self.total else 0.0


def bins_for(span_s: float, shortest_s: float) -> int:
    """How many bins a timeline is laid into if nothing shorter than `shortest_s` seconds is told apart."""
    return max(BINS_MIN, min(BINS_MAX, int(span_s / shortest_s)))


def segments(points: Sequence[Point], from_s: float, until_s: float, bins: int) -> list[Segment]:
    """The segments of `points` (in order of time), which cover `from_s` to `until_s` without gaps.

    Args:
        points: Calls of one provider, none before `from_s` or after `until_s`.
        from_s: Where the timeline begins, in seconds.
        until_s: Where it ends.
        bins: How many even bins it is laid into; no segment is shorter than one.
    """
    if not points or until_s <= from_s:
        return [Segment(from_s, until_s, dict(Counter(kind for _, kind in points)))]
    kinds = sorted({kind for _, kind in points})
    edges_s = [from_s + (until_s - from_s) * index / bins for index in range(bins)]
    starts = [bisect_left(points, (edge,)) for edge in edges_s] + [len(points)]
    sums = _sums(points, kinds, starts)
    penalty = (len(kinds) + 1) / 2 * math.log(len(points))
    return _joined(_refined(points, _cuts(sums, bins, penalty), starts, (from_s, until_s)), penalty)


def _sums(points: Sequence[Point], kinds: Sequence[str], starts: Sequence[int]) -> list[list[int]]:
    """For each kind, how many calls of it came before each bin."""
    sums = []
    for kind in kinds:
        so_far, before = [0], 0
        for first, last in pairwise(starts):
            before += sum(1 for _, each in points[first:last] if each == kind)
            so_far.append(before)
        sums.append(so_far)
    return sums


def _cuts(sums: Sequence[Sequence[int]], bins: int, penalty: float) -> list[int]:
    """The bins at which segments begin, the first one's left out."""
    totals = [sum(each) for each in zip(*sums, strict=True)]
    best, came_from = [0.0] * (bins + 1), [0] * (bins + 1)
    best[0] = -penalty
    for end in range(1, bins + 1):
        lowest, where = math.inf, 0
        for begin in range(end):
            cost = best[begin] + _cost([each[end] - each[begin] for each in sums], totals[end] - totals[begin])
            if cost < lowest - 1e-9:
                lowest, where = cost, begin
        best[end], came_from[end] = lowest + penalty, where
    cuts, at = [], bins
    while came_from[at]:
        at = came_from[at]
        cuts.append(at)
    return cuts[::-1]


def _cost(counts: Sequence[int], total: int) -> float:
    """How unlikely the counts are at best: minus the log-likelihood at their own shares."""
    return total * math.log(total) - sum(each * math.log(each) for each in counts if each) if total else 0.0


def _refined(
    points: Sequence[Point], cuts: Sequence[int], starts: Sequence[int], ends_s: tuple[float, float]
) -> list[Segment]:
    """The segments between `cuts`, each edge moved to the call that fits best in the bin before it or behind it."""
    borders = [0, *(starts[cut] for cut in cuts), len(points)]
    for index, cut in enumerate(cuts, 1):
        lowest, highest = max(borders[index - 1], starts[cut - 1]), min(borders[index + 1], starts[cut + 1])
        before = Counter(kind for _, kind in points[borders[index - 1] : borders[index]])
        after = Counter(kind for _, kind in points[borders[index] : borders[index + 1]])
        borders[index] = _best_border(points[lowest:highest], before, after) + lowest
    edges_s = [ends_s[0]]
    edges_s += [max(edges_s[0], _between(points, border)) for border in borders[1:-1]]
    edges_s.append(ends_s[1])
    found = []
    for number, (first, last) in enumerate(pairwise(borders)):
        if last > first:
            counts = dict(Counter(kind for _, kind in points[first:last]))
            found.append(Segment(edges_s[number], edges_s[number + 1], counts))
    return found


def _joined(found: list[Segment], penalty: float) -> list[Segment]:
    """The segments, neighbours joined, the likest first, as long as that costs less than a segment does."""
    while len(found) > 1:
        costs = [_price(Counter(one.counts) + Counter(two.counts), one, two) for one, two in pairwise(found)]
        least = min(costs)
        if least >= penalty:
            break
        place = costs.index(least)
        one, two = found[place : place + 2]
        both = dict(Counter(one.counts) + Counter(two.counts))
        found = [*found[:place], Segment(one.from_s, two.until_s, both), *found[place + 2 :]]
    return found


def _price(both: Counter[str], one: Segment, two: Segment) -> float:
    """How much likelihood two segments lose as one."""
    apart = sum(_cost(list(each.counts.values()), each.total) for each in (one, two))
    return _cost(list(both.values()), both.total()) - apart


def _between(points: Sequence[Point], border: int) -> float:
    """A moment between two calls: just before the second, since that is the first sure sign of the change."""
    return points[border][0] if border < len(points) else points[-1][0]


def _best_border(points: Sequence[Point], before: Counter[str], after: Counter[str]) -> int:
    """At which of `points` the mix `before` most likely gives way to the mix `after`."""
    kinds = before.keys() | after.keys()
    gain = {kind: math.log(_smooth(before, kind, len(kinds)) / _smooth(after, kind, len(kinds))) for kind in kinds}
    so_far, best, where = 0.0, 0.0, 0
    for index, (_, kind) in enumerate(points, 1):
        so_far += gain[kind]
        if so_far > best:
            best, where = so_far, index
    return where


def _smooth(counts: Counter[str], kind: str, kinds: int) -> float:
    return (counts[kind] + 0.5) / (counts.total() + 0.5 * kinds)
