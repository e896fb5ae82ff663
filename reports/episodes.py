"""Fault windows, and the episodes they join up to: when the first bite was, when the last disarm."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from ..scenarios.entry import Entry
from .finding import NS
from .frames import Run


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
    kind: Literal["fault", "standing"] = "fault"
    whole: bool = True  # bites all that it matches, from its first bite on


@dataclass(frozen=True, slots=True)
class Episode:
    """The union of overlapping windows on one provider.

    `t0_ns` is when the first bitten request arrived (None: nothing was bitten), `tc_ns` the last disarm, `due_from_ns`
    the due time of the first bitten call if that is earlier than t0: the first call due in the episode.
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
        standing = any(each.kind == "standing" and not each.whole for each in self.windows)
        return standing or all(each.share < 1 or not each.whole for each in self.windows)

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
    scenario, t0_ns = run.manifest.scenario, run.manifest.t0_ns
    rows: dict[tuple[str, str], dict[Hashable, Any]] = {
        (row["entry"], row["provider"]): row for row in run.faults.to_dict("records")
    }
    found = []
    for index, entry in enumerate(scenario.timeline):
        entry_id = entry.id_at(index)
        for provider in entry.on:
            row = rows.get((entry_id, provider))
            if row is None and t0_ns is None:
                continue
            bitten = _bites(run.attempts, entry_id, provider)
            if row is None:
                origin = t0_ns or 0
                from_ns, until_ns = origin + round(entry.at * NS), origin + round(scenario.until_s(entry) * NS)
            else:
                from_ns, until_ns = int(row["armed_ns"]), int(row["disarmed_ns"])
            found.append(
                Window(
                    entry_id,
                    entry.name,
                    provider,
                    entry.share,
                    entry.stream,
                    from_ns,
                    until_ns,
                    bites=len(bitten) if row is None else int(row["bites"]),
                    matched=None if row is None else int(row["matched"]),
                    first_bite_ns=int(bitten.min()) if len(bitten) else _first_bite(row),
                    recorded=row is not None,
                    kind=entry.kind,
                    whole=_whole(entry, row),
                )
            )
    return found


def _whole(entry: Entry, row: dict[Hashable, Any] | None) -> bool:
    """What the fault host wrote down; a standing without a row may have let requests pass, for all we know."""
    told = None if row is None or row["whole"] is None or pd.isna(row["whole"]) else bool(row["whole"])
    return entry.standing is None if told is None else told


def _first_bite(row: dict[Hashable, Any] | None) -> int | None:
    value = None if row is None else row["first_bite_ns"]
    return None if value is None or pd.isna(value) else int(value)


def _bites(attempts: pd.DataFrame, entry_id: str, provider: str) -> pd.Series[int]:
    faulted = attempts[attempts["fault"].notna() & (attempts["provider"] == provider)]
    if faulted.empty:
        return faulted["received_ns"]
    return faulted.loc[[entry_id in entries_of(each) for each in faulted["fault"]], "received_ns"]


def episodes(run: Run, measured: pd.DataFrame) -> list[Episode]:
    """The run's episodes in order of their begin. `measured` holds the due time of each measured call."""
    due = measured.set_index("call")["scheduled_ns"]
    found: list[Episode] = []
    by_provider: dict[str, list[Window]] = {}
    for window in windows(run):
        by_provider.setdefault(window.provider, []).append(window)
    for provider, theirs in by_provider.items():
        group: list[Window] = []
        for window in sorted(theirs, key=lambda each: each.from_ns):
            if group and window.from_ns > max(each.until_ns for each in group):
                found.append(_episode(run, provider, group, due))
                group = []
            group.append(window)
        found.append(_episode(run, provider, group, due))
    found.sort(key=lambda each: each.from_ns)
    return [replace(each, id=f"episode {number} ({each.provider})") for number, each in enumerate(found, 1)]


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
    return Episode("", provider, tuple(group), from_ns, tc_ns, t0_ns, due_from_ns)
