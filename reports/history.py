"""The three witnesses side by side: what each measured call became, its attempts, and what was billed for them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..scenarios.model import Scenario
from .episodes import Episode, episodes
from .finding import NS
from .frames import Run
from .tables import SILENT

GOOD: Final = frozenset({"ok"})
"""Outcomes that are good."""
GOOD_CONTINUED: Final = GOOD | {"stitched"}
"""Outcomes that are good where the scenario allows a second provider to continue what the first began."""
ANSWERED: Final = frozenset({"ok", "late"})
"""Outcomes that came with the right answer, so that they have a latency."""
LEFT: Final = "left"
"""Outcome of a call whose caller left in the middle because the timeline said so: neither good nor lost."""
UNMEASURED: Final = frozenset({"unsent", "unknown"})
"""Outcomes that say something about us, not about the router."""


def good_outcomes(scenario: Scenario) -> frozenset[str]:
    """The outcomes that are good by the scenario's own rules."""
    return GOOD_CONTINUED if scenario.load.continuation else GOOD


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of the measured load: before the first window, an episode, or the rest."""

    name: str
    from_ns: int
    until_ns: int


class History:
    """A run's measured load, joined.

    `calls`: one row a measured call in due order, with the schedule's and the caller's columns and `good`, `silent`,
    `answered`, `latency_s`. `attempts`: every attempt with its measured call's due time (`due_ns`, null for others).
    `invoices`: every invoice with its attempt's call.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.scenario = run.manifest.scenario
        self.calls = _measured(run)
        self.due_ns: npt.NDArray[np.int64] = self.calls["scheduled_ns"].to_numpy(dtype=np.int64)
        self.good: npt.NDArray[np.bool_] = self.calls["good"].to_numpy(dtype=bool)
        self.ended_ns: npt.NDArray[np.int64] = (
            self.calls["ended_ns"].fillna(self.calls["scheduled_ns"]).to_numpy(dtype=np.int64)
        )
        self.latency_s: npt.NDArray[np.float64] = self.calls["latency_s"].to_numpy(dtype=np.float64)
        self.attempts = _attempts(run, self.calls)
        self.episodes: list[Episode] = episodes(run, self.calls)
        first_due = int(self.due_ns[0]) if len(self.due_ns) else 0
        last_due = int(self.due_ns[-1]) + 1 if len(self.due_ns) else 0
        self.t0_ns = run.manifest.t0_ns or first_due
        self.load_until_ns = max(run.manifest.load_until_ns or 0, last_due)
        """The end of the measured load: no call is due from here on."""

    @cached_property
    def first_window_ns(self) -> int:
        """When the first fault window opened; the end of the load where there is none."""
        return min((each.from_ns for each in self.episodes), default=self.load_until_ns)

    @cached_property
    def baseline(self) -> npt.NDArray[np.bool_]:
        """Which calls are baseline: due before the first window, and none of their attempts was bitten."""
        bitten = self.attempts.loc[self.attempts["fault"].notna(), "call"].dropna()
        before = self.due_ns < self.first_window_ns
        return before & ~self.calls["call"].isin(bitten.astype("int64")).to_numpy()

    @cached_property
    def baseline_latency_s(self) -> npt.NDArray[np.float64]:
        """Latencies of the baseline's good calls, in seconds."""
        return self.latency_s[self.baseline & self.good]

    def due_in(self, episode: Episode) -> npt.NDArray[np.bool_]:
        """Which calls were due in the episode."""
        return (self.due_ns >= episode.due_from_ns) & (self.due_ns < episode.tc_ns)

    def numbers(self, mask: npt.NDArray[np.bool_]) -> list[int]:
        """The numbers of the calls that `mask` selects."""
        return [int(each) for each in self.calls["call"].to_numpy()[mask]]

    def attempts_of(self, mask: npt.NDArray[np.bool_]) -> pd.DataFrame:
        """The attempts of the calls that `mask` selects."""
        return self.attempts[self.attempts["call"].isin(self.calls["call"].to_numpy()[mask])]

    @cached_property
    def answering(self) -> pd.Series[bool]:
        """Which attempts (by `attempts`' index) gave the words that the caller got.

        Of a call's attempts at the provider that its answer names, the one that delivered most; the later of equals.
        """
        answered = self.calls.loc[self.calls["provider"].notna(), ["call", "provider"]]
        pairs = answered.assign(provider=answered["provider"].str.split("+")).explode("provider")
        marked = self.attempts.reset_index().merge(pairs, on=["call", "provider"])
        best = marked.sort_values(["delivered_tokens", "received_ns"]).groupby(["call", "provider"])["index"].last()
        return pd.Series(self.attempts.index.isin(best), index=self.attempts.index)

    @cached_property
    def invoices(self) -> pd.DataFrame:
        """Invoices with `call`, `due_ns`, `answering` and `measured`: of a measured call, or background meanwhile."""
        wanted = self.attempts[["attempt", "call", "due_ns"]].assign(answering=self.answering)
        joined = self.run.invoices.merge(wanted.drop_duplicates("attempt"), on="attempt", how="left")
        joined["answering"] = joined["answering"].eq(other=True)
        background = joined["call"].isna() & (joined["at_ns"] >= self.t0_ns)
        joined["measured"] = joined["due_ns"].notna() | background
        # Background traffic has no due time: it counts where it was billed.
        joined["when_ns"] = joined["due_ns"].fillna(joined["at_ns"]).astype("int64")
        good = self.calls.loc[self.calls["good"], "call"]
        joined["useful"] = joined["answering"] & joined["call"].isin(good)
        return joined

    @cached_property
    def phases(self) -> list[Phase]:
        """Baseline, each episode, and what lies after the last of them."""
        found = [Phase("baseline", self.t0_ns, self.first_window_ns)]
        found += [Phase(each.id, each.from_ns, min(each.tc_ns, self.load_until_ns)) for each in self.episodes]
        last = max((each.tc_ns for each in self.episodes), default=self.load_until_ns)
        found.append(Phase("after", last, self.load_until_ns))
        return [each for each in found if each.until_ns > each.from_ns]

    def next_begin_ns(self, episode: Episode) -> int | None:
        """When the next episode on any provider began, of those that begin at or after this one's end."""
        later = [each.from_ns for each in self.episodes if each.from_ns >= episode.tc_ns]
        return min(later, default=None)


