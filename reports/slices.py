"""Parts of the measured calls, in the run and in each episode: who was hurt, what it took, what it cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

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
UNKNOWN: Final = "unknown"
"""The model of a request that named none."""


def slices_out(history: History) -> list[SliceOut]:
    """The parts of the whole measured load."""
    return _of(history, _parts(history), RUN_SCOPE, np.ones(len(history.due_ns), dtype=bool))


def window_slices_out(history: History) -> list[SliceOut]:
    """The parts of what was due in each episode."""
    parts = _parts(history)
    return [row for each in history.episodes for row in _of(history, parts, each.id, history.due_in(each))]


@dataclass(frozen=True, slots=True)
class _Parts:
    """Of each measured call: what it is told apart by, how many attempts it took, and what was billed for it.

    `codes` are, by name, each call's place among the `told` of that name, which are sorted.
    """

    codes: dict[str, npt.NDArray[np.int32]]
    told: dict[str, list[str]]
    attempts: npt.NDArray[np.int64]
    usd: npt.NDArray[np.float64]


def _parts(history: History) -> _Parts:
    calls = history.calls
    place = history.attempts["place"].to_numpy()
    ours = np.flatnonzero(place >= 0)
    # The last attempt, unless another answered: later writes win.
    served = np.full(len(calls), -1, dtype=np.int64)
    served[place[ours]] = ours
    answering = np.flatnonzero(history.answering.to_numpy() & (place >= 0))
    served[place[answering]] = answering
    billed = history.billed
    theirs = (billed["place"] >= 0).to_numpy()
    weights = billed["usd"].to_numpy(dtype=np.float64)[theirs]
    usd = np.bincount(billed["place"].to_numpy()[theirs], weights, len(calls)).astype(np.float64, copy=False)
    told = {
        "provider": _served(history.attempts["provider"], served),
        "model": _served(history.attempts["model"], served),
        "shape": _sorted(calls["shape"].cat.codes.to_numpy(), [*calls["shape"].cat.categories]),
        "stream": _sorted(calls["stream"].to_numpy(dtype=np.int8), ["plain", "streamed"]),
        "client": _sorted(calls["client"].cat.codes.to_numpy(), [*calls["client"].cat.categories]),
    }
    return _Parts(
        codes={by: codes for by, (codes, _) in told.items()},
        told={by: values for by, (_, values) in told.items()},
        attempts=np.bincount(place[ours], minlength=len(calls)),
        usd=usd,
    )


def _served(column: pd.Series[str], served: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int32], list[str]]:
    """What the attempt that served each call says in a column; a call that none served stands apart."""
    values = [*column.cat.categories]
    codes = np.append(column.cat.codes.to_numpy(dtype=np.int32), -1)[served]
    # Two names that no attempt bears, unless one does: then they are the same part.
    names = [*values, *(each for each in (UNKNOWN, NONE) if each not in values)]
    codes[(codes < 0) & (served >= 0)] = names.index(UNKNOWN)
    codes[served < 0] = names.index(NONE)
    return _sorted(codes, names)


def _sorted(codes: npt.NDArray[Any], values: list[str]) -> tuple[npt.NDArray[np.int32], list[str]]:
    """The same with the values in their order."""
    order = sorted(range(len(values)), key=values.__getitem__)
    rank = np.empty(len(values), dtype=np.int32)
    rank[order] = np.arange(len(values), dtype=np.int32)
    return rank[codes], [values[each] for each in order]


def _of(history: History, parts: _Parts, scope: str, due: npt.NDArray[np.bool_]) -> list[SliceOut]:
    silent, answered = (history.calls[each].to_numpy(dtype=bool) for each in ("silent", "answered"))
    places = np.flatnonzero(due)
    found = []
    for by in BY:
        codes, values = parts.codes[by][places], parts.told[by]
        counts = np.bincount(codes, minlength=len(values))
        most = [each for each in np.argsort(-counts, kind="stable")[:VALUES_MAX].tolist() if counts[each]]
        for code in sorted(most):
            theirs = places[codes == code]
            lost = theirs[~history.good[theirs]]
            latency = history.latency_s[theirs[answered[theirs]]]
            numbers = history.calls["call"].to_numpy()[lost]
            found.append(
                SliceOut(
                    by=by,
                    value=values[code],
                    calls=len(theirs),
                    lost=len(lost),
                    silent=int(silent[theirs].sum()),
                    scope=scope,
                    attempts=int(parts.attempts[theirs].sum()),
                    p50_s=quantile(latency, "p50"),
                    p95_s=quantile(latency, "p95"),
                    usd=float(parts.usd[theirs].sum()),
                    rows=RowsOut(table="calls", first=[int(each) for each in numbers[:ROWS_MAX]], total=len(lost)),
                )
            )
    return found
