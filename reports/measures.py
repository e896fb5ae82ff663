"""The measures: what a run can be asked, with units, definition and needs. Light: scenario validation reads it.

A finding's name is an expectation's key. A measure that is a distribution is asked for by statistic
(``switch_gap.p95``); every other one by its bare name. `docs` and the catalogue print `definition` as it stands here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ..scenarios.expectation import Unit

CALLS_MIN: Final = {"p50": 20, "p95": 200, "p99": 1000, "max": 1}
"""Fewest observations from which a statistic of one run is stated; with fewer it reads "–"."""
BASELINE_CALLS_MIN: Final = 20
"""Fewest good calls before the first window that make a baseline."""
CALLER_CALLS_MIN: Final = 5
"""Fewest calls of a caller for its share of good ones to mean anything."""


class Anchor(StrEnum):
    """The moment of an episode from which a time is counted."""

    BEGIN = "begin"  # t0, the first bite
    END = "end"  # tc, the last disarm


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure.

    `units` are those an expectation may be written in; the first is the one it is shown in. `hold_s` is how much load
    must follow a value before it counts as seen, in seconds: a scenario that expects at most `limit` needs load until
    `anchor` + limit + `hold_s`.
    """

    name: str
    units: tuple[Unit, ...]
    definition: str
    smaller_is_better: bool | None = True  # None: the best value lies in between
    statistics: tuple[str, ...] = ()
    needs_windows: bool = False
    needs_baseline: bool = False
    whole_faults_only: bool = False  # does not apply to a fault that bites only a share of the requests
    of_providers: bool = False  # does not apply to an event on the router or its callers
    anchor: Anchor | None = None
    hold_s: float = 0.0

    @property
    def keys(self) -> tuple[str, ...]:
        """The expectation keys that ask for it."""
        return tuple(f"{self.name}.{each}" for each in self.statistics) or (self.name,)


