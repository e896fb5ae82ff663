"""A mean with its interval, over runs: the replicate is the run.

The interval is Student's t (Student, "The probable error of a mean", Biometrika 6, 1908), two-sided, at 95 %. The
bootstrap was not taken: of five to fifty runs its percentile interval is too narrow, the more so the fewer they are
(Hesterberg, "What teachers should know about the bootstrap", The American Statistician 69, 2015, section 4). Like any
interval of so few it holds as far as the runs' means are about normal.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

RUNS_MIN: Final = 5
"""Fewest runs, or pairs of runs, from which an interval is stated."""
CONFIDENCE: Final = 0.95
"""How often, over many repetitions, such an interval covers the true mean."""
METHOD: Final = f"mean and two-sided {CONFIDENCE:.0%} t interval over runs, from {RUNS_MIN} runs on"
_T_MAX: Final = 1000.0
"""Above the largest quantile asked for: 12.7, of one degree of freedom."""
_HALVINGS: Final = 100


@dataclass(frozen=True, slots=True)
class Estimate:
    """The mean of `n` values, with its interval where there are enough of them and they differ; and why not, if not."""

    n: int
    mean: float
    low: float | None = None
    high: float | None = None
    note: str | None = None

    @property
    def unclear(self) -> bool:
        """Whether the interval has 0 in it: the values might as well have none of a direction."""
        return self.low is not None and self.high is not None and self.low <= 0 <= self.high


def estimate(values: Sequence[float], *, least: float = -math.inf, most: float = math.inf) -> Estimate | None:
    """The mean of the values and its interval; None of no value.

    Args:
        values: One a run, or one a pair of runs.
        least: What the measure can't be below; the interval ends there.
        most: What it can't be above.
    """
    n = len(values)
    if not n:
        return None
    mean = statistics.fmean(values)
    if n < RUNS_MIN:
        return Estimate(n, mean, note=f"n = {n}")
    if len(set(values)) == 1:
        # Five zeros don't prove a zero: an interval of no width would say that they do.
        return Estimate(n, values[0], note=f"the same in all {n}")
    half = t_quantile(n - 1) * statistics.stdev(values) / math.sqrt(n)
    return Estimate(n, mean, max(least, mean - half), min(most, mean + half))


@cache
def t_quantile(degrees: int) -> float:
    """The value that Student's t with so many degrees of freedom stays within, either way, with `CONFIDENCE`."""
    low, high = 0.0, _T_MAX
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if within(middle, degrees) < CONFIDENCE:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def within(t: float, degrees: int) -> float:
    """The probability that Student's t lies between -t and t.

    The finite sums for a whole number of degrees: Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3
    (odd) and 26.7.4 (even).
    """
    angle = math.atan(t / math.sqrt(degrees))
    odd = degrees % 2
    term, total = math.cos(angle) if odd else 1.0, 0.0
    for k in range(2 + odd, degrees + 1, 2):
        total += term
        term *= math.cos(angle) ** 2 * (k - 1) / k
    if odd:
        return 2 / math.pi * (angle + math.sin(angle) * total)
    return math.sin(angle) * total
