"""Whether the target had the CPU it asked for: a router that others kept from working is not to blame for its delays.

Linux counts how long a thread was ready to run and waited for a CPU. Threads of one process may also wait for one
another, which is the process's own doing; so of the waiting only as much counts as others worked meanwhile on this
machine: ``denied = min(waited, machine's work - target's work)``, in CPU seconds a second. The target is starved in a
phase if it was denied more than a third of what it asked for (``denied / (denied + worked)``: its work then took half
as long again), and that was not too little to matter.

It excuses only what slowness can have broken: a time limit; anything else only where a call came late or hung, or the
target gave up an attempt. An error that was passed on at once, and a request too many, are no matter of CPU time. And
a pass needs no excuse.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import pandas as pd

from ..scenarios.expectation import Unit
from .finding import NS
from .history import History
from .result import CheckOut, ExpectationOut, State
from .tables import CPU, MACHINE, WAITING
from .validity import SAMPLE_S

TARGET: Final = "target"
DENIED_SHARE_MAX: Final = 1 / 3
"""Most of the CPU that it asked for that others may have kept from the target, as a share."""
DENIED_CORES_MIN: Final = 0.1
"""Less than so much of one CPU is no doubt, whatever its share: 10 ms for each of ten calls a second."""
SLOW: Final = ("late", "hung")
"""Outcomes of calls that took too long."""
GAVE_UP: Final = "router"
"""How an attempt ended that the target had enough of."""
SAMPLES_MIN: Final = 2
"""Fewer samples than these say nothing of a phase."""


def starvation_checks(history: History, expectations: Sequence[ExpectationOut]) -> Iterator[CheckOut]:
    """A check a phase; none where the ledger has no such samples (a router of the user's own, another kernel)."""
    excused = _excused(history, expectations)
    at_ns, denied, worked = _samples(history)
    for phase in history.phases:
        here = (at_ns >= phase.from_ns) & (at_ns < phase.until_ns + round(SAMPLE_S * NS))
        if here.sum() < SAMPLES_MIN:
            continue
        lacked, had = float(denied[here].mean()), float(worked[here].mean())
        share = lacked / (lacked + had) if lacked + had else 0.0
        starved = share > DENIED_SHARE_MAX and lacked >= DENIED_CORES_MIN
        yield CheckOut(
            name=f"target had the CPU it asked for, {phase.name}",
            kind="evidence",
            ok=not (starved and excused),
            found=f"{share:.0%} of it was taken by others ({had:.2f} CPUs used, {lacked:.2f} waited for)"
            + ("; nothing that broke is a matter of time" if starved and not excused else ""),
            needed=f"at most {DENIED_SHARE_MAX:.0%}, or less than {DENIED_CORES_MIN:g} CPUs",
            scope=phase.name,
        )


def _excused(history: History, expectations: Sequence[ExpectationOut]) -> bool:
    """Whether all that broke may have been broken by slowness."""
    broken = [each.measure for each in expectations if each.state is State.BROKEN]
    timed = {each.measure for each in history.scenario.expect if each.unit is Unit.SECONDS}
    slow = bool(history.calls["outcome"].isin(SLOW).any() or (history.attempts["ended_by"] == GAVE_UP).any())
    return bool(broken) and (slow or timed.issuperset(broken))


def _samples(history: History) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """When, how much CPU the target was denied, and how much it had, in CPUs."""
    samples = history.run.samples
    waited = _of(samples, TARGET, WAITING)
    worked, machine = (_near(_of(samples, process, CPU), waited) for process in (TARGET, MACHINE))
    others = np.maximum(machine - worked, 0.0)
    denied = np.minimum(waited["value"].to_numpy(dtype=np.float64), others)
    return waited["at_ns"].to_numpy(dtype=np.int64), denied, worked


def _of(samples: pd.DataFrame, process: str, name: str) -> pd.DataFrame:
    theirs = samples[(samples["process"] == process) & (samples["name"] == name)]
    return theirs[["at_ns", "value"]].sort_values("at_ns")


def _near(samples: pd.DataFrame, waited: pd.DataFrame) -> np.ndarray:
    """The values of the samples that were taken together with those of `waited`: the last ones before, or 0."""
    at_ns, values = samples["at_ns"].to_numpy(dtype=np.int64), samples["value"].to_numpy(dtype=np.float64)
    place = np.searchsorted(at_ns, waited["at_ns"].to_numpy(dtype=np.int64), side="right") - 1
    return np.where(place >= 0, values[np.maximum(place, 0)], 0.0) if len(values) else np.zeros(len(waited))
