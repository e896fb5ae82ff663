"""What of a run's folder could not be read or is not known to this version, and what the report can't say for it."""

from __future__ import annotations

from typing import Final

from .frames import Run
from .result import DamageOut

NAMED_MAX: Final = 10
"""Most lines named; the others are counted."""
COSTS: Final = {
    "schedule": "nothing can be said of any call: nobody knows which were due",
    "calls": "what the callers got is unknown: every call counts as unknown",
    "attempts": "where the router sent its calls is unknown: no detection, no failover, no retries",
    "invoices": "what the providers billed is unknown: no cost",
    "samples": "whether banstorm's own parts were on time is unknown",
}
"""What the report can't say without each table; those that may be empty are left out."""


def damage_out(run: Run) -> list[DamageOut]:
    """Each damage, the gravest first."""
    return [*_manifest(run), *_tables(run), *_lines(run), *_foreign(run)]


def _manifest(run: Run) -> list[DamageOut]:
    manifest, found = run.manifest, []
    if not manifest.finished:
        what = "it was never finished: the run was killed before its end"
        found.append(DamageOut(where="run.json", what=what, costs="the run proves nothing; what it recorded is told"))
    if not manifest.prices:
        what = "it names no prices: an earlier version wrote it"
        found.append(DamageOut(where="run.json", what=what, costs="what the traffic costs on each provider"))
    return found


def _tables(run: Run) -> list[DamageOut]:
    return [
        DamageOut(where=f"ledger, table {name}", what="it has no row", costs=costs)
        for name, costs in COSTS.items()
        if run.table(name).empty
    ]


def _lines(run: Run) -> list[DamageOut]:
    found = [
        DamageOut(where=each, what="a torn last line: its writer was killed", costs="that row", rows=1)
        for each in run.torn[:NAMED_MAX]
    ]
    named = [each.partition(": ") for each in run.unreadable[:NAMED_MAX]]
    found += [DamageOut(where=where, what=what, costs="that row", rows=1) for where, _, what in named]
    more = run.unreadable_lines - len(named)
    if more > 0:
        found.append(DamageOut(where="ledger", what="more lines that can't be read", costs="those rows", rows=more))
    return found


def _foreign(run: Run) -> list[DamageOut]:
    if not run.foreign:
        return []
    told = ", ".join(sorted(run.foreign)[:NAMED_MAX])
    what = f"columns or tables that this version does not know: {told}"
    return [DamageOut(where="ledger", what=what, costs="what they say; all else is read")]
