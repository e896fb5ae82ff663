"""When the router left the broken provider, and how often it looked back."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..scenarios.expectation import Unit
from .by_episode import DOOR, by_episode, seconds
from .episodes import Episode, bitten_by
from .finding import NS, Candidates, Finding, Value
from .history import History

DETECT_SHARE_MAX: Final = 0.05
"""Share of calls that may still attempt the broken provider once it counts as left."""
DETECT_CALLS_MIN: Final = 20
"""Fewest calls due in the rest of the episode for that share to mean anything."""
NEVER: Final = np.iinfo(np.int64).max
"""Instant of what did not happen."""


def detection_findings(history: History) -> list[Finding]:
    """`time_to_detect` and `probe_rate`."""
    return [
        by_episode(history, "time_to_detect", _time_to_detect),
        by_episode(history, "probe_rate", _probe_rate),
    ]


def at_broken(history: History, episode: Episode) -> npt.NDArray[np.intp]:
    """The attempts of an episode at what is broken: its provider, with a model and credential that were bitten.

    As rows of the history's `attempts`: those of a long episode are many, and few of their columns are read.
    """
    attempts = history.attempts
    inside = (
        (attempts["provider"] == episode.provider)
        & (attempts["received_ns"] >= (episode.t0_ns or episode.from_ns))
        & (attempts["received_ns"] < episode.tc_ns)
    ).to_numpy(dtype=bool)
    if episode.stream is not None:
        inside = inside & attempts["stream"].eq(episode.stream).fillna(value=False).to_numpy(dtype=bool)
    rows = np.flatnonzero(inside)
    theirs = attempts[["fault", "model", "credential"]].iloc[rows]
    bitten = theirs[bitten_by(theirs["fault"], {each.entry for each in episode.windows})]
    broken = bitten[["model", "credential"]].drop_duplicates()
    # A router may name no model, or no credential: those are values like others here.
    at = np.zeros(len(theirs), dtype=bool)
    for model, credential in zip(broken["model"], broken["credential"], strict=True):
        at |= _is(theirs["model"], model) & _is(theirs["credential"], credential)
    found: npt.NDArray[np.intp] = rows[at]
    return found


def _first_there(history: History, broken: npt.NDArray[np.intp]) -> npt.NDArray[np.int64]:
    """When each measured call's first attempt arrived at what is broken; `NEVER` where none did."""
    place = history.attempts["place"].to_numpy()[broken]
    of_calls = place >= 0
    found = np.full(len(history.calls), NEVER)
    # In order of arrival: of a call's several, the first is to stay, and is written last.
    found[place[of_calls][::-1]] = history.attempts["received_ns"].to_numpy()[broken[of_calls]][::-1]
    number = history.calls["call"]
    return (
        found
        if number.is_unique
        else found[number.map(number.drop_duplicates().reset_index().set_index("call")["index"])]
    )


def _is(column: pd.Series[str], value: str | None) -> npt.NDArray[np.bool_]:
    found: npt.NDArray[np.bool_] = (column.isna() if pd.isna(value) else column == value).to_numpy(dtype=bool)
    return found


def _time_to_detect(history: History, episode: Episode) -> Value:
    if episode.door:
        return Value(episode.id, None, DOOR)
    t0 = episode.t0_ns or 0
    in_episode = history.due_in(episode)
    due = history.due_ns[in_episode]
    broken = at_broken(history, episode)
    first_ns = _first_there(history, broken)[in_episode]
    attempted = first_ns != NEVER
    received_ns = np.where(attempted, first_ns, 0)
    # Candidates: before the first call, and just after each call that went to the broken provider.
    starts = np.concatenate([[0], np.flatnonzero(attempted) + 1])
    totals = np.concatenate([[0], np.cumsum(attempted)])
    rest = len(due) - starts
    still = totals[-1] - totals[starts]
    soon = totals[np.minimum(starts + DETECT_CALLS_MIN, len(due))] - totals[starts]
    enough = rest >= DETECT_CALLS_MIN
    holds = enough & (still <= DETECT_SHARE_MAX * rest) & (soon <= DETECT_SHARE_MAX * DETECT_CALLS_MIN)
    instants = np.where(starts == 0, t0, np.maximum(due[np.maximum(starts - 1, 0)], t0)) if len(due) else np.array([t0])
    rows = history.attempts_named(broken)
    if holds.any():
        best = int(np.argmax(holds))
        refuted = _detect_refutations(starts[:best], len(due), attempted, received_ns)
        breach = Candidates(t0, (instants[:best] - t0) / NS, refuted)
        return seconds(episode.id, instants[best] - t0, rows=rows, breach=breach)
    # Left, perhaps, but too late in the episode for 20 calls to tell.
    open_ends = np.flatnonzero(~enough & (still <= DETECT_SHARE_MAX * np.maximum(rest, 1)))
    if len(due) < DETECT_CALLS_MIN:
        reason = f"{len(due)} calls were due in the episode, needs {DETECT_CALLS_MIN}"
        return Value(episode.id, None, reason, rows=rows)
    last = int(open_ends[0]) if len(open_ends) else len(starts) - 1
    seen_ns = instants[last] if len(open_ends) else episode.tc_ns
    refuted = _detect_refutations(starts[:last], len(due), attempted, received_ns)
    reason = "never left: the router went on to the broken provider until the episode's end"
    if len(open_ends) and rest[last] > 0:
        reason = f"not seen to leave: {rest[last]} calls were due after its last turn there, needs {DETECT_CALLS_MIN}"
    return seconds(
        episode.id,
        seen_ns - t0,
        censored=True,
        reason=reason,
        rows=rows,
        breach=Candidates(t0, (instants[:last] - t0) / NS, refuted),
    )


def _detect_refutations(
    starts: npt.NDArray[np.int64],
    calls: int,
    attempted: npt.NDArray[np.bool_],
    received_ns: npt.NDArray[np.int64],
) -> npt.NDArray[np.int64]:
    """When each candidate was refuted: by the second of the next 20 calls to go there, or by the share of the rest."""
    went = np.flatnonzero(attempted)
    # One past the end stands for a call that never came.
    arrivals = np.append(received_ns[went], NEVER)
    places = np.append(went, calls)
    after = np.searchsorted(went, starts)
    of_rest = np.minimum(after + (DETECT_SHARE_MAX * (calls - starts)).astype(np.int64), len(went))
    of_soon = np.minimum(after + int(DETECT_SHARE_MAX * DETECT_CALLS_MIN), len(went))
    soon_ns = np.where(places[of_soon] < starts + DETECT_CALLS_MIN, arrivals[of_soon], NEVER)
    refuted: npt.NDArray[np.int64] = np.minimum(arrivals[of_rest], soon_ns)
    return refuted


def _probe_rate(history: History, episode: Episode) -> Value:
    if episode.door:
        return Value(episode.id, None, DOOR)
    detected = _time_to_detect(history, episode)
    if detected.amounts is None or detected.censored:
        return Value(episode.id, None, detected.reason or "never left")
    left_ns = (episode.t0_ns or 0) + round(detected.amounts[Unit.SECONDS] * NS)
    broken = at_broken(history, episode)
    # Calls due before the router left may arrive after it: they are no probes.
    after = broken[history.attempts["received_ns"].to_numpy()[broken] > left_ns]
    due_before = (history.due_of(after) <= left_ns).fillna(value=False).to_numpy(dtype=bool)
    probes = after[~due_before]
    rate = len(probes) / ((episode.tc_ns - left_ns) / NS)
    return Value(episode.id, {Unit.PER_SECOND: rate}, rows=history.attempts_named(probes))
