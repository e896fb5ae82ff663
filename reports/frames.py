"""Reads a run's ledger into typed pandas frames, and copies it as Parquet.

The NDJSON files are the ledger; Parquet files beside them are a copy and are read only where the NDJSON has been
removed. A torn last line (a process was killed while it wrote) is tolerated and named; any other line that can't be
read is counted in `Run.unreadable`, which makes the run inconclusive.

It is read in blocks of lines, or by Parquet row group, and of each only the columns are held that a finding reads, with
each distinct value of a text that repeats held once: some 60 bytes a row, and some 120 at most while findings are made,
however wide the rows are. So a ledger may be larger than memory; what grows with it is the number of its rows. What
only a waterfall shows (the words of a bad answer) is read again for the few that are drawn.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pyarrow as pa

from .errors import UnreadableRunError
from .ledger_columns import Held
from .ledger_lines import Block, read_lines
from .ledger_parquet import ADDED, Copy, foreign_columns, read_table, shown_rows
from .ledger_shape import SHOWN
from .ledger_shape import held as columns  # noqa: F401 - readers of frames ask for their columns here
from .manifest import Manifest, read_manifest
from .memory import give_back
from .tables import TABLES

LEDGER: Final = "ledger"
"""Folder of the ledger, inside the run's."""
_ORDERED: Final = {"attempts": "received_ns"}
"""Tables whose frames are in the order of a column, whatever their rows' own."""


@dataclass(slots=True)
class Run:
    """A run's folder: the manifest, one frame a ledger table, and what could not be read.

    A frame has the columns that findings read; its index is the number of the row in its table.
    """

    folder: Path
    manifest: Manifest
    frames: dict[str, pd.DataFrame]
    torn: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    unreadable_lines: int = 0
    foreign: frozenset[str] = frozenset()
    """Tables, and columns as table.column, that this version does not know."""
    blocks: dict[str, list[tuple[Block, int]]] | None = None
    """Where the rows of each table are in its NDJSON, and how many; None: they were read from Parquet."""

    def table(self, name: str) -> pd.DataFrame:
        """The frame of a ledger table; attempts are in order of arrival."""
        return self.frames[name]

    def shown(self, name: str, numbers: Iterable[int]) -> dict[int, dict[str, Any]]:
        """What only a waterfall shows of some rows of a table: its `SHOWN` columns, by the rows' numbers.

        Read from where the rows were; where the lines are gone by now, from their copy.
        """
        wanted = set(numbers)
        try:
            return self._said(name, wanted)
        except FileNotFoundError:
            return shown_rows(self.folder / LEDGER / f"{name}.parquet", name, wanted)

    def _said(self, name: str, wanted: set[int]) -> dict[int, dict[str, Any]]:
        found, begin = dict[int, dict[str, Any]](), 0
        if self.blocks is None:
            raise FileNotFoundError(name)
        for block, rows in self.blocks[name]:
            theirs = sorted(wanted.intersection(range(begin, begin + rows)))
            if theirs:
                again = block.rows(name).select(SHOWN[name])
                found |= {each: again.slice(each - begin, 1).to_pylist()[0] for each in theirs}
            begin += rows
        return found

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


def read_run(folder: Path, copy: Copy | None = None) -> Run:
    """Everything that a run's folder says.

    Args:
        folder: The run's.
        copy: Is given every row of an NDJSON ledger while it is read.

    Raises:
        UnreadableRunError: when the folder holds no run, or no ledger.
        OSError: when the copy can't be written.
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

    growing = {name: Held(name) for name in TABLES}

    def take(name: str, rows: pa.Table) -> None:
        if copy is not None:
            copy.add(name, rows)
        growing[name].add(rows)

    reading = read_lines(sources, take=take)
    foreign = frozenset(reading.foreign)
    frames = _frames(growing)
    return Run(folder, manifest, frames, reading.torn, reading.unreadable, reading.lines, foreign, reading.blocks)


def _frames(growing: dict[str, Held]) -> dict[str, pd.DataFrame]:
    frames = {name: growing.pop(name).frame(_ORDERED.get(name)) for name in [*growing]}
    give_back()
    return frames


def _from_parquet(folder: Path, manifest: Manifest) -> Run:
    """The run from the copies; a table whose copy can't be read is empty, and named.

    Raises:
        UnreadableRunError: when none can be read.
    """
    growing, unreadable, foreign = {}, [], set()
    for name in TABLES:
        path = folder / LEDGER / f"{name}.parquet"
        try:
            growing[name] = read_table(path, name)
            foreign |= foreign_columns(path, name)
        except UnreadableRunError as error:
            unreadable.append(f"{path.name}: {error.what}")
            growing[name] = Held(name)
            if len(unreadable) == len(TABLES) - len(ADDED):
                raise
    return Run(folder, manifest, _frames(growing), [], unreadable, len(unreadable), frozenset(foreign))


def write_parquet(run: Run) -> None:
    """Write each table as ledger/<table>.parquet, replacing what is there; what was read from there stays as it is.

    Raises:
        OSError: when a file can't be written.
    """
    if run.blocks is not None:
        with Copy(run.folder / LEDGER) as copy:
            read_run(run.folder, copy)
            copy.commit()
