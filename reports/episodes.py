"""Fault windows, and the episodes they join up to: when the first bite was, when the last disarm."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..scenarios.entry import Entry
from ..scenarios.growth import Growth
from .frames import Run
from .tables import ROUTER


@dataclass(frozen=True, slots=True)
class Window:
    """One timeline entry on one provider. `recorded` is False where the injector never wrote its row."""

    entry: str
    fault: str
    provider: str
    share: float
    stream: bool | None  # the entry's stream selector
    from_ns: int  # armed
    until_ns: int  # disarmed
    bites: int
    matched: int | None
    first_bite_ns: int | None
    recorded: bool
    kind: Literal["fault", "standing", "event"] = "fault"
    whole: bool = True  # bites all that it matches, from its first bite on
    growth: tuple[float, float] | None = None  # a share that changes: at the entry's start and at its end
    share_of: str = "request"  # request, call, credential, caller
    period: int | None = None  # of an entry that comes and goes, from 0
    door: bool = False  # it lets no connection in, so that what it refuses leaves no attempt
    narrow: bool = False  # it means one credential or model of its provider, and all that is asked of it


@dataclass(frozen=True, slots=True)
class Episode:
    """The union of overlapping windows on one provider, or of events on the router, or on its callers.

    `t0_ns` is when the first bitten request arrived (None: nothing was bitten), `tc_ns` the last disarm, `due_from_ns`
    the due time of the first bitten call if that is earlier than t0: the first call due in the episode. For an event on
    the system that is the first of the calls that it broke off.
    """

    id: str
    provider: str
    windows: tuple[Window, ...]
    from_ns: int
    tc_ns: int
    t0_ns: int | None
    due_from_ns: int

    @property
    def partial(self) -> bool:
        """Whether no window bites everything it matches, or a standing lets some of it pass.

        A fault that picks its requests by what is in them lets some pass, whatever its share. What a fault lets pass is
        not missed beside a whole fault. What a standing does is: an account that is let in again, or a bucket that
        fills, gives a router reason to come back.
        """
        standing = any(each.kind != "fault" and not each.whole for each in self.windows)
        return standing or all(each.share < 1 or not each.whole for each in self.windows)

    @property
    def system(self) -> bool:
        """Whether it is about the router or its callers, and no provider was broken."""
        return all(each.kind == "event" for each in self.windows)

    @property
    def door(self) -> bool:
        """Whether attempts may have been refused that no witness saw."""
        return any(each.door for each in self.windows)

    @property
    def narrow(self) -> bool:
        """Whether its provider was well all the time, but for single credentials or models."""
        return all(each.narrow for each in self.windows)

    @property
    def bites(self) -> int:
        """Attempts that its windows bit."""
        return sum(each.bites for each in self.windows)

    @property
    def stream(self) -> bool | None:
        """The stream selector that all its windows share, None if they don't."""
        found = {each.stream for each in self.windows}
        return found.pop() if len(found) == 1 else None


def entries_of(fault: str | None) -> list[str]:
    """The timeline entries that bit an attempt, from its `fault` column."""
    return fault.split("+") if isinstance(fault, str) and fault else []


def windows(run: Run) -> list[Window]:
    """Each timeline entry of the scenario on each of its providers, from the `faults` table.

    Where a killed injector left no row, the window is the declared one and the bites are counted in `attempts`.
    """
    rows: dict[tuple[str, str], list[dict[Hashable, Any]]] = {}
    for row in run.faults.to_dict("records"):
        rows.setdefault((row["entry"], row["provider"]), []).append(row)
    found: list[Window] = []
    doors = {(each.get("entry"), each.get("provider")) for each in run.manifest.canaries if isinstance(each, dict)}
    for index, entry in enumerate(run.manifest.scenario.timeline):
        entry_id = entry.id_at(index)
        whom = entry.on or sorted(name for each, name in rows if each == entry_id) or [ROUTER]
        for provider in whom:
            bitten_ns = _bites(run.attempts, entry_id, provider).sort_values().to_numpy(dtype=np.int64)
            theirs = rows.get((entry_id, provider))
            ours: list[Window] = []
            if theirs is not None:
                ours = [_recorded(entry, row, bitten_ns) for row in theirs]
            elif run.manifest.t0_ns is not None:
                ours = [*_declared(run, entry, entry_id, provider, bitten_ns)]
            # Connections of our own prove a door, and are counted beside the attempts that it broke off.
            unseen = sum(each.bites for each in ours) > len(bitten_ns)
            door = entry.kind == "fault" and (unseen or (entry_id, provider) in doors)
            found += [replace(each, door=True) for each in ours] if door else ours
    return found


def _recorded(entry: Entry, row: dict[Hashable, Any], bitten_ns: npt.NDArray[np.integer[Any]]) -> Window:
    """A window as the fault host wrote it down."""
    from_ns, until_ns = int(row["armed_ns"]), int(row["disarmed_ns"])
    period = _number(row["period"])
    if period is not None:
        bitten_ns = bitten_ns[(bitten_ns >= from_ns) & (bitten_ns < until_ns)]
    return Window(
        row["entry"],
        entry.name,
        row["provider"],
        float(row["share"]),
        entry.stream,
        from_ns,
        until_ns,
        bites=int(row["bites"]),
        matched=int(row["matched"]),
        first_bite_ns=int(bitten_ns[0]) if len(bitten_ns) else _number(row["first_bite_ns"]),
        recorded=True,
        kind=entry.kind,
        whole=_whole(entry, row),
        growth=_growth(entry),
        share_of=entry.share_of,
        period=period,
        narrow=_narrow(entry),
    )


