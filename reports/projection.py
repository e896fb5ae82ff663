"""The user's own month with one outage such as an episode of this run, at the user's own volume."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from ..scenarios.expectation import Unit
from ..scenarios.units import format_duration
from .episodes import Episode
from .finding import NS, Finding
from .history import History
from .measures import BASELINE_CALLS_MIN
from .result_money import ProjectionOut

DAY_S: Final = 86_400.0
DAYS_A_MONTH: Final = 30
OUTAGE_S: Final = 3600.0
"""Length of the outage where the user names none, in seconds."""
SETTLED_CALLS_MIN: Final = 20
"""Fewest calls due after failover for them to stand for the rest of an outage."""


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Calls due in a stretch: how many, how many were lost, and what was billed for them."""

    calls: int
    lost: int
    usd: float


def projections_out(history: History, findings: list[Finding]) -> list[ProjectionOut]:
    """A row for each episode in which a provider was really broken."""
    return [
        _projection(history, each, findings) for each in history.episodes if not each.system and each.t0_ns is not None
    ]


def _projection(history: History, episode: Episode, findings: list[Finding]) -> ProjectionOut:
    manifest = history.run.manifest
    rate = history.scenario.load.profile.mean
    volume = manifest.volume_per_day or rate * DAY_S
    outage_s = manifest.outage_s or OUTAGE_S
    over_s = _failed_over_s(episode, findings)
    due = history.due_in(episode)
    settled_from_ns = (episode.t0_ns or 0) + round((over_s or 0) * NS)
    settled = due & (history.due_ns >= settled_from_ns)
    whole = over_s is None or int(settled.sum()) < SETTLED_CALLS_MIN
    if whole:
        settled, settled_from_ns, over_s = due, episode.from_ns, None
    before = _stretch(history, history.baseline, history.t0_ns, history.first_window_ns)
    after = _stretch(history, settled, settled_from_ns, episode.tc_ns)
    row = {
        "episode": episode.id,
        "volume_per_day": volume,
        "outage_s": outage_s,
        "basis": _basis(history, outage_s, over_s),
    }
    reason = None
    if before.calls < BASELINE_CALLS_MIN:
        reason = f"the baseline has {before.calls} calls, needs {BASELINE_CALLS_MIN}"
    elif not after.calls:
        reason = "no call was due in the episode"
    if reason is not None:
        nothing = dict.fromkeys(("month_usd", "outage_usd", "usual_usd", "extra_usd", "lost_answers"))
        return ProjectionOut.model_validate({**row, **nothing, "reason": reason})
    per_s = volume / DAY_S
    usual_usd = before.usd / before.calls * per_s * outage_s
    # Until failover what was seen happens once, at the user's rate; then the rest of the outage is like what followed.
    first = _stretch(history, due & ~settled, episode.from_ns, settled_from_ns)
    first_s = min(over_s or 0.0, outage_s)
    scale = per_s * first_s / first.calls if first.calls else 0.0
    rest = per_s * (outage_s - (first_s if first.calls else 0.0)) / after.calls
    outage_usd = first.usd * scale + after.usd * rest
    return ProjectionOut.model_validate(
        {
            **row,
            "month_usd": before.usd / before.calls * volume * DAYS_A_MONTH,
            "outage_usd": outage_usd,
            "usual_usd": usual_usd,
            "extra_usd": outage_usd - usual_usd,
            "lost_answers": first.lost * scale + after.lost * rest,
        }
    )


def _stretch(history: History, due: npt.NDArray[np.bool_], from_ns: int, until_ns: int) -> _Stretch:
    usd = history.billed["usd"].to_numpy(dtype=np.float64)[history.billed_for(due, from_ns, until_ns)].sum()
    return _Stretch(int(due.sum()), int((due & ~history.good).sum()), float(usd))


def _failed_over_s(episode: Episode, findings: list[Finding]) -> float | None:
    """Seconds to failover, None where it does not apply or its end was not seen."""
    finding = next(each for each in findings if each.key == "time_to_fail_over")
    value = next(each for each in finding.by_scope if each.scope == episode.id)
    return None if value.amounts is None or value.censored else value.amounts[Unit.SECONDS]


def _basis(history: History, outage_s: float, over_s: float | None) -> str:
    manifest = history.run.manifest
    volume = "your volume" if manifest.volume_per_day else "the scenario's mean rate, all day"
    length = "your outage" if manifest.outage_s else "an outage"
    told = f"{volume}; {length} of {outage_s / 3600:.3g} h; a month of {DAYS_A_MONTH} days; "
    if over_s is None:
        return told + "all of the outage like this episode"
    return told + f"the first {format_duration(round(over_s, 3))} as seen here, the rest like what followed failover"
