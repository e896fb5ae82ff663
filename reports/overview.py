"""The tables of a report: outcomes, slices, phases, costs, episodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..scenarios.expectation import format_value
from .episodes import Episode, Window
from .finding import NS, RUN_SCOPE, Finding, Value
from .history import History, Phase, at_places, good_outcomes
from .latency import quantile
from .measures import find
from .result import (
    EpisodeOut,
    FindingOut,
    OutcomeOut,
    PhaseOut,
    WindowOut,
)
from .result_money import CostOut
from .result_value import RowsOut, ValueOut
from .tables import OUTCOMES
from .verdict import rounded

EPISODE_MEASURES: Final = (
    "time_to_detect",
    "switch_gap.p50",
    "switch_gap.p95",
    "switch_gap.max",
    "time_to_fail_over",
    "outage",
    "time_to_recover",
    "time_to_revert",
    "probe_rate",
    "retry_amplification",
    "lost_calls",
    "cost_increase",
)
MEANINGS: Final = {
    "ok": "the right answer within the deadline",
    "late": "the right answer after the deadline",
    "stitched": "pieced together from two providers",
    "foreign": "another call's answer",
    "corrupted": "words repeated, skipped or not verifiable",
    "truncated": "only the beginning, ended as a success",
    "shortened": "only the beginning, with finish reason `length` that nobody asked for",
    "error": "an error status or a proper in-stream error",
    "refused": "connection refused or reset",
    "hung": "nothing terminal until the caller gave up",
    "left": "the caller left in mid-stream, as the timeline said: not measured",
    "unsent": "never left: banstorm's own in-flight cap",
    "unknown": "no record: banstorm lost sight of it",
}


def seconds(history: History, at_ns: int) -> float:
    """An instant as seconds after time 0."""
    return (at_ns - history.t0_ns) / NS


def value_out(finding: Finding, value: Value) -> ValueOut:
    """A value with the text that a person reads."""
    unit = find(finding.key).units[0]
    text = "–"
    if value.amounts is not None:
        text = ("≥ " if value.censored else "") + format_value(rounded(value.amounts[unit]), unit)
    return ValueOut(
        scope=value.scope,
        value=None if value.amounts is None else value.amounts[unit],
        text=text,
        amounts=value.amounts or {},
        censored=value.censored,
        applies=value.applies,
        reason=value.reason,
        rows=None
        if value.rows is None
        else RowsOut(table=value.rows.table, first=list(value.rows.first), total=value.rows.total),
    )


def findings_out(findings: Sequence[Finding]) -> list[FindingOut]:
    """Every finding with its definition."""
    return [
        FindingOut(
            key=each.key,
            definition=find(each.key).definition,
            unit=find(each.key).units[0],
            smaller_is_better=find(each.key).smaller_is_better,
            values=[value_out(each, value) for value in each.by_scope],
        )
        for each in findings
    ]


def episodes_out(history: History, findings: Sequence[Finding]) -> list[EpisodeOut]:
    """Each episode with its failover in phases."""
    by_key = {each.key: each for each in findings}
    found = []
    for episode in history.episodes:
        due = history.due_in(episode)
        times = {}
        for key in EPISODE_MEASURES:
            value = next((each for each in by_key[key].by_scope if each.scope == episode.id), None)
            if value is not None:
                times[key] = value_out(by_key[key], value)
        found.append(
            EpisodeOut(
                id=episode.id,
                provider=episode.provider,
                partial=episode.partial,
                from_s=seconds(history, episode.from_ns),
                until_s=seconds(history, episode.tc_ns),
                first_bite_s=None if episode.t0_ns is None else seconds(history, episode.t0_ns),
                windows=[_window(history, each) for each in episode.windows],
                calls_due=int(due.sum()),
                calls_lost=int((due & ~history.good).sum()),
                times=times,
            )
        )
    return found


def _window(history: History, window: Window) -> WindowOut:
    return WindowOut(
        entry=window.entry,
        fault=window.fault,
        kind=window.kind,
        provider=window.provider,
        share=window.share,
        growth=window.growth,
        share_of={"standing": "credential", "event": "stream"}.get(window.kind, window.share_of),
        period=window.period,
        from_s=seconds(history, window.from_ns),
        until_s=seconds(history, window.until_ns),
        bites=window.bites,
        matched=window.matched,
        first_bite_s=None if window.first_bite_ns is None else seconds(history, window.first_bite_ns),
    )


def outcomes_out(history: History) -> list[OutcomeOut]:
    """How many calls had each outcome that occurred; `ok` always."""
    counts = history.calls["outcome"].value_counts()
    silent = history.calls.loc[history.calls["silent"], "outcome"].value_counts()
    total = max(len(history.calls), 1)
    good = good_outcomes(history.run.manifest.scenario)
    return [
        OutcomeOut(
            outcome=name,
            calls=int(counts.get(name, 0)),
            share=int(counts.get(name, 0)) / total,
            silent=int(silent.get(name, 0)),
            good=name in good,
            meaning=MEANINGS[name],
        )
        for name in OUTCOMES
        if name == "ok" or name in counts.index
    ]


def phases_out(history: History) -> list[PhaseOut]:
    """Load, attempts, latency and cost of each phase, and of the whole."""
    phases = [*history.phases, Phase(RUN_SCOPE, history.t0_ns, history.load_until_ns)]
    by_id: dict[str, Episode] = {each.id: each for each in history.episodes}
    found = []
    for phase in phases:
        if phase.name in by_id:
            due = history.due_in(by_id[phase.name])
        elif phase.name == "baseline":
            due = history.baseline
        else:
            due = (history.due_ns >= phase.from_ns) & (history.due_ns < phase.until_ns)
        found.append(_phase(history, phase, due))
    return found


def _phase(history: History, phase: Phase, due: npt.NDArray[np.bool_]) -> PhaseOut:
    latency = history.latency_s[due & history.calls["answered"].to_numpy(dtype=bool)]
    attempts = int(at_places(due, history.attempts["place"].to_numpy()).sum())
    usd = float(history.billed["usd"].to_numpy()[at_places(due, history.billed["place"].to_numpy())].sum())
    calls, good = int(due.sum()), int((due & history.good).sum())
    return PhaseOut(
        name=phase.name,
        from_s=seconds(history, phase.from_ns),
        until_s=seconds(history, phase.until_ns),
        calls=calls,
        good=good,
        attempts=attempts,
        amplification=attempts / calls if calls else None,
        p50_s=quantile(latency, "p50"),
        p95_s=quantile(latency, "p95"),
        p99_s=quantile(latency, "p99"),
        usd=usd,
        usd_per_answer=usd / good if good else None,
    )


def costs_out(history: History) -> list[CostOut]:
    """What each provider's model billed for the measured load."""
    billed = history.billed
    columns = ["input_tokens", "cached_tokens", "produced_tokens", "usd"]
    found = []
    for (provider, model), group in billed.groupby(["provider", "model"], observed=True):
        sums: pd.Series[float] = group[columns].sum()
        found.append(
            CostOut(
                provider=str(provider),
                model=str(model),
                priced=bool(group["priced"].all()),
                invoices=len(group),
                input_tokens=int(sums["input_tokens"]),
                cached_tokens=int(sums["cached_tokens"]),
                produced_tokens=int(sums["produced_tokens"]),
                usd=float(sums["usd"]),
                wasted_usd=float(group.loc[~group["useful"], "usd"].sum()),
                hidden_usd=float(group.loc[~group["answering"], "usd"].sum()),
            )
        )
    order = {name: index for index, name in enumerate(history.scenario.providers)}
    found.sort(key=lambda each: (order.get(each.provider, len(order)), each.model))
    return found