_ALL: Final = (
    Measure(
        "silent_losses",
        (Unit.NUMBER, Unit.SHARE),
        "Lost calls that looked like a success to the caller: a 2xx status and a proper ending, but the answer of "
        "another call, a corrupted one, or only its beginning. As a count, or as a share of the calls due.",
    ),
    Measure(
        "lost_calls",
        (Unit.NUMBER, Unit.SHARE),
        "Measured calls whose outcome is not good: the caller did not get the right answer, whole and within the "
        "deadline. As a count, or as a share of the calls due.",
    ),
    Measure(
        "callers_hurt",
        (Unit.NUMBER, Unit.SHARE),
        "Distinct callers with at least one lost call (the blast radius). As a count, or as a share of the callers "
        "that called.",
    ),
    Measure(
        "caller_fairness",
        (Unit.NUMBER,),
        "Jain's index of the callers' shares of good calls: 1 when every caller was treated alike, 1/n when one of n "
        "got everything. Of the callers with at least 5 calls.",
        smaller_is_better=False,
    ),
    Measure(
        "time_to_detect",
        (Unit.SECONDS,),
        "From the first bite to the first instant after which at most 5 % of the calls due in the rest of the episode "
        "(at least 20), and at most 5 % of the next 20, attempt the broken provider, model and credential. A router "
        "that does not get there has never left. Attempts there afterwards are probes.",
        needs_windows=True,
        whole_faults_only=True,
        anchor=Anchor.BEGIN,
        of_providers=True,
    ),
    Measure(
        "switch_gap",
        (Unit.SECONDS,),
        "For each call that went on to another provider: from the end of the attempt it left (the last such one) to "
        "the arrival of the next attempt at another provider. 0 when the next began before the last had ended.",
        statistics=("p50", "p95", "max"),
        needs_windows=True,
        of_providers=True,
    ),
    Measure(
        "time_to_fail_over",
        (Unit.SECONDS,),
        "From the first bite to the due time of the first call from which every call due within 1 s is good, at least "
        "one of them served by another provider than the broken one, or by another credential or model of it where "
        "the fault selects one.",
        needs_windows=True,
        whole_faults_only=True,
        anchor=Anchor.BEGIN,
        hold_s=1.0,
        of_providers=True,
    ),
    Measure(
        "outage",
        (Unit.SECONDS,),
        "The longest run of consecutive bad calls, from the due time of its first to that of the next good call.",
    ),
    Measure(
        "added_latency",
        (Unit.SECONDS,),
        "A quantile of the latency of right answers to calls due in the episode, less the baseline's. Latency counts "
        "from the moment the call was due.",
        statistics=("p50", "p95", "p99"),
        needs_windows=True,
        needs_baseline=True,
        of_providers=True,
    ),
    Measure(
        "time_to_recover",
        (Unit.SECONDS,),
        "From the end of the episode to the first instant from which, over 2 s, at least 99 % of the calls due are "
        "good and their 95th percentile latency is at most 1.5 times the baseline's.",
        needs_windows=True,
        needs_baseline=True,
        anchor=Anchor.END,
        hold_s=2.0,
    ),
    Measure(
        "metastable",
        (Unit.NUMBER,),
        "1 when the router had not recovered (as in time_to_recover) by the end of at least 30 s of load after the "
        "episode, so that something of its own keeps it down; 0 when it recovered.",
        needs_windows=True,
        needs_baseline=True,
        anchor=Anchor.END,
        hold_s=30.0,
    ),
    Measure(
        "time_to_revert",
        (Unit.SECONDS,),
        "From the end of the episode to the end of the first good answer that the preferred provider (the scenario's "
        "first) began after it. Applies to episodes of that provider.",
        needs_windows=True,
        anchor=Anchor.END,
        of_providers=True,
    ),
    Measure(
        "probe_rate",
        (Unit.PER_SECOND,),
        "Attempts at the broken provider, model and credential per second, from the moment the router has left it to "
        "the end of the episode.",
        needs_windows=True,
        whole_faults_only=True,
        of_providers=True,
    ),
    Measure(
        "retry_amplification",
        (Unit.NUMBER, Unit.FACTOR),
        "Attempts divided by calls, for the calls due in the episode; for the whole run where there is no episode.",
    ),
    Measure(
        "availability",
        (Unit.SHARE,),
        "Good calls divided by calls due.",
        smaller_is_better=False,
    ),
    Measure(
        "budget_spent",
        (Unit.SHARE,),
        "Share of a 30-day month's error budget that this run's lost calls took: lost calls divided by (1 - SLO) x "
        "calls a month. SLO and volume are the run's own (`slo`, `volume_per_day` in run.json), else 99.9 % and the "
        "scenario's mean rate all month.",
    ),
    Measure(
        "cost_per_answer",
        (Unit.USD,),
        "Billed USD divided by good answers, for the measured load.",
    ),
    Measure(
        "cost_increase",
        (Unit.FACTOR, Unit.NUMBER),
        "Cost per good answer of the calls due in the episode divided by the baseline's.",
        needs_windows=True,
        needs_baseline=True,
        of_providers=True,
    ),
    Measure(
        "wasted",
        (Unit.USD, Unit.SHARE),
        "Billed for nothing good: everything billed except the attempts that gave a good answer. In USD, or as a share "
        "of what was billed.",
    ),
    Measure(
        "bookkeeping_drift",
        (Unit.FACTOR, Unit.NUMBER),
        "Output tokens that the answers' usage reported, divided by those billed for the attempts that answered. 1 is "
        "exact.",
        smaller_is_better=None,
    ),
    Measure(
        "hidden_spend",
        (Unit.USD, Unit.SHARE),
        "Billed for attempts other than the one that answered (retries, hedges, abandoned streams, traffic of the "
        "router's own): spend that no answer's usage shows. In USD, or as a share of what was billed.",
    ),
)
_BY_NAME: Final = {each.name: each for each in _ALL}


def names() -> list[str]:
    """Every measure's name, in the order of reports."""
    return list(_BY_NAME)


def keys() -> list[str]:
    """Every expectation key: a measure's name, or its name and a statistic."""
    return [key for each in _ALL for key in each.keys]


def find(name: str) -> Measure:
    """The measure of an expectation key (``outage``, ``switch_gap.p95``) or of a bare name.

    Raises:
        KeyError: when there is none, or the statistic is none of its own.
    """
    base, _, statistic = name.partition(".")
    measure = _BY_NAME[base]
    if statistic and statistic not in measure.statistics:
        raise KeyError(name)
    return measure
