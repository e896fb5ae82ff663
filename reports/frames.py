"""Reads a run's ledger into typed pandas frames, and writes it as Parquet.

The NDJSON files are the ledger; Parquet files beside them are a copy and are read only where the NDJSON has been
removed. A torn last line (a process was killed while it wrote) is tolerated and named; any other line that can't be
read is counted in `Run.unreadable`, which makes the run inconclusive.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import UnionType
from typing import Any, Final, get_args, get_type_hints

import orjson
import pandas as pd

from .errors import UnreadableRunError
from .manifest import Manifest, read_manifest
from .tables import TABLES

LINE_BYTES_MAX: Final = 1024 * 1024
"""Longest ledger line read, in bytes; evidence is at most 16 KiB before it is escaped."""
ADDED: Final = frozenset({"refusals"})
"""Tables that the Parquet copies of older ledgers don't have: they are empty there."""
UNREADABLE_KEPT: Final = 20
"""Most unreadable lines that are named; the rest is counted."""
_DTYPES: Final[dict[tuple[type, bool], str]] = {
    (int, False): "int64",
    (int, True): "Int64",
    (float, False): "float64",
    (float, True): "float64",
    (bool, False): "bool",
    (bool, True): "boolean",
}
_ACCEPTS: Final[dict[type, frozenset[type]]] = {
    int: frozenset({int}),
    float: frozenset({int, float}),
    bool: frozenset({bool}),
    str: frozenset({str}),
    dict: frozenset({dict}),
}


@dataclass(frozen=True, slots=True)
class Column:
    """A ledger column: its type, whether it may be null, and its pandas dtype."""

    kind: type
    nullable: bool

    @property
    def dtype(self) -> str:
        """The pandas dtype of the column."""
        return _DTYPES.get((self.kind, self.nullable), "object")

    @property
    def types(self) -> frozenset[type]:
        """The types a value of this column may have. Exact: a bool is no int."""
        return _ACCEPTS[self.kind] | ({type(None)} if self.nullable else frozenset())


def columns(table: str) -> dict[str, Column]:
    """The columns of a ledger table, from its row type in `tables`."""
    found = {}
    for name, hint in get_type_hints(TABLES[table]).items():
        parts = get_args(hint) if isinstance(hint, UnionType) else (hint,)
        kind = next(each for each in parts if each is not type(None))
        found[name] = Column(kind if kind in _ACCEPTS else dict, type(None) in parts)
    return found


@dataclass(slots=True)
class Run:
    """A run's folder: the manifest, one frame a ledger table, and what could not be read."""

    folder: Path
    manifest: Manifest
    schedule: pd.DataFrame
    calls: pd.DataFrame
    attempts: pd.DataFrame
    invoices: pd.DataFrame
    faults: pd.DataFrame
    samples: pd.DataFrame
    refusals: pd.DataFrame
    torn: list[str] = field(default_factory=list, init=False)
    unreadable: list[str] = field(default_factory=list, init=False)
    unreadable_lines: int = field(default=0, init=False)

    def table(self, name: str) -> pd.DataFrame:
        """The frame of a ledger table."""
        frame: pd.DataFrame = getattr(self, name)
        return frame


@dataclass(slots=True)
class _Reading:
    """What has been read so far: rows by table, and what could not be."""

    rows: dict[str, list[dict[str, Any]]]
    torn: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    lines: int = 0

    def bad(self, where: str) -> None:
        """Count a line that can't be read."""
        self.lines += 1
        if len(self.unreadable) < UNREADABLE_KEPT:
            self.unreadable.append(where)


