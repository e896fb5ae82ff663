"""How many attempts a call became."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..scenarios.expectation import Unit
from .finding import RUN_SCOPE, Finding, Value
from .history import History, at_places

DOOR: Final = "without attempts that were refused as connections: they bring no request, and no witness saw them"


def amplification_findings(history: History) -> list[Finding]:
    """`retry_amplification`: of each episode, and of the run."""
    values = [_value(history, RUN_SCOPE, np.ones(len(history.due_ns), dtype=bool))]
    values += [_value(history, each.id, history.due_in(each), DOOR if each.door else None) for each in history.episodes]
    judged = tuple(each.id for each in history.episodes) or (RUN_SCOPE,)
    return [Finding("retry_amplification", tuple(values), judged)]


def _value(history: History, scope: str, due: npt.NDArray[np.bool_], note: str | None = None) -> Value:
    if not due.any():
        return Value(scope, None, "no call was due")
    place = history.attempts["place"].to_numpy()
    theirs = np.flatnonzero(at_places(due, place))
    ratio = len(theirs) / int(due.sum())
    again = theirs[pd.Series(place[theirs]).duplicated().to_numpy()]
    return Value(scope, {Unit.NUMBER: ratio, Unit.FACTOR: ratio}, note, rows=history.attempts_named(again))