def _declared(
    run: Run, entry: Entry, entry_id: str, provider: str, bitten_ns: npt.NDArray[np.integer[Any]]
) -> Iterator[Window]:
    """The windows of an entry that nobody wrote down."""
    span = run.manifest.scenario.span(entry, provider).moved(run.manifest.t0_ns or 0)
    for period, (from_ns, until_ns) in enumerate(span.windows()):
        inside = bitten_ns
        if span.every_ns:
            inside = bitten_ns[(bitten_ns >= from_ns) & (bitten_ns < until_ns)]
        yield Window(
            entry_id,
            entry.name,
            provider,
            entry.share_max,
            entry.stream,
            from_ns,
            until_ns,
            bites=len(inside),
            matched=None,
            first_bite_ns=int(inside[0]) if len(inside) else None,
            recorded=False,
            kind=entry.kind,
            whole=_whole(entry, None),
            growth=_growth(entry),
            share_of=entry.share_of,
            period=period if span.every_ns else None,
            narrow=_narrow(entry),
        )


def _growth(entry: Entry) -> tuple[float, float] | None:
    return (entry.share.begin, entry.share.end) if isinstance(entry.share, Growth) else None


def _narrow(entry: Entry) -> bool:
    """Other selectors, and a fault that comes and goes, let pass what asks the same credential and model."""
    others = (entry.stream, entry.path, entry.region, entry.header, entry.every)
    return not (entry.credential is None and entry.model is None) and all(each is None for each in others)


def _whole(entry: Entry, row: dict[Hashable, Any] | None) -> bool:
    """What the fault host wrote down; a standing without a row may have let requests pass, for all we know."""
    told = None if row is None or row["whole"] is None or pd.isna(row["whole"]) else bool(row["whole"])
    return entry.fault is not None and not entry.picks if told is None else told


def _number(value: Any) -> int | None:
    return None if value is None or pd.isna(value) else int(value)


def _bites(attempts: pd.DataFrame, entry_id: str, provider: str) -> pd.Series[int]:
    faulted = attempts.loc[attempts["fault"].notna() & (attempts["provider"] == provider), ["fault", "received_ns"]]
    if faulted.empty:
        return faulted["received_ns"]
    return faulted.loc[bitten_by(faulted["fault"], {entry_id}), "received_ns"]


def _naming(told: pd.Series[str], entries: AbstractSet[str]) -> list[str]:
    """Of the values of a `fault` column, those that name one of the entries: each is read once, however often it is."""
    return [each for each in told.dropna().unique() if not entries.isdisjoint(entries_of(each))]


def bitten_by(told: pd.Series[str], entries: AbstractSet[str]) -> pd.Series[bool]:
    """Which rows of a `fault` column name one of the entries."""
    return told.isin(_naming(told, entries))


def episodes(run: Run, measured: pd.DataFrame) -> list[Episode]:
    """The run's episodes in order of their begin. `measured` holds the due time of each measured call."""
    due = measured.set_index("call")["scheduled_ns"]
    found: list[Episode] = []
    by_provider: dict[str, list[Window]] = {}
    for window in windows(run):
        by_provider.setdefault(window.provider, []).append(window)
    for provider, theirs in by_provider.items():
        found += [_episode(run, provider, group, due) for group in _groups(theirs)]
    found.sort(key=lambda each: each.from_ns)
    return [replace(each, id=f"episode {number} ({each.provider})") for number, each in enumerate(found, 1)]


def _groups(theirs: list[Window]) -> Iterator[list[Window]]:
    """Windows of one provider that overlap; an entry that comes and goes is one stretch, its gaps included."""
    entries: dict[str, list[Window]] = {}
    for window in theirs:
        entries.setdefault(window.entry, []).append(window)
    stretches = sorted(entries.values(), key=lambda each: min(window.from_ns for window in each))
    group: list[Window] = []
    until_ns = 0
    for stretch in stretches:
        if group and min(each.from_ns for each in stretch) > until_ns:
            yield sorted(group, key=lambda each: each.from_ns)
            group = []
        group += stretch
        until_ns = max(until_ns, *(each.until_ns for each in stretch))
    if group:
        yield sorted(group, key=lambda each: each.from_ns)


def _episode(run: Run, provider: str, group: list[Window], due: pd.Series[int]) -> Episode:
    from_ns = min(each.from_ns for each in group)
    tc_ns = max(each.until_ns for each in group)
    bites = [each.first_bite_ns for each in group if each.first_bite_ns is not None]
    t0_ns = min(bites) if bites else None
    due_from_ns = from_ns if t0_ns is None else t0_ns
    if t0_ns is not None:
        first = run.attempts[(run.attempts["provider"] == provider) & (run.attempts["received_ns"] == t0_ns)]
        calls = due.reindex(first["call"].dropna().astype("int64")).dropna()
        if len(calls):
            due_from_ns = min(due_from_ns, int(np.min(calls.to_numpy())))
    if t0_ns is not None and all(each.kind == "event" for each in group):
        due_from_ns = min([due_from_ns, *_broken_off(run, due, t0_ns)])
    return Episode("", provider, tuple(group), from_ns, tc_ns, t0_ns, due_from_ns)


def _broken_off(run: Run, due: pd.Series[int], at_ns: int) -> list[int]:
    """When the calls were due that were under way at that moment and came to nothing: an event has no attempts."""
    calls = run.calls[["call", "ended_ns", "outcome"]].drop_duplicates("call", keep="last").set_index("call")
    under_way = calls[(calls["ended_ns"] > at_ns) & ~calls["outcome"].isin({"ok", "late", "left"})].index
    theirs = due.reindex(under_way).dropna()
    return [int(theirs.min())] if len(theirs) and theirs.min() < at_ns else []