def _measured(run: Run) -> pd.DataFrame:
    schedule = run.schedule[run.schedule["phase"] == "load"]
    calls = run.calls.drop_duplicates("call", keep="last")
    joined = schedule.merge(calls, on="call", how="left").sort_values("scheduled_ns", kind="stable", ignore_index=True)
    joined["outcome"] = joined["outcome"].where(joined["outcome"].notna(), "unknown").astype(str)
    # Who left because the timeline said so is no witness of what the router would have given.
    joined = joined[joined["outcome"] != LEFT].reset_index(drop=True)
    good = good_outcomes(run.manifest.scenario)
    joined["good"] = joined["outcome"].isin(good)
    joined["answered"] = joined["outcome"].isin(ANSWERED | good)
    success = joined["status"].between(200, 299).fillna(value=False).astype(bool)
    proper = joined["terminated"].eq(other=True).fillna(value=False).astype(bool)
    joined["silent"] = joined["outcome"].isin(SILENT) & success & proper
    took_ns = (joined["ended_ns"] - joined["scheduled_ns"]).astype("float64")
    joined["latency_s"] = (took_ns / NS).where(joined["answered"])
    return joined


def _attempts(run: Run, calls: pd.DataFrame) -> pd.DataFrame:
    due = calls[["call", "scheduled_ns"]].rename(columns={"scheduled_ns": "due_ns"}).astype({"call": "Int64"})
    joined = run.attempts.merge(due, on="call", how="left").sort_values("received_ns", kind="stable", ignore_index=True)
    joined["due_ns"] = joined["due_ns"].astype("Int64")
    return joined