def read_run(folder: Path) -> Run:
    """Everything that a run's folder says.

    Raises:
        UnreadableRunError: when the folder holds no run, or no ledger.
    """
    manifest = read_manifest(folder)
    ledger = folder / "ledger"
    reading = _Reading({name: [] for name in TABLES})
    sources = sorted(ledger.glob("*.ndjson"))
    if not sources and any(ledger.glob("*.parquet")):
        frames = {name: _from_parquet(ledger / f"{name}.parquet", name) for name in TABLES}
        return Run(folder, manifest, **frames)
    if not sources:
        raise UnreadableRunError(
            "the run has no ledger: neither NDJSON nor Parquet files",
            str(ledger),
            "the run ended before anything was recorded; run it again",
        )
    for path in sources:
        _read_lines(path, reading)
    run = Run(folder, manifest, **{name: _frame(name, reading) for name in TABLES})
    run.torn, run.unreadable, run.unreadable_lines = reading.torn, reading.unreadable, reading.lines
    return run


def _read_lines(path: Path, reading: _Reading) -> None:
    with path.open("rb") as file:
        number = 0
        while line := file.readline(LINE_BYTES_MAX):
            number += 1
            try:
                row = orjson.loads(line)
                rows = reading.rows.get(row.pop("table"))
            except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError):
                if line.endswith(b"\n"):
                    reading.bad(f"{path.name} line {number}: not a ledger row")
                else:
                    reading.torn.append(f"{path.name} line {number}")
                continue
            # Tables that a later version adds are none of ours.
            if rows is not None:
                rows.append(row)


def _frame(table: str, reading: _Reading) -> pd.DataFrame:
    rows, shape = reading.rows[table], columns(table)
    frame = _typed(rows, shape)
    if frame is None:
        kept = []
        for index, row in enumerate(rows):
            wrong = next((name for name, column in shape.items() if type(row.get(name)) not in column.types), None)
            if wrong is None:
                kept.append(row)
            else:
                reading.bad(f"{table} row {index + 1}: {wrong} is {row.get(wrong)!r:.60}")
        frame = _typed(kept, shape)
    if frame is None:  # every kept row was accepted column by column, so the types must fit
        raise AssertionError(table)
    return frame


def _typed(rows: Iterable[dict[str, Any]], shape: dict[str, Column]) -> pd.DataFrame | None:
    """The rows as a frame with the right dtypes, None when a value does not fit its column."""
    rows = list(rows)
    data = {}
    for name, column in shape.items():
        values = [row.get(name) for row in rows]
        if not set(map(type, values)) <= column.types:
            return None
        if column.kind is dict:
            values = [orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode() for value in values]
        try:
            data[name] = pd.Series(values, dtype=column.dtype)
        except (OverflowError, ValueError, TypeError):
            return None
    return pd.DataFrame(data)


def _from_parquet(path: Path, table: str) -> pd.DataFrame:
    shape = columns(table)
    if table in ADDED and not path.exists():
        return _frame(table, _Reading({table: []}))
    try:
        frame = pd.read_parquet(path)
        # A column that a later version added is null in what an earlier one wrote, as it is in NDJSON.
        added = {name for name, column in shape.items() if column.nullable} - set(frame.columns)
        frame = frame.assign(**dict.fromkeys(added))
        return pd.DataFrame({name: _column(frame[name], column) for name, column in shape.items()})
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise UnreadableRunError(
            f"the ledger's table {table!r} can't be read from Parquet: {error}",
            str(path),
            "restore the file, or the NDJSON ledger it was made from",
        ) from error


def _column(series: pd.Series[Any], column: Column) -> pd.Series[Any]:
    typed = series.astype(pd.api.types.pandas_dtype(column.dtype))
    # Parquet gives an absent text back as NaN.
    return typed.where(typed.notna(), None) if column.dtype == "object" else typed


def write_parquet(run: Run) -> None:
    """Write each table as ledger/<table>.parquet, replacing what is there."""
    for name in TABLES:
        path = run.folder / "ledger" / f"{name}.parquet"
        partial = path.with_suffix(".partial")
        run.table(name).to_parquet(partial, compression="zstd", index=False)
        partial.replace(path)
