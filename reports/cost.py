"""What it cost: per good answer, against the baseline, wasted, hidden, and whether the books agree."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..scenarios.expectation import Unit
from .books import reported
from .by_episode import NO_PROVIDER
from .finding import RUN_SCOPE, Finding, Rows, Steps, Value
from .history import History


def cost_findings(history: History) -> list[Finding]:
    """Every measure of money and tokens. An invoice belongs to where its call was due."""
    billed = history.billed
    return [
        _cost_per_answer(history, billed),
        _cost_increase(history),
        Finding("wasted", (_total(history, ~billed["useful"]),), (RUN_SCOPE,)),
        Finding("bookkeeping_drift", (_drift(history),), (RUN_SCOPE,)),
        Finding("hidden_spend", (_total(history, ~billed["answering"]),), (RUN_SCOPE,)),
    ]


def per_answer(history: History, due: npt.NDArray[np.bool_], between: tuple[int, int]) -> float | None:
    """Billed USD per good answer of the calls that `due` selects; None where none was good.

    What belongs to no measured call (background traffic, callers who left) counts by its time.
    """
    answers = int((due & history.good).sum())
    if not answers:
        return None
    return float(history.billed["usd"].to_numpy(dtype=np.float64)[history.billed_for(due, *between)].sum()) / answers


def baseline_per_answer(history: History) -> float | None:
    """Billed USD per good answer before the first window."""
    return per_answer(history, history.baseline, (history.t0_ns, history.first_window_ns))


def _cost_per_answer(history: History, billed: pd.DataFrame) -> Finding:
    everything = np.ones(len(history.due_ns), dtype=bool)
    spans = [(RUN_SCOPE, everything, (history.t0_ns, np.iinfo(np.int64).max))]
    spans += [(each.id, history.due_in(each), (each.from_ns, each.tc_ns)) for each in history.episodes]
    values = []
    for scope, due, between in spans:
        found = per_answer(history, due, between)
        rows = history.named(billed) if scope == RUN_SCOPE else None
        values.append(
            Value(scope, None, "no good answer to divide by")
            if found is None
            else Value(scope, {Unit.USD: found}, rows=rows)
        )
    return Finding("cost_per_answer", tuple(values), (RUN_SCOPE,))


def _cost_increase(history: History) -> Finding:
    before = baseline_per_answer(history)
    values = []
    for episode in history.episodes:
        during = per_answer(history, history.due_in(episode), (episode.from_ns, episode.tc_ns))
        if episode.system:
            values.append(Value(episode.id, None, NO_PROVIDER, applies=False))
        elif episode.t0_ns is None:
            values.append(Value(episode.id, None, "not exercised: the fault bit nothing"))
        elif before is None:
            values.append(Value(episode.id, None, "the baseline has no good answer"))
        elif before == 0:
            values.append(Value(episode.id, None, "the baseline cost nothing: its models have no price"))
        elif during is None:
            values.append(Value(episode.id, None, "no good answer to divide by"))
        else:
            ratio = during / before
            values.append(Value(episode.id, {Unit.FACTOR: ratio, Unit.NUMBER: ratio}))
    return Finding("cost_increase", tuple(values), tuple(each.id for each in history.episodes))


def _total(history: History, which: pd.Series[bool]) -> Value:
    billed = history.billed[["usd", "at_ns"]]
    chosen = billed[which & (billed["usd"] > 0)]
    total = float(billed["usd"].sum())
    spent = float(chosen["usd"].sum())
    return Value(
        RUN_SCOPE,
        {Unit.USD: spent, Unit.SHARE: spent / total if total else 0.0},
        rows=history.named(chosen),
        breach=Steps(chosen["at_ns"].to_numpy(dtype=np.int64), chosen["usd"].to_numpy(dtype=np.float64), Unit.USD),
    )


def _drift(history: History) -> Value:
    both = reported(history)
    said, billed = int(both["said"].sum()), int(both["billed"].sum())
    if not billed:
        return Value(RUN_SCOPE, None, "no answer reported its tokens")
    ratio = said / billed
    off = both.index[both["said"] != both["billed"]]
    return Value(
        RUN_SCOPE, {Unit.FACTOR: ratio, Unit.NUMBER: ratio}, rows=Rows.of("calls", [int(each) for each in off])
    )
