"""Reads a run's ledger into typed pandas frames, and writes it as Parquet.

The NDJSON files are the ledger; Parquet files beside them are a copy and are read only where the NDJSON has been
removed. A torn last line (a process was killed while it wrote) is tolerated and named; any other line that can't be
read is counted in `Run.unreadable`, which makes the run inconclusive.

Frames are made from arrow tables, in which each distinct value of a text that repeats is held once: a ledger of 1.5 GB
is 0.4 GB there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pandas as pd
import pyarrow as pa

from .errors import UnreadableRunError
from .ledger_lines import read_lines
from .ledger_parquet import ADDED, foreign_columns, read_table, write_table
from .ledger_shape import columns as columns  # noqa: PLC0414 - readers of frames ask for their columns here
from .ledger_shape import encoded, frame, schema
from .manifest import Manifest, read_manifest
from .tables import TABLES

LEDGER: Final = "ledger"
"""Folder of the ledger, inside the run's."""


@dataclass(slots=True)
class Run:
    """A run's folder: the manifest, one frame a ledger table, and what could not be read.

    `tables` are the rows as they were read, until `release` is called.
    """

    folder: Path
    manifest: Manifest
    tables: dict[str, pa.Table]
    torn: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    unreadable_lines: int = 0
    foreign: frozenset[str] = frozenset()
    """Tables, and columns as table.column, that this version does not know."""
    _frames: dict[str, pd.DataFrame] = field(default_factory=dict, init=False, repr=False)

    def table(self, name: str) -> pd.DataFrame:
        """The frame of a ledger table."""
        if name not in self._frames:
            self._frames[name] = frame(self.tables[name], name)
        return self._frames[name]

    def release(self) -> None:
        """Let go of the rows as they were read: the frames are all that is needed from here on."""
        for name in TABLES:
            self.table(name)
            self.tables.pop(name, None)
        pa.default_memory_pool().release_unused()

    @property
    def whole(self) -> bool:
        """Whether every line of it was read."""
        return not self.torn and not self.unreadable_lines

    @property
    def schedule(self) -> pd.DataFrame:
        """Calls that were due."""
        return self.table("schedule")

    @property
    def calls(self) -> pd.DataFrame:
        """What the callers got."""
        return self.table("calls")

    @property
    def attempts(self) -> pd.DataFrame:
        """Requests that the router sent to providers."""
        return self.table("attempts")

    @property
    def invoices(self) -> pd.DataFrame:
        """What the providers would bill."""
        return self.table("invoices")

    @property
    def faults(self) -> pd.DataFrame:
        """Windows of timeline entries."""
        return self.table("faults")

    @property
    def samples(self) -> pd.DataFrame:
        """Numbers read off processes."""
        return self.table("samples")

    @property
    def refusals(self) -> pd.DataFrame:
        """Calls to hosts that stand for no provider."""
        return self.table("refusals")


def read_run(folder: Path) -> Run:
    """Everything that a run's folder says.

    Raises:
        UnreadableRunError: when the folder holds no run, or no ledger.
    """
    manifest = read_manifest(folder)
    ledger = folder / LEDGER
    sources = sorted(ledger.glob("*.ndjson"))
    if not sources and any(ledger.glob("*.parquet")):
        return _from_parquet(folder, manifest)
    if not sources:
        raise UnreadableRunError(
            "the run has no ledger: neither NDJSON nor Parquet files",
            str(ledger),
            "the run ended before anything was recorded; run it again",
        )
    reading = read_lines(sources)
    tables = {name: reading.table(name) for name in TABLES}
    return Run(folder, manifest, tables, reading.torn, reading.unreadable, reading.lines, frozenset(reading.foreign))


def _from_parquet(folder: Path, manifest: Manifest) -> Run:
    """The run from the copies; a table whose copy can't be read is empty, and named.

    Raises:
        UnreadableRunError: when none can be read.
    """
    tables, unreadable, foreign = {}, [], set()
    for name in TABLES:
        path = folder / LEDGER / f"{name}.parquet"
        try:
            tables[name] = read_table(path, name)
            foreign |= foreign_columns(path, name)
        except UnreadableRunError as error:
            unreadable.append(f"{path.name}: {error.what}")
            tables[name] = encoded(schema(name).empty_table(), name)
            if len(unreadable) == len(TABLES) - len(ADDED):
                raise
    return Run(folder, manifest, tables, [], unreadable, len(unreadable), frozenset(foreign))


def write_parquet(run: Run) -> None:
    """Write each table as ledger/<table>.parquet, replacing what is there."""
    for name in TABLES:
        write_table(run.tables[name], run.folder / LEDGER / f"{name}.parquet", name)
