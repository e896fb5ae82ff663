"""The cost report: what was billed and for what, wasted, hidden, projected, and what it would have cost elsewhere."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from .books import books_out
from .cost import baseline_per_answer, per_answer
from .finding import Finding
from .history import History
from .lock_in import BASIS, lock_in_out
from .projection import projections_out
from .result_money import MoneyOut, PhaseCostOut
from .waste import waste_out

NO_MODEL: Final = "no model"
"""Stands for the model of a request that was refused before it was known."""


def money_out(history: History, findings: list[Finding]) -> MoneyOut:
    """The cost report of a run."""
    billed = history.billed
    everything = np.ones(len(history.due_ns), dtype=bool)
    return MoneyOut(
        billed_usd=float(billed["usd"].sum()),
        wasted_usd=float(billed.loc[~billed["useful"], "usd"].sum()),
        hidden_usd=float(billed.loc[~billed["answering"], "usd"].sum()),
        usd_per_answer=per_answer(history, everything, (history.t0_ns, np.iinfo(np.int64).max)),
        baseline_usd_per_answer=baseline_per_answer(history),
        by_phase=phase_costs_out(history),
        wasted=waste_out(history),
        projections=projections_out(history, findings),
        books=books_out(history),
        lock_in=lock_in_out(history),
        lock_in_basis=BASIS,
    )


def phase_costs_out(history: History) -> list[PhaseCostOut]:
    """What was billed by phase, provider and model.

    An invoice belongs to the phase in which its call was due, or, without a call, in which it was billed. Episodes may
    overlap: it then belongs to the first of them.
    """
    billed = history.billed
    when = billed["when_ns"].to_numpy(dtype=np.int64)
    names = [*(each.name for each in history.phases if each.name != "after"), "between", "after"]
    phase = np.full(len(billed), names.index("between"), dtype=np.int32)
    # The first to claim an invoice keeps it, so the phases are laid down from the last to the first.
    for each in reversed(history.phases):
        phase[(when >= each.from_ns) & (when < each.until_ns)] = names.index(each.name)
    phase[when >= history.load_until_ns] = names.index("after")
    who, model = billed["provider"].cat, billed["model"].cat
    models = [NO_MODEL if each == "" else each for each in model.categories]
    # A number for each that there is of phase, provider and model: as texts they would take most of the memory.
    number = (phase * len(who.categories) + who.codes.to_numpy()) * len(models) + model.codes.to_numpy()
    parts: dict[tuple[int, str, str], list[int]] = {}
    for each in np.unique(number):
        rest, which = divmod(int(each), len(models))
        at, name = divmod(rest, len(who.categories))
        parts.setdefault((at, who.categories[name], models[which]), []).append(int(each))
    return [
        _phase_cost(
            names[at], provider, told, billed.loc[np.isin(number, parts[at, provider, told]), ["usd", "useful"]]
        )
        for at, provider, told in sorted(parts)
    ]


def _phase_cost(phase: str, provider: str, model: str, billed: pd.DataFrame) -> PhaseCostOut:
    usd = billed["usd"]
    return PhaseCostOut(
        phase=phase,
        provider=provider,
        model=model,
        invoices=len(billed),
        usd=float(usd.sum()),
        wasted_usd=float(usd.where(~billed["useful"], 0.0).sum()),
    )
