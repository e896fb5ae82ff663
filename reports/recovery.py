"""When the callers were well again, and when the preferred provider was back in use."""

from __future__ import annotations

from typing import Final

import numpy as np

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
        by_episode(history, "time_to_recover", _time_to_recover),
        by_episode(history, "time_to_revert", _time_to_revert),
    ]


def _time_to_recover(history: History, episode: Episode) -> Value:
    baseline = history.baseline_latency_s
    if len(baseline) < BASELINE_CALLS_MIN:
        return Value(episode.id, None, f"the baseline has {len(baseline)} good calls, needs {BASELINE_CALLS_MIN}")
    limit_s = float(np.quantile(baseline, 0.95)) * RECOVER_P95_FACTOR_MAX
    tc, hold_ns = episode.tc_ns, round(RECOVER_HOLD_S * NS)
    due, good = history.due_ns, history.good
    edge_ns = history.next_begin_ns(episode)
    first = int(np.searchsorted(due, tc))
    instants = np.unique(np.concatenate([[tc], due[first:]]))
    starts, ends = np.searchsorted(due, instants), np.searchsorted(due, instants + hold_ns)
    bads = np.flatnonzero(~good)
    offsets: list[float] = []
    refuted: list[int] = []
    for instant, start, end in zip(instants.tolist(), starts.tolist(), ends.tolist(), strict=True):
        if edge_ns is not None and instant >= edge_ns:
            break
        spoilers = bads[np.searchsorted(bads, start) : np.searchsorted(bads, end)]
        allowed = int(RECOVER_BAD_SHARE_MAX * (end - start))
        whole = instant + hold_ns <= history.load_until_ns
        refuted_ns: int | None = None
        if len(spoilers) > allowed:
            spoiler = int(spoilers[allowed])
            # What the next episode did to a call says nothing about recovering from this one.
            if edge_ns is None or due[spoiler] < edge_ns:
                refuted_ns = int(history.ended_ns[spoiler])
        elif whole:
            latencies = history.latency_s[start:end][good[start:end]]
            if len(latencies) < RECOVER_CALLS_MIN:
                reason = f"{len(latencies)} good calls in 2 s after the episode, needs {RECOVER_CALLS_MIN}"
                return Value(episode.id, None, reason)
            if float(np.quantile(latencies, 0.95)) <= limit_s:
                return _recovered(history, episode, instant, start, (offsets, refuted))
            refuted_ns = int(history.ended_ns[start:end].max())
        if refuted_ns is None:
            break
        offsets.append((instant - tc) / NS)
        refuted.append(refuted_ns)
    seen_ns = max(0, instants[len(offsets)] - tc) if len(offsets) < len(instants) else history.load_until_ns - tc
    return seconds(
        episode.id,
        float(seen_ns),
        censored=True,
        reason="not seen to recover before " + ("the load ended" if edge_ns is None else "the next fault began"),
        rows=Rows("calls", history.numbers((due >= tc) & ~good)),
        breach=candidates(tc, offsets, refuted),
    )


def _recovered(
    history: History, episode: Episode, instant: int, start: int, refuted: tuple[list[float], list[int]]
) -> Value:
    rows = Rows("calls", [int(history.calls["call"].iloc[start])] if start < len(history.calls) else [])
    return seconds(episode.id, instant - episode.tc_ns, rows=rows, breach=candidates(episode.tc_ns, *refuted))


def _time_to_revert(history: History, episode: Episode) -> Value:
    preferred = next(iter(history.scenario.providers))
    if episode.provider != preferred:
        reason = f"does not apply: the preferred provider is {preferred!r}"
        return Value(episode.id, None, reason, applies=False)
    tc = episode.tc_ns
    attempts = history.attempts[history.answering & (history.attempts["received_ns"] >= tc)]
    calls = attempts.loc[attempts["provider"] == preferred, "call"].astype("int64")
    back = history.good & history.calls["call"].isin(calls).to_numpy()
    later = [each.from_ns for each in history.episodes if each.provider == preferred and each.from_ns >= tc]
    edge_ns = min(later, default=history.load_until_ns)
    first_ns = int(history.ended_ns[back].min()) if back.any() else None
    breach = candidates(tc, [], [])
    if first_ns is None or (later and first_ns > edge_ns):
        reason = f"no good answer from {preferred} was seen after the episode"
        return seconds(episode.id, edge_ns - tc, censored=True, reason=reason, breach=breach)
    rows = Rows("calls", history.numbers(back & (history.ended_ns == first_ns)))
    return seconds(episode.id, first_ns - tc, rows=rows, breach=breach)
