"""A measure an episode at a time: what is common to detection, failover and recovery."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from ..scenarios.expectation import Unit
from .episodes import Episode
from .finding import NS, Candidates, Finding, Value
from .history import History
from .measures import find

NOT_EXERCISED: Final = "not exercised: the fault bit nothing"
NO_PROVIDER: Final = "does not apply where no provider was broken"
DOOR: Final = (
    "not observable: a refused connection brings no request, so that nobody saw how long the router went on trying"
)
PARTIAL: Final = "does not apply where only a share of the requests is bitten"


def by_episode(history: History, name: str, measure: Callable[[History, Episode], Value]) -> Finding:
    """The finding of a measure that has a value in each episode that was exercised and that it applies to."""
    values = []
    for episode in history.episodes:
        if episode.system and find(name).of_providers:
            values.append(Value(episode.id, None, NO_PROVIDER, applies=False))
        elif find(name).whole_faults_only and episode.partial:
            values.append(Value(episode.id, None, PARTIAL, applies=False))
        elif episode.t0_ns is None:
            values.append(Value(episode.id, None, NOT_EXERCISED))
        else:
            values.append(measure(history, episode))
    return Finding(name, tuple(values), tuple(each.id for each in history.episodes))


def seconds(scope: str, ns: float, **more: Any) -> Value:
    """A time as a value; a negative one (the router was faster than the first bite) is 0."""
    return Value(scope, {Unit.SECONDS: max(0.0, ns / NS)}, **more)


def candidates(anchor_ns: int, offsets: Sequence[float], refuted: Sequence[int]) -> Candidates:
    """Refuted candidates of a time, from their offsets in seconds and the instants of refutation."""
    return Candidates(anchor_ns, np.array(offsets, dtype=np.float64), np.array(refuted, dtype=np.int64))
