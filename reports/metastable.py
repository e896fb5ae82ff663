"""Metastability: the fault is over, and the system stays broken by what it does to itself.

The term is Bronson and others', "Metastable Failures in Distributed Systems", HotOS 2021: a trigger is removed, and a
sustaining effect (retries, queues, cold caches) keeps the system in its bad state.
"""

from __future__ import annotations

import numpy as np

from ..scenarios.expectation import Unit
from ..scenarios.units import format_duration
from .by_episode import by_episode
from .episodes import Episode
from .finding import NS, Finding, Rows, Value
from .history import History, at_places
from .measures import find
from .recovery import time_to_recover

SEEN_S_MIN = find("metastable").hold_s
"""Seconds of load after an episode without which nobody can tell slow recovery from none."""


def metastable_findings(history: History) -> list[Finding]:
    """`metastable`, an episode at a time."""
    return [by_episode(history, "metastable", _metastable)]


def _metastable(history: History, episode: Episode) -> Value:
    recovered = time_to_recover(history, episode)
    if recovered.amounts is None:
        return Value(episode.id, None, recovered.reason)
    if not recovered.censored:
        told = format_duration(round(recovered.amounts[Unit.SECONDS], 3))
        return Value(episode.id, {Unit.NUMBER: 0.0}, f"recovered after {told}", rows=recovered.rows)
    edge_ns = history.next_begin_ns(episode) or history.load_until_ns
    seen_s = (min(edge_ns, history.load_until_ns) - episode.tc_ns) / NS
    if seen_s < SEEN_S_MIN:
        reason = (
            f"not recovered in the {format_duration(round(max(seen_s, 0.0), 1))} of load that followed; "
            f"to call it metastable needs {format_duration(SEEN_S_MIN)}"
        )
        return Value(episode.id, None, reason)
    after = history.due_ns >= episode.tc_ns
    bad = int((after & ~history.good).sum())
    attempts, calls = int(at_places(after, history.attempts["place"].to_numpy()).sum()), int(np.sum(after))
    reason = (
        f"still not recovered {format_duration(round(seen_s, 1))} after the fault was over: {bad} of {calls} calls "
        f"bad, {attempts / max(calls, 1):.3g} attempts a call"
    )
    return Value(episode.id, {Unit.NUMBER: 1.0}, reason, rows=Rows.of("calls", history.numbers(after & ~history.good)))
