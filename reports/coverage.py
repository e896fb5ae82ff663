"""What share of the faults really bit: per entry, provider, path, and what of an exchange the fault acts on."""

from __future__ import annotations

from collections import Counter
from typing import Final

from .episodes import Window, entries_of
from .history import History
from .result import CoverageOut

ROWS_MAX: Final = 500
"""Most rows; those of the paths with the fewest attempts are left out."""
NO_PATH: Final = "–"
"""Path of what no attempt shows: a door that was met, an event on the system, an entry that nothing walked into."""


def coverage_out(history: History) -> list[CoverageOut]:
    """A row for each entry, provider and path, in the timeline's order, the busiest path first."""
    meant, bitten = _counts(history, "matched"), _counts(history, "fault")
    phases = {row["entry"]: row["phase"] for row in history.run.faults.to_dict("records") if row["phase"]}
    by_place: dict[tuple[str, str], list[Window]] = {}
    for window in (each for episode in history.episodes for each in episode.windows):
        by_place.setdefault((window.entry, window.provider), []).append(window)
    found: list[CoverageOut] = []
    for (entry, provider), windows in sorted(by_place.items(), key=lambda item: _order(item[0][0])):
        # A ledger from before attempts said what meant them knows no more than the windows' own counts.
        paths = {key: count for key, count in meant.items() if key[:2] == (entry, provider)}
        rows = [
            _row(windows[0], phases.get(entry), path=path, matched=max(count, bitten[key]), bites=bitten[key])
            for key, count in sorted(paths.items(), key=lambda item: -item[1])
            for path in (key[2],)
        ]
        # What left no attempt behind is what the windows counted besides.
        matched = sum(each.matched or 0 for each in windows) - sum(each.matched for each in rows)
        bites = sum(each.bites for each in windows) - sum(each.bites for each in rows)
        if not rows or bites > 0:
            rows.append(
                _row(windows[0], phases.get(entry), path=NO_PATH, matched=max(matched, bites, 0), bites=max(bites, 0))
            )
        found += rows
    return sorted(found, key=lambda each: -each.matched)[:ROWS_MAX] if len(found) > ROWS_MAX else found


def _counts(history: History, column: str) -> Counter[tuple[str, str, str]]:
    """How many attempts each entry has in a column, by entry, provider and path."""
    attempts = history.run.attempts
    named = attempts.loc[attempts[column].notna(), [column, "provider", "path"]]
    grouped = named.groupby([column, "provider", "path"], observed=True).size().reset_index(name="count")
    found: Counter[tuple[str, str, str]] = Counter()
    for row in grouped.to_dict("records"):
        for entry in entries_of(row[column]):
            found[entry, row["provider"], row["path"]] += row["count"]
    return found


def _order(entry: str) -> int:
    return int(entry.partition(":")[0])


def _row(window: Window, phase: str | None, *, path: str, matched: int, bites: int) -> CoverageOut:
    return CoverageOut(
        entry=window.entry,
        fault=window.fault,
        kind=window.kind,
        provider=window.provider,
        path=path,
        phase=phase,
        matched=matched,
        bites=bites,
        share=bites / matched if matched else None,
    )
