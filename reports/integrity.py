"""What the callers got: lost calls, silent losses, callers hurt, availability, the error budget."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from ..scenarios.expectation import Unit
from .finding import RUN_SCOPE, Finding, Rows, Steps, Value
from .history import History, good_outcomes
from .result import IntegrityOut
from .result_value import RowsOut

MONTH_S: Final = 30 * 24 * 3600
"""A month of the error budget, in seconds."""
DAYS_A_MONTH: Final = 30
ROWS_MAX: Final = 50
"""Most calls named under an outcome; their number is always given."""
NO_CALLS: Final = "no call was due"


def integrity_out(history: History) -> list[IntegrityOut]:
    """How many calls had each outcome, in the run and in each episode; silent losses first, then by number."""
    good = good_outcomes(history.scenario)
    found = []
    for scope, mask in _scopes(history):
        theirs = history.calls.loc[mask, ["call", "outcome", "silent"]]
        rows = [
            IntegrityOut(
                scope=scope,
                outcome=str(name),
                calls=len(group),
                share=len(group) / len(theirs),
                silent=int(group["silent"].sum()),
                good=name in good,
                rows=RowsOut(
                    table="calls", first=[int(each) for each in group["call"].head(ROWS_MAX)], total=len(group)
                ),
            )
            for name, group in theirs.groupby("outcome")
        ]
        found += sorted(rows, key=lambda each: (-each.silent, each.good, -each.calls))
    return found


def _scopes(history: History) -> list[tuple[str, npt.NDArray[np.bool_]]]:
    everything = np.ones(len(history.due_ns), dtype=bool)
    return [(RUN_SCOPE, everything), *((each.id, history.due_in(each)) for each in history.episodes)]


def integrity_findings(history: History) -> list[Finding]:
    """Every measure of what the callers got."""
    scopes = _scopes(history)
    bad = ~history.good
    silent = history.calls["silent"].to_numpy(dtype=bool)
    return [
        Finding("silent_losses", tuple(_count(history, scope, mask, silent) for scope, mask in scopes), (RUN_SCOPE,)),
        Finding("lost_calls", tuple(_count(history, scope, mask, bad) for scope, mask in scopes), (RUN_SCOPE,)),
        Finding("callers_hurt", tuple(_callers(history, scope, mask) for scope, mask in scopes), (RUN_SCOPE,)),
        Finding("availability", tuple(_availability(history, scope, mask) for scope, mask in scopes), (RUN_SCOPE,)),
        Finding("budget_spent", (_budget(history),), (RUN_SCOPE,)),
    ]


def _count(history: History, scope: str, due: npt.NDArray[np.bool_], which: npt.NDArray[np.bool_]) -> Value:
    if not due.any():
        return Value(scope, None, NO_CALLS)
    hit = due & which
    return Value(
        scope,
        {Unit.NUMBER: float(hit.sum()), Unit.SHARE: float(hit.sum() / due.sum())},
        rows=Rows.of("calls", history.numbers(hit)),
        breach=Steps(history.ended_ns[hit]),
    )


def _callers(history: History, scope: str, due: npt.NDArray[np.bool_]) -> Value:
    if not due.any():
        return Value(scope, None, NO_CALLS)
    lost = history.calls.assign(at_ns=history.ended_ns)[due & ~history.good]
    first = lost.sort_values("at_ns", kind="stable").drop_duplicates("caller")
    callers = history.calls["caller"][due].nunique()
    return Value(
        scope,
        {Unit.NUMBER: float(len(first)), Unit.SHARE: len(first) / callers},
        rows=Rows.of("calls", [int(each) for each in first["call"]]),
        breach=Steps(first["at_ns"].to_numpy(dtype=np.int64)),
    )


def _availability(history: History, scope: str, due: npt.NDArray[np.bool_]) -> Value:
    if not due.any():
        return Value(scope, None, NO_CALLS)
    share = float((due & history.good).sum() / due.sum())
    return Value(scope, {Unit.SHARE: share}, rows=Rows.of("calls", history.numbers(due & ~history.good)))


def _budget(history: History) -> Value:
    manifest = history.run.manifest
    if not len(history.due_ns):
        return Value(RUN_SCOPE, None, NO_CALLS)
    volume = manifest.volume_per_day
    month = history.scenario.load.profile.mean * MONTH_S if volume is None else volume * DAYS_A_MONTH
    lost = int((~history.good).sum())
    source = "the scenario's mean rate" if volume is None else f"{volume:,.0f} calls a day"
    return Value(
        RUN_SCOPE,
        {Unit.SHARE: lost / ((1 - manifest.slo) * month)},
        reason=f"SLO {manifest.slo:.5g}, a month at {source}",
        rows=Rows.of("calls", history.numbers(~history.good)),
    )
