"""Parts of the measured calls, in the run and in each episode: who was hurt, what it took, what it cost."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from .finding import RUN_SCOPE
from .history import History
from .latency import quantile
from .result import SliceOut
from .result_value import RowsOut

BY: Final = ("provider", "model", "shape", "stream", "client")
"""What the calls are told apart by."""
VALUES_MAX: Final = 40
"""Most values of one of them; those with the fewest calls are left out."""
ROWS_MAX: Final = 50
"""Most lost calls named."""
NONE: Final = "none"
"""Provider and model of a call that never reached one."""


def slices_out(history: History) -> list[SliceOut]:
    """The parts of the whole measured load."""
    return _of(history, _parts(history), RUN_SCOPE, np.ones(len(history.due_ns), dtype=bool))


def window_slices_out(history: History) -> list[SliceOut]:
    """The parts of what was due in each episode."""
    parts = _parts(history)
    return [row for each in history.episodes for row in _of(history, parts, each.id, history.due_in(each))]


def _parts(history: History) -> pd.DataFrame:
    """For each measured call: what it is told apart by, its attempts, and what was billed for it."""
    calls = history.calls
    place = history.attempts["place"].to_numpy()
    ours = np.flatnonzero(place >= 0)
    # The last attempt, unless another answered: later writes win.
    served = np.full(len(calls), -1, dtype=np.int64)
    served[place[ours]] = ours
    answering = np.flatnonzero(history.answering.to_numpy() & (place >= 0))
    served[place[answering]] = answering
    billed = history.billed[history.billed["place"] >= 0]
    return pd.DataFrame(
        {
            "provider": _told(history.attempts["provider"], served),
            "model": _told(history.attempts["model"], served),
            "shape": calls["shape"].to_numpy(),
            "stream": np.where(calls["stream"], "streamed", "plain"),
            "client": calls["client"].to_numpy(),
            "attempts": np.bincount(place[ours], minlength=len(calls)),
            "usd": np.bincount(billed["place"], weights=billed["usd"], minlength=len(calls)),
        }
    )


def _told(column: pd.Series[str], served: npt.NDArray[np.int64]) -> npt.NDArray[np.object_]:
    values = np.append(column.to_numpy(dtype=object), [NONE])[served]
    return np.where(pd.isna(values), "unknown", values)


def _of(history: History, parts: pd.DataFrame, scope: str, due: npt.NDArray[np.bool_]) -> list[SliceOut]:
    silent, answered = (history.calls[each].to_numpy(dtype=bool) for each in ("silent", "answered"))
    found = []
    for by in BY:
        codes, values = pd.factorize(parts[by].to_numpy(dtype=object)[due], sort=True)
        places = np.flatnonzero(due)
        most = np.argsort(-np.bincount(codes, minlength=len(values)), kind="stable")[:VALUES_MAX]
        for code in sorted(most.tolist()):
            theirs = places[codes == code]
            lost = theirs[~history.good[theirs]]
            latency = history.latency_s[theirs[answered[theirs]]]
            numbers = history.calls["call"].to_numpy()[lost]
            found.append(
                SliceOut(
                    by=by,
                    value=str(values[code]),
                    calls=len(theirs),
                    lost=len(lost),
                    silent=int(silent[theirs].sum()),
                    scope=scope,
                    attempts=int(parts["attempts"].to_numpy()[theirs].sum()),
                    p50_s=quantile(latency, "p50"),
                    p95_s=quantile(latency, "p95"),
                    usd=float(parts["usd"].to_numpy()[theirs].sum()),
                    rows=RowsOut(table="calls", first=[int(each) for each in numbers[:ROWS_MAX]], total=len(lost)),
                )
            )
    return found
