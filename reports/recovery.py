"""When the callers were well again, and when the preferred provider was back in use."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from .by_episode import by_episode, candidates, seconds
from .episodes import Episode
from .finding import NS, Finding, Rows, Value
from .history import History
from .measures import BASELINE_CALLS_MIN, find

RECOVER_HOLD_S: Final = find("time_to_recover").hold_s
RECOVER_BAD_SHARE_MAX: Final = 0.01
RECOVER_P95_FACTOR_MAX: Final = 1.5
RECOVER_CALLS_MIN: Final = 20
"""Fewest good calls in the 2 s for their 95th percentile to be looked at."""


def recovery_findings(history: History) -> list[Finding]:
    """`time_to_recover` and `time_to_revert`."""
    return [
        by_episode(history, "time_to_recover", time_to_recover),
        by_episode(history, "time_to_revert", _time_to_revert),
    ]


def time_to_recover(history: History, episode: Episode) -> Value:
    """The episode's value of the measure of that name."""
    baseline = history.baseline_latency_s
    if len(baseline) < BASELINE_CALLS_MIN:
        return Value(episode.id, None, f"the baseline has {len(baseline)} good calls, needs {BASELINE_CALLS_MIN}")
    tc = episode.tc_ns
    edge_ns = history.next_begin_ns(episode)
    instants = np.unique(np.append(history.due_ns[np.searchsorted(history.due_ns, tc) :], tc))
    if edge_ns is not None:
        instants = instants[instants < edge_ns]
    seconds_of = _Seconds(history, instants, float(np.quantile(baseline, 0.95)) * RECOVER_P95_FACTOR_MAX)
    refuted_ns, certain = seconds_of.refutations(edge_ns)
    decided = np.flatnonzero(~certain)
    until = int(decided[0]) if len(decided) else len(instants)
    offsets, refuted = ((instants[:until] - tc) / NS).tolist(), refuted_ns[:until].tolist()
    if until < len(instants) and not seconds_of.spoilt[until] and seconds_of.whole[until]:
        if seconds_of.good[until] < RECOVER_CALLS_MIN:
            reason = f"{seconds_of.good[until]} good calls in 2 s after the episode, needs {RECOVER_CALLS_MIN}"
            return Value(episode.id, None, reason)
        return _recovered(history, episode, int(instants[until]), int(seconds_of.starts[until]), (offsets, refuted))
    end_ns = history.load_until_ns if edge_ns is None else min(edge_ns, history.load_until_ns)
    seen_ns = instants[until] - tc if until < len(instants) else end_ns - tc
    return seconds(
        episode.id,
        float(max(0, seen_ns)),
        censored=True,
        reason="not seen to recover before " + ("the load ended" if edge_ns is None else "the next fault began"),
        rows=Rows.of("calls", history.numbers((history.due_ns >= tc) & ~history.good)),
        breach=candidates(tc, offsets, refuted),
    )


class _Seconds:
    """The 2 s from each of some instants on: the calls due in them, and what speaks against having recovered."""

    def __init__(self, history: History, instants: npt.NDArray[np.int64], limit_s: float) -> None:
        due, good = history.due_ns, history.good
        hold_ns = round(RECOVER_HOLD_S * NS)
        self._history = history
        self._limit_s = limit_s
        self.starts, self.ends = np.searchsorted(due, instants), np.searchsorted(due, instants + hold_ns)
        self.whole = instants + hold_ns <= history.load_until_ns
        goods = np.append(0, np.cumsum(good))
        self.good = goods[self.ends] - goods[self.starts]
        calls = self.ends - self.starts
        self._allowed = (RECOVER_BAD_SHARE_MAX * calls).astype(np.int64)
        self.spoilt = calls - self.good > self._allowed

    def refutations(self, edge_ns: int | None) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
        """When each instant was refuted, and whether it was: until the first that was not, nobody had recovered."""
        history = self._history
        bads = np.append(np.flatnonzero(~history.good), len(history.due_ns))
        first = np.searchsorted(bads, self.starts) + self._allowed
        spoiler = bads[np.minimum(first, len(bads) - 1)]
        # What the next episode did to a call says nothing about recovering from this one.
        ours = np.append(history.due_ns, 0)[spoiler] < (np.iinfo(np.int64).max if edge_ns is None else edge_ns)
        slow = self.whole & ~self.spoilt & (self.good >= RECOVER_CALLS_MIN)
        slow[slow] = self._slow(np.flatnonzero(slow))
        refuted = (self.spoilt & ours) | slow
        at_ns = np.append(history.ended_ns, 0)[spoiler]
        until = int(np.argmin(refuted)) if not refuted.all() else len(refuted)
        for index in np.flatnonzero(slow[:until]):
            at_ns[index] = history.ended_ns[self.starts[index] : self.ends[index]].max()
        return at_ns, refuted

    def _slow(self, which: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Whether the 95th percentile of the good calls' latencies is over the limit.

        It lies between the k-th and the next of n sorted latencies, k = 0.95 x (n - 1) rounded down: with more than
        n - 1 - k over the limit it is over, too, with fewer it is not, and only otherwise does it need to be computed.
        """
        latency, good = self._history.latency_s, self._history.good
        over = np.append(0, np.cumsum(good & (latency > self._limit_s)))
        starts, ends, n = self.starts[which], self.ends[which], self.good[which]
        beyond = over[ends] - over[starts]
        upper = n - 1 - np.floor(0.95 * (n - 1)).astype(np.int64)
        slow = beyond > upper
        for index in np.flatnonzero(beyond == upper):
            theirs = slice(starts[index], ends[index])
            slow[index] = float(np.quantile(latency[theirs][good[theirs]], 0.95)) > self._limit_s
        found: npt.NDArray[np.bool_] = slow
        return found


def _recovered(
    history: History, episode: Episode, instant: int, start: int, refuted: tuple[list[float], list[int]]
) -> Value:
    rows = Rows.of("calls", [int(history.calls["call"].iloc[start])] if start < len(history.calls) else [])
    return seconds(episode.id, instant - episode.tc_ns, rows=rows, breach=candidates(episode.tc_ns, *refuted))


def _time_to_revert(history: History, episode: Episode) -> Value:
    preferred = next(iter(history.scenario.providers))
    if episode.provider != preferred:
        reason = f"does not apply: the preferred provider is {preferred!r}"
        return Value(episode.id, None, reason, applies=False)
    tc = episode.tc_ns
    later_ones = history.answering & (history.attempts["received_ns"] >= tc)
    attempts = history.attempts.loc[later_ones, ["provider", "call"]]
    calls = attempts.loc[attempts["provider"] == preferred, "call"].astype("int64")
    back = history.good & history.calls["call"].isin(calls).to_numpy()
    later = [each.from_ns for each in history.episodes if each.provider == preferred and each.from_ns >= tc]
    edge_ns = min(later, default=history.load_until_ns)
    first_ns = int(history.ended_ns[back].min()) if back.any() else None
    breach = candidates(tc, [], [])
    if first_ns is None or (later and first_ns > edge_ns):
        reason = f"no good answer from {preferred} was seen after the episode"
        return seconds(episode.id, edge_ns - tc, censored=True, reason=reason, breach=breach)
    rows = Rows.of("calls", history.numbers(back & (history.ended_ns == first_ns)))
    return seconds(episode.id, first_ns - tc, rows=rows, breach=breach)
