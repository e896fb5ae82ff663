"""The run in equal steps, for charts: aggregated before anything is drawn, so that a page stays small."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from .episodes import entries_of
from .finding import NS
from .history import History
from .result import TimelineOut
from .tables import OUTCOMES

STEP_S: Final = 0.25
"""Shortest step, in seconds."""
STEPS_MAX: Final = 600
"""Most steps; a longer run gets longer ones."""
FAILED_STATUS: Final = 400


def step_s(length_s: float) -> float:
    """The step for a run of `length_s` seconds: 0.25 s, doubled until there are few enough."""
    step = STEP_S
    while length_s / step > STEPS_MAX:
        step *= 2
    return step


def timeline(history: History) -> TimelineOut:
    """Calls by outcome, answers and attempts by provider, latency and cost, step by step from time 0."""
    length_s = max((history.load_until_ns - history.t0_ns) / NS, STEP_S)
    step = step_s(length_s)
    steps = int(np.ceil(length_s / step - 1e-9))

    def bins(at_ns: pd.Series[int]) -> npt.NDArray[np.int64]:
        found = (at_ns.to_numpy(dtype=np.int64) - history.t0_ns) // round(step * NS)
        return np.clip(found, 0, steps - 1)

    def counts(frame: pd.DataFrame, column: str) -> list[int]:
        return [int(each) for each in np.bincount(bins(frame[column]), minlength=steps)]

    calls = history.calls[["scheduled_ns", "outcome", "good", "provider"]]
    inside = history.attempts["received_ns"].between(history.t0_ns, history.load_until_ns)
    attempts = history.attempts.loc[inside, ["received_ns", "provider", "fault", "status"]]
    bad = _spoilt(history, attempts) | (attempts["status"] >= FAILED_STATUS).fillna(value=False).astype(bool)
    providers = [*history.scenario.providers]
    providers += sorted(set(attempts["provider"].unique()) - set(providers))
    good = calls[calls["good"]]
    p50, p95 = _quantiles(history, bins(calls["scheduled_ns"]), steps)
    billed = history.billed[["when_ns", "usd", "provider"]]

    def spent(frame: pd.DataFrame) -> list[float]:
        sums = np.bincount(bins(frame["when_ns"]), weights=frame["usd"].to_numpy(dtype=np.float64), minlength=steps)
        return [round(float(each), 9) for each in sums]

    return TimelineOut(
        step_s=step,
        steps=steps,
        outcomes={
            name: counts(calls[calls["outcome"] == name], "scheduled_ns")
            for name in OUTCOMES
            if (calls["outcome"] == name).any()
        },
        served={name: counts(good[good["provider"] == name], "scheduled_ns") for name in providers},
        attempts={name: counts(attempts[attempts["provider"] == name], "received_ns") for name in providers},
        failed={name: counts(attempts[bad & (attempts["provider"] == name)], "received_ns") for name in providers},
        p50_s=p50,
        p95_s=p95,
        usd=spent(billed),
        usd_by={name: spent(billed[billed["provider"] == name]) for name in providers},
    )


def _spoilt(history: History, attempts: pd.DataFrame) -> pd.Series[bool]:
    """Which attempts a fault bit. One that a standing bit was answered, perhaps at another price, or has a status."""
    standings = {entry.id_at(n) for n, entry in enumerate(history.scenario.timeline) if entry.kind == "standing"}
    harmless = [each for each in attempts["fault"].dropna().unique() if standings.issuperset(entries_of(each))]
    spoilt: pd.Series[bool] = attempts["fault"].notna() & ~attempts["fault"].isin(harmless)
    return spoilt


def _quantiles(
    history: History, at: npt.NDArray[np.int64], steps: int
) -> tuple[list[float | None], list[float | None]]:
    """p50 and p95 of each step's right answers. A picture, not a finding, so from one call on."""
    answered = history.calls["answered"].to_numpy(dtype=bool)
    by_step = pd.Series(history.latency_s[answered]).groupby(at[answered])
    found: list[list[float | None]] = []
    for share in (0.5, 0.95):
        values = by_step.quantile(share).reindex(range(steps))
        found.append([None if np.isnan(each) else round(float(each), 4) for each in values.to_numpy(dtype=np.float64)])
    return found[0], found[1]
