"""A distribution told by some of its quantiles, as a dashboard shows them: p50 400 ms, p95 2 s.

Between two of them the logarithm of the value is linear in the normal score z(p) of its level, z being the inverse of
the standard normal distribution function. Through two quantiles that is the lognormal distribution that has both, with
σ = ln(q₂/q₁) / (z₂ - z₁) and μ = ln q₁ - σ·z₁ (Johnson, Kotz and Balakrishnan, Continuous Univariate Distributions,
volume 1, chapter 14). Through more it is an empirical distribution of such pieces, rising throughout.

Tails: the outermost pieces go on, as far as p0.1 and p99.9, and never beyond a hundredth of the lowest or 100 times the
highest value that was given. Whoever knows p99.9 gives it and has the tail end there.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import NormalDist
from typing import Final, Self

LEVEL_MIN: Final = 0.001
"""Lowest level of a quantile, and where the lower tail ends."""
LEVEL_MAX: Final = 0.999
"""Highest level of a quantile, and where the upper tail ends."""
TAIL_FACTOR: Final = 100.0
"""A tail's last value is at most this many times the outermost value given, or that part of it."""
_NAME: Final = re.compile(r"p(\d{1,2}(?:\.\d+)?)")
_NORMAL: Final = NormalDist()


@dataclass(frozen=True, slots=True)
class Quantiles:
    """A distribution of positive values through these points, each a level (0.95 for p95) and its value.

    Raises:
        ValueError: with fewer than two points, a level outside p0.1 to p99.9, or values that are not positive or fall
            while the level rises.
    """

    points: tuple[tuple[float, float], ...]
    _scores: tuple[float, ...] = field(init=False, repr=False, compare=False)
    _logs: tuple[float, ...] = field(init=False, repr=False, compare=False)
    _slopes: tuple[float, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        levels = [level for level, _ in self.points]
        values = [value for _, value in self.points]
        if len(levels) < 2 or not all(LEVEL_MIN <= level <= LEVEL_MAX for level in levels):
            raise ValueError(f"expected two or more quantiles from p0.1 to p99.9, got {self.named()!r}")
        if not all(0 < value < math.inf for value in values):
            raise ValueError(f"expected quantiles above 0, got {self.named()!r}")
        if any(lower >= upper for lower, upper in pairwise(levels)):
            raise ValueError(f"expected each quantile once, in rising order, got {self.named()!r}")
        if any(lower > upper for lower, upper in pairwise(values)):
            raise ValueError(f"expected values that rise with their quantiles, got {self.named()!r}")
        scores = tuple(map(_NORMAL.inv_cdf, levels))
        logs = tuple(map(math.log, values))
        rises = zip(pairwise(logs), pairwise(scores), strict=True)
        object.__setattr__(self, "_scores", scores)
        object.__setattr__(self, "_logs", logs)
        object.__setattr__(self, "_slopes", tuple((b - a) / (z - y) for (a, b), (y, z) in rises))

    @classmethod
    def of(cls, named: Mapping[str, float]) -> Self:
        """The distribution of quantiles by name, such as ``{"p50": 0.4, "p95": 2.0}``, in any order.

        Raises:
            ValueError: when a name is none, or the quantiles make no distribution.
        """
        points = []
        for name, value in named.items():
            match = _NAME.fullmatch(name)
            if match is None:
                raise ValueError(f"expected the name of a quantile, such as p50 or p99.9, got {name!r}")
            points.append((round(float(match[1]) / 100, 12), float(value)))  # p99.9 is 0.999, not 0.9990000000000001
        return cls(tuple(sorted(points)))

    def named(self) -> dict[str, float]:
        """The points by name, lowest first."""
        return {f"p{level * 100:.10g}": value for level, value in self.points}

    def at(self, level: float) -> float:
        """The value at `level` (0 to 1): with a level drawn evenly, a draw of the distribution."""
        score = _NORMAL.inv_cdf(min(max(level, LEVEL_MIN), LEVEL_MAX))
        place = min(max(bisect_right(self._scores, score) - 1, 0), len(self._slopes) - 1)
        found = self._logs[place] + (score - self._scores[place]) * self._slopes[place]
        lowest, highest = self._logs[0] - _TAIL, self._logs[-1] + _TAIL
        return math.exp(min(max(found, lowest), highest))


_TAIL: Final = math.log(TAIL_FACTOR)
