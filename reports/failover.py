"""From the first failed attempt to being served elsewhere: switching, failing over, and the outage meanwhile.

Every time is counted from the episode's first bite (t0) or its last disarm (tc). A time whose end was not seen is a
lower bound (`censored`): it can refute a limit, never confirm one.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from .by_episode import DOOR, NO_PROVIDER, NOT_EXERCISED, by_episode, seconds
from .episodes import Episode, bitten_by
from .finding import NS, RUN_SCOPE, Candidates, Finding, Rows, Value
from .history import History
from .latency import quantile_value
from .measures import find

FAIL_OVER_HOLD_S: Final = find("time_to_fail_over").hold_s


def failover_findings(history: History) -> list[Finding]:
    """`switch_gap`, `time_to_fail_over` and `outage`."""
    return [
        *_switch_gaps(history),
        by_episode(history, "time_to_fail_over", _time_to_fail_over),
        _outage(history),
    ]


def switches(history: History) -> pd.DataFrame:
    """For each call that went from one provider to another, the last such step.

    Of the attempt that it left: `provider`, `received_ns`; of the next one: `to`, its row among the attempts, and
    `to_ns`; and `gap_s`.
    """
    place = history.attempts["place"].to_numpy()
    provider = history.attempts["provider"].cat.codes.to_numpy()
    # The attempts are in order of arrival, and the sort keeps that order within a call.
    order = np.argsort(place, kind="stable")
    order = order[place[order] >= 0]
    left, to = order[:-1], order[1:]
    steps = (place[left] == place[to]) & (provider[left] != provider[to])
    left, to = left[steps], to[steps]
    last = np.append(place[left][1:] != place[left][:-1], np.ones(min(len(left), 1), dtype=bool))
    left, to = left[last], to[last]
    arrived = history.attempts["received_ns"].to_numpy(dtype=np.int64)[to]
    gap_ns = np.maximum(arrived - history.attempts["ended_ns"].to_numpy(dtype=np.int64)[left], 0)
    found = history.attempts[["provider", "received_ns"]].iloc[left]
    steps_told: pd.DataFrame = found.assign(
        to=to,
        to_ns=arrived,
        gap_s=gap_ns / NS,
    )
    return steps_told


def _switch_gaps(history: History) -> list[Finding]:
    steps = switches(history)
    found = []
    for statistic in find("switch_gap").statistics:
        values = []
        for episode in history.episodes:
            inside = (steps["received_ns"] >= episode.from_ns) & (steps["received_ns"] < episode.tc_ns)
            theirs = steps[(steps["provider"] == episode.provider) & inside]
            if episode.system:
                values.append(Value(episode.id, None, NO_PROVIDER, applies=False))
            elif episode.t0_ns is None:
                values.append(Value(episode.id, None, NOT_EXERCISED))
            elif theirs.empty and episode.door:
                values.append(Value(episode.id, None, DOOR))
            elif theirs.empty:
                values.append(Value(episode.id, None, "no call went on to another provider"))
            else:
                values.append(
                    quantile_value(
                        episode.id,
                        theirs["gap_s"].to_numpy(dtype=np.float64),
                        statistic,
                        what="switches",
                        rows=history.attempts_named(theirs["to"].to_numpy()),
                        at_ns=theirs["to_ns"].to_numpy(dtype=np.int64),
                    )
                )
        found.append(Finding(f"switch_gap.{statistic}", tuple(values), tuple(each.id for each in history.episodes)))
    return found


def _time_to_fail_over(history: History, episode: Episode) -> Value:
    t0, hold_ns = episode.t0_ns or 0, round(FAIL_OVER_HOLD_S * NS)
    due, good = history.due_ns, history.good
    first = int(np.searchsorted(due, episode.due_from_ns))
    last = int(np.searchsorted(due, episode.tc_ns))
    if first >= last:
        return Value(episode.id, None, "no call was due in the episode")
    elsewhere = good & _elsewhere(history, episode)
    served = np.concatenate([[0], np.cumsum(elsewhere)])
    bad = np.flatnonzero(~good)
    starts = np.arange(first, last)
    ends = np.searchsorted(due, due[starts] + hold_ns)
    next_bad = np.searchsorted(bad, starts)
    first_bad = np.append(bad, len(due))[next_bad]  # index of the first bad call at or after each candidate
    spoiled = first_bad < ends
    alone = served[ends] == served[starts]
    whole = due[starts] + hold_ns <= history.load_until_ns
    refuted_ns = np.where(
        spoiled, np.append(history.ended_ns, 0)[np.minimum(first_bad, len(due))], due[starts] + hold_ns
    )
    offsets = np.maximum(0, due[starts] - t0) / NS
    open_ = ~spoiled & ~(alone & whole)
    if not open_.any():
        return seconds(
            episode.id,
            episode.tc_ns - t0,
            censored=True,
            reason="never failed over while the fault lasted",
            rows=Rows.of("calls", history.numbers(history.due_in(episode) & ~good)),
            breach=Candidates(t0, offsets, refuted_ns),
        )
    best = int(np.argmax(open_))
    note = "no call was hurt: the first to be bitten was rescued" if best == 0 else None
    return seconds(
        episode.id,
        float(offsets[best]) * NS,
        censored=not bool(whole[best]),
        reason=note if whole[best] else "the load ended before a whole second was seen",
        rows=Rows.of("calls", [int(history.calls["call"].iloc[int(starts[best])])]),
        breach=Candidates(t0, offsets[:best], refuted_ns[:best]),
    )


def _elsewhere(history: History, episode: Episode) -> npt.NDArray[np.bool_]:
    """Which calls got their words from what was not broken: from another provider.

    Where only credentials or models of the provider were broken, another one of them is elsewhere as well: what
    arrived there while the fault lasted, and was not bitten.
    """
    found: npt.NDArray[np.bool_] = history.calls["provider"].to_numpy() != episode.provider
    if not episode.narrow:
        return found
    attempts = history.attempts
    received = attempts["received_ns"].to_numpy(dtype=np.int64)
    at = (received >= (episode.t0_ns or episode.from_ns)) & (received < episode.tc_ns)
    at &= history.answering.to_numpy() & (attempts["provider"] == episode.provider).to_numpy(dtype=bool)
    at &= ~bitten_by(attempts["fault"], {each.entry for each in episode.windows}).to_numpy(dtype=bool)
    places = attempts["place"].to_numpy()[at]
    found[places[places >= 0]] = True
    return found


def _outage(history: History) -> Finding:
    values = [_outage_value(history, RUN_SCOPE, np.ones(len(history.due_ns), dtype=bool))]
    values += [_outage_value(history, each.id, history.due_in(each)) for each in history.episodes]
    return Finding("outage", tuple(values), (RUN_SCOPE,))


def _outage_value(history: History, scope: str, begins: npt.NDArray[np.bool_]) -> Value:
    """The longest run of bad calls whose first is one of `begins`."""
    bad = ~history.good
    if not len(bad):
        return Value(scope, None, "no call was due")
    firsts = np.flatnonzero(bad & ~np.concatenate([[False], bad[:-1]]))
    nexts = np.append(np.flatnonzero(~bad & np.concatenate([[False], bad[:-1]])), len(bad))[: len(firsts)]
    kept = begins[firsts]
    firsts, nexts = firsts[kept], nexts[kept]
    if not len(firsts):
        return seconds(scope, 0)
    ends_ns = np.append(history.due_ns, history.load_until_ns)[nexts]
    lengths = ends_ns - history.due_ns[firsts]
    longest = int(np.argmax(lengths))
    inside = slice(int(firsts[longest]), int(nexts[longest]))
    # A shorter one that still went on may have become the longest; a call lost at the very end is none yet.
    deadline_ns = round(history.scenario.load.deadline * NS)
    unseen = bool(nexts[-1] == len(bad) and (longest == len(nexts) - 1 or lengths[-1] >= deadline_ns))
    # A limit is broken once every call due within it, from the first bad one on, is known to be bad.
    offsets = (history.due_ns[inside] - history.due_ns[firsts[longest]]) / NS
    return seconds(
        scope,
        int(lengths[longest]),
        censored=unseen,
        reason="no good call followed before the load ended" if unseen else None,
        rows=Rows.of("calls", [int(each) for each in history.calls["call"].iloc[inside]]),
        breach=Candidates(int(history.due_ns[firsts[longest]]), offsets, history.ended_ns[inside]),
    )
