"""Latency: quantiles of the run's phases, and what an episode added to the baseline's."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from ..scenarios.expectation import Unit
from .by_episode import NO_PROVIDER
from .finding import AtEnd, Breach, Finding, Rows, Steps, Times, Value
from .history import History
from .measures import CALLS_MIN, find

QUANTILES: Final = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}


def quantile(values_s: npt.NDArray[np.float64], statistic: str) -> float | None:
    """A statistic of some seconds; None when there are too few of them to state it."""
    if len(values_s) < CALLS_MIN[statistic]:
        return None
    return float(np.quantile(values_s, QUANTILES[statistic]))


def quantile_value(
    scope: str,
    values_s: npt.NDArray[np.float64],
    statistic: str,
    *,
    what: str,
    rows: Rows,
    at_ns: Times,
) -> Value:
    """A statistic as a value. The largest is over a limit for good once the first of them is."""
    found = quantile(values_s, statistic)
    if found is None:
        return Value(scope, None, f"{len(values_s)} {what}, {statistic} needs {CALLS_MIN[statistic]}")
    breach: Breach = AtEnd()
    if statistic == "max":
        order = np.argsort(at_ns, kind="stable")
        so_far = np.maximum.accumulate(values_s[order])
        breach = Steps(at_ns[order], np.diff(so_far, prepend=0.0), Unit.SECONDS)
    return Value(scope, {Unit.SECONDS: found}, rows=rows, breach=breach)


def latency_findings(history: History) -> list[Finding]:
    """`added_latency`, a statistic at a time."""
    baseline = history.latency_s[history.baseline & history.calls["answered"].to_numpy(dtype=bool)]
    found = []
    for statistic in find("added_latency").statistics:
        before = quantile(baseline, statistic)
        values = []
        for episode in history.episodes:
            mask = history.due_in(episode) & history.calls["answered"].to_numpy(dtype=bool)
            during = quantile(history.latency_s[mask], statistic)
            needed = CALLS_MIN[statistic]
            if episode.system:
                values.append(Value(episode.id, None, NO_PROVIDER, applies=False))
            elif episode.t0_ns is None:
                values.append(Value(episode.id, None, "not exercised: the fault bit nothing"))
            elif before is None:
                reason = f"the baseline has {len(baseline)} right answers, {statistic} needs {needed}"
                values.append(Value(episode.id, None, reason))
            elif during is None:
                reason = f"the episode has {int(mask.sum())} right answers, {statistic} needs {needed}"
                values.append(Value(episode.id, None, reason))
            else:
                rows = Rows.of("calls", history.numbers(mask))
                values.append(Value(episode.id, {Unit.SECONDS: during - before}, rows=rows))
        scopes = tuple(each.id for each in history.episodes)
        found.append(Finding(f"added_latency.{statistic}", tuple(values), scopes))
    return found
