"""Who was hurt, and whether the losses were spread evenly over the callers."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from ..scenarios.expectation import Unit
from .finding import RUN_SCOPE, Finding, Rows, Value
from .history import History
from .measures import CALLER_CALLS_MIN
from .result import CallerOut, CallersOut
from .result_value import ValueOut

MOST_HURT_MAX: Final = 20
"""Most callers named."""
MOST_HURT_SHARE: Final = 0.1
"""The most hurt tenth of the callers, to which a share of all losses is told."""


def caller_findings(history: History) -> list[Finding]:
    """`caller_fairness`: of the run, and of each episode."""
    scopes = [(RUN_SCOPE, np.ones(len(history.due_ns), dtype=bool))]
    scopes += [(each.id, history.due_in(each)) for each in history.episodes]
    return [
        Finding("caller_fairness", tuple(_fairness(history, scope, due) for scope, due in scopes), (RUN_SCOPE,)),
    ]


def _fairness(history: History, scope: str, due: npt.NDArray[np.bool_]) -> Value:
    """Jain's index of the callers' shares of good calls: (sum x)^2 / (n sum x^2)."""
    if not due.any():
        return Value(scope, None, "no call was due")
    caller, codes = np.unique(history.calls["caller"].to_numpy()[due], return_inverse=True)
    calls, good = np.bincount(codes), np.bincount(codes, weights=history.good[due])
    heard = calls >= CALLER_CALLS_MIN
    if heard.sum() < 2:
        reason = f"{int(heard.sum())} callers made {CALLER_CALLS_MIN} calls or more, needs 2"
        return Value(scope, None, reason)
    share = good[heard] / calls[heard]
    if not share.any():
        return Value(scope, None, "no caller got a good answer: there is nothing to share")
    index = float(share.sum() ** 2 / (len(share) * (share**2).sum()))
    hurt = history.calls["caller"].isin(caller[heard & (good < calls)]).to_numpy()
    left_out = int((~heard).sum())
    note = f"{left_out} callers with fewer than {CALLER_CALLS_MIN} calls are left out" if left_out else None
    return Value(scope, {Unit.NUMBER: index}, note, rows=Rows.of("calls", history.numbers(due & hurt & ~history.good)))


def callers_out(history: History, fairness: ValueOut) -> CallersOut:
    """How many callers there were, how many were hurt, and the most hurt of them."""
    calls = history.calls
    grouped = calls.assign(lost=~calls["good"]).groupby("caller")[["lost", "silent"]].sum()
    counts = calls.groupby("caller").size()
    worst = grouped.assign(calls=counts).sort_values(["lost", "silent"], ascending=False, kind="stable")
    lost = int(worst["lost"].sum())
    tenth = max(1, round(len(worst) * MOST_HURT_SHARE))
    return CallersOut(
        callers=len(worst),
        hurt=int((worst["lost"] > 0).sum()),
        fairness=fairness,
        most_hurt=[
            CallerOut(
                caller=int(row["caller"]), calls=int(row["calls"]), lost=int(row["lost"]), silent=int(row["silent"])
            )
            for row in worst[worst["lost"] > 0].head(MOST_HURT_MAX).reset_index().to_dict("records")
        ],
        tenth_share=int(worst["lost"].head(tenth).sum()) / lost if lost else None,
    )
