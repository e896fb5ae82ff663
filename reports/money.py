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
    phase = np.full(len(billed), "between", dtype=object)
    # The first to claim an invoice keeps it, so the phases are laid down from the last to the first.
    for each in reversed(history.phases):
        phase[(when >= each.from_ns) & (when < each.until_ns)] = each.name
    phase[when >= history.load_until_ns] = "after"
    told = pd.DataFrame(
        {
            "phase": phase,
            "provider": billed["provider"].to_numpy(),
            "model": np.where(billed["model"] == "", NO_MODEL, billed["model"].astype("object")),
            "usd": billed["usd"].to_numpy(),
            "wasted": np.where(billed["useful"], 0.0, billed["usd"]),
        }
    )
    order = {name: index for index, name in enumerate([*(each.name for each in history.phases), "between", "after"])}
    found = [
        PhaseCostOut(
            phase=str(phase_name),
            provider=str(provider),
            model=str(model),
            invoices=len(group),
            usd=float(group["usd"].sum()),
            wasted_usd=float(group["wasted"].sum()),
        )
        for (phase_name, provider, model), group in told.groupby(["phase", "provider", "model"])
    ]
    return sorted(found, key=lambda each: order[each.phase])
