"""The three witnesses side by side: what each measured call became, its attempts, and what was billed for them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..scenarios.model import Scenario
from .episodes import Episode, episodes
from .finding import NS, ROWS_MAX, Rows
from .frames import Run
from .joining import NOWHERE, index_in, rows_at
from .memory import give_back
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


GONE: Final = -2
"""Place of what belongs to a call whose caller left as the timeline said."""


def at_places(mask: npt.NDArray[np.bool_], places: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.bool_]:
    """Which rows belong to the calls that `mask` selects, from the rows' places."""
    found: npt.NDArray[np.bool_] = np.append(mask, np.zeros(2, dtype=bool))[places]
    return found


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of the measured load: before the first window, an episode, or the rest."""

    name: str
    from_ns: int
    until_ns: int


class History:
    """A run's measured load, joined.

    `calls`: one row a measured call in due order, with the schedule's and the caller's columns and `good`, `silent`,
    `answered`, `latency_s`, and `row`, the number of its row in the run's table. `attempts`: every attempt in order of
    arrival, with `row` and `place`, its call's position in `calls` (negative: `NOWHERE` or `GONE`). `billed`: the
    measured invoices. `left`: the calls of load whose callers left as the timeline said.

    A ledger may have millions of rows, so that what is joined here holds no column that can be looked up.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.scenario = run.manifest.scenario
        self.calls, self.left = _measured(run)
        self.due_ns: npt.NDArray[np.int64] = self.calls["scheduled_ns"].to_numpy(dtype=np.int64)
        self.good: npt.NDArray[np.bool_] = self.calls["good"].to_numpy(dtype=bool)
        self.ended_ns: npt.NDArray[np.int64] = (
            self.calls["ended_ns"].fillna(self.calls["scheduled_ns"]).to_numpy(dtype=np.int64)
        )
        self.latency_s: npt.NDArray[np.float64] = self.calls["latency_s"].to_numpy(dtype=np.float64)
        self.attempts = _attempts(run, self.calls, self.left)
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
        """Which calls are baseline: due before the first window, and none of their attempts was bitten.

        An event on the system, and a door that shuts, bite no attempt: what was under way when one of them began, and
        came to nothing, was broken off by it, and is no baseline either.
        """
        places = self.attempts["place"].to_numpy()[self.attempts["fault"].notna().to_numpy(dtype=bool)]
        bitten = np.zeros(len(self.due_ns), dtype=bool)
        bitten[places[places >= 0]] = True
        before = (self.due_ns < self.first_window_ns) & ~bitten
        # Each of them, not only the first window: another may have opened a moment earlier, and been harmless.
        for window in (window for each in self.episodes for window in each.windows):
            if window.kind == "event" or window.door:
                before &= self.good | (self.ended_ns <= window.from_ns)
        return before

    @cached_property
    def baseline_latency_s(self) -> npt.NDArray[np.float64]:
        """Latencies of the baseline's good calls, in seconds."""
        return self.latency_s[self.baseline & self.good]

    def due_in(self, episode: Episode) -> npt.NDArray[np.bool_]:
        """Which calls were due in the episode."""
        return (self.due_ns >= episode.due_from_ns) & (self.due_ns < episode.tc_ns)

    def numbers(self, mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
        """The numbers of the calls that `mask` selects."""
        found: npt.NDArray[np.int64] = self.calls["call"].to_numpy(dtype=np.int64)[mask]
        return found

    def attempts_named(self, rows: npt.NDArray[np.integer[Any]]) -> Rows:
        """Rows of `attempts` by their names."""
        return Rows("attempts", self.attempts["attempt"].iloc[rows[:ROWS_MAX]].tolist(), len(rows))

    @cached_property
    def answering(self) -> pd.Series[bool]:
        """Which attempts (by `attempts`' index) gave the words that the caller got.

        Of a call's attempts at the provider that its answer names, the one that delivered most; the later of equals.
        """
        place = self.attempts["place"].to_numpy()
        named, wrote = self.calls["provider"].cat, self.attempts["provider"].cat
        names, writers = named.codes.to_numpy(), wrote.codes.to_numpy()
        # The number that a provider of an attempt has among those that answers name; the last stands for none.
        same = np.append(named.categories.get_indexer(wrote.categories), NOWHERE)
        same[same < 0] = NOWHERE - 1
        marked = np.zeros(len(place), dtype=bool)
        known = np.flatnonzero(place >= 0)
        marked[known] = names[place[known]] == same[writers[known]]
        several = [each for each in named.categories if "+" in each]
        both = self.calls["provider"].isin(several).to_numpy()
        for at in known[both[place[known]]]:
            marked[at] = wrote.categories[writers[at]] in named.categories[names[place[at]]].split("+")
        found = np.flatnonzero(marked)
        delivered = self.attempts["delivered_tokens"].to_numpy(dtype=np.int64)[found]
        provider = writers[found]
        # The attempts are in order of arrival, and the sort keeps that order among equals.
        order = np.lexsort((delivered, provider, place[found]))
        pair = np.stack([place[found], provider])[:, order]
        last = np.append((pair[:, 1:] != pair[:, :-1]).any(axis=0), np.ones(min(len(order), 1), dtype=bool))
        best = np.zeros(len(place), dtype=bool)
        best[found[order[last]]] = True
        return pd.Series(best, self.attempts.index, bool)

    @cached_property
    def attempt_of_invoice(self) -> npt.NDArray[np.int32]:
        """Each invoice's attempt as a row of `attempts`, -1 where there is none."""
        found = index_in(self.run.invoices["attempt"], self.attempts["attempt"])
        give_back()
        return found

    def due_of(self, rows: npt.NDArray[np.integer[Any]]) -> pd.Series[int]:
        """When the calls of some rows of `attempts` were due, by those rows; null for what belongs to no call."""
        theirs = self.attempts[["call", "place"]].iloc[rows]
        place = theirs["place"].to_numpy()
        due = np.append(self.due_ns, np.zeros(2, dtype=np.int64))[place]
        gone = place == GONE
        if gone.any():
            left = self.left.drop_duplicates("call").set_index("call")["scheduled_ns"]
            due[gone] = left.loc[theirs["call"][gone].to_numpy(dtype=np.int64)]
        return pd.Series(due, theirs.index, "Int64").where(place != NOWHERE)

    @cached_property
    def billed(self) -> pd.DataFrame:
        """The measured invoices: `row`, their attempt's in `attempts` (-1: none), its `place`, `when_ns` and what for.

        Measured is what was billed for a call of the load, also for one whose caller left, and background traffic
        meanwhile. `answering` is what was billed for the attempt that gave the caller its words, and `useful` is that
        for a good answer. Which attempt it was is told by `named`.
        """
        invoices, at = self.run.invoices, self.attempt_of_invoice
        place = np.append(self.attempts["place"].to_numpy(), np.int32(NOWHERE))[at]
        background = np.append(self.attempts["call"].isna().to_numpy(), np.True_)[at]
        background &= (invoices["at_ns"] >= self.t0_ns).to_numpy()
        chosen = np.flatnonzero((place != NOWHERE) | background)
        at, place = at[chosen], place[chosen]
        # Background traffic has no due time: it counts where it was billed.
        joined = rows_at(invoices.drop(columns="attempt"), chosen)
        of_call = np.flatnonzero(place != NOWHERE)
        when_ns = joined["at_ns"].to_numpy(dtype=np.int64, copy=True)
        when_ns[of_call] = self.due_of(at[of_call]).to_numpy(dtype=np.int64)
        answering = np.append(self.answering.to_numpy(), np.False_)[at]
        useful = answering & at_places(self.good, place)
        return joined.assign(row=at, place=place, when_ns=when_ns, answering=answering, useful=useful)

    def named(self, billed: pd.DataFrame) -> Rows:
        """Rows of `billed` by the names of their attempts; without those that have none."""
        names = self.run.invoices["attempt"]
        index = billed.index.to_numpy()
        known = index[self._has_name[index]]
        return Rows("invoices", names.iloc[known[:ROWS_MAX]].tolist(), len(known))

    @cached_property
    def _has_name(self) -> npt.NDArray[np.bool_]:
        found: npt.NDArray[np.bool_] = self.run.invoices["attempt"].notna().to_numpy(dtype=bool)
        return found

    def billed_for(self, due: npt.NDArray[np.bool_], from_ns: int, until_ns: int) -> npt.NDArray[np.bool_]:
        """Which of `billed` belong to the calls that `due` selects.

        Those of callers who left, and of background traffic, belong to the time between the two instants.
        """
        place = self.billed["place"].to_numpy()
        when = self.billed["when_ns"].to_numpy()
        found: npt.NDArray[np.bool_] = at_places(due, place) | ((place < 0) & (when >= from_ns) & (when < until_ns))
        return found

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


def _measured(run: Run) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The measured calls, and those that their callers left."""
    schedule = rows_at(run.schedule, np.flatnonzero((run.schedule["phase"] == "load").to_numpy()))
    calls = run.calls.assign(row=pd.Series(run.calls.index, dtype="Int32"))
    if calls["call"].duplicated().any():
        calls = calls.drop_duplicates("call", keep="last")
    joined = schedule.merge(calls, on="call", how="left")
    if not joined["scheduled_ns"].is_monotonic_increasing:
        joined = joined.sort_values("scheduled_ns", kind="stable", ignore_index=True)
    outcome = joined["outcome"].astype(object)
    joined["outcome"] = outcome.where(outcome.notna(), "unknown")
    # Who left because the timeline said so is no witness of what the router would have given.
    gone = joined["outcome"] == LEFT
    left = joined[gone]
    if len(left):
        joined = joined[~gone].reset_index(drop=True)
    good = good_outcomes(run.manifest.scenario)
    joined["good"] = joined["outcome"].isin(good)
    joined["answered"] = joined["outcome"].isin(ANSWERED | good)
    success = joined["status"].between(200, 299).fillna(value=False).astype(bool)
    proper = joined["terminated"].eq(other=True).fillna(value=False).astype(bool)
    joined["silent"] = joined["outcome"].isin(SILENT) & success & proper
    took_ns = (joined["ended_ns"] - joined["scheduled_ns"]).astype("float64")
    joined["latency_s"] = (took_ns / NS).where(joined["answered"])
    return joined, left


def _attempts(run: Run, calls: pd.DataFrame, left: pd.DataFrame) -> pd.DataFrame:
    rows = run.attempts.index.to_numpy(dtype=np.int32)
    joined = run.attempts.set_axis(pd.RangeIndex(len(rows)), axis=0).assign(row=rows)
    numbers = joined["call"].fillna(-1).to_numpy(dtype=np.int64)
    unique = calls["call"].drop_duplicates()
    at = pd.Index(unique).get_indexer(pd.Index(numbers))
    place = np.append(unique.index.to_numpy(), NOWHERE)[at]
    if len(left):
        away = np.isin(numbers, left["call"].to_numpy(dtype=np.int64)) & (place < 0)
        place = np.where(away, GONE, place)
    joined["place"] = place.astype(np.int32)
    return joined
