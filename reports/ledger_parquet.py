"""The ledger as Parquet: written a row group at a time while it is read, and read by column and row group."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import pyarrow as pa
import pyarrow.parquet as pq

from .errors import UnreadableRunError
from .ledger_columns import Held
from .ledger_shape import SHOWN, columns, encoded, held, repeating, schema
from .tables import TABLES

ROW_GROUP: Final = 128 * 1024
"""Most rows of a row group; as many are read at once."""
GROUP_BYTES: Final = 8 * 1024 * 1024
"""Bytes of rows, as arrow holds them, from which a row group is written though it has fewer rows."""
BUFFER_BYTES: Final = 1024 * 1024
"""Bytes of a column that are read from a file at once."""
SHOWN_ROWS: Final = 1024
"""Rows decoded at once where few of them are looked for: they may be wide."""
ADDED: Final = frozenset({"refusals"})
"""Tables that the Parquet copies of older ledgers don't have: they are empty there."""


class Copy:
    """The ledger's Parquet copy in the making: rows are added, table by table, as they are read.

    Nothing that is there is replaced before `commit`; what was not committed is removed at the end of the `with`.
    """

    def __init__(self, ledger: Path) -> None:
        self._ledger = ledger
        self._waiting: dict[str, list[pa.Table]] = {}
        self._writers: dict[str, pq.ParquetWriter] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in TABLES:
            if name in self._writers:
                self._writers.pop(name).close()
            self._partial(name).unlink(missing_ok=True)

    def add(self, table: str, rows: pa.Table) -> None:
        """Write rows, or let them wait until they make a row group.

        Raises:
            OSError: when the file can't be written.
        """
        waiting = self._waiting.setdefault(table, [])
        waiting.append(rows)
        if sum(map(len, waiting)) >= ROW_GROUP or sum(each.nbytes for each in waiting) >= GROUP_BYTES:
            self._write(table)

    def commit(self) -> None:
        """Write what waits, and replace what is there; tables without a row become files without one.

        Raises:
            OSError: when a file can't be written.
        """
        for name in TABLES:
            self._write(name)
            self._writers.pop(name).close()
            self._partial(name).replace(self._ledger / f"{name}.parquet")

    def _write(self, table: str) -> None:
        empty = encoded(schema(table).empty_table(), table)
        if table not in self._writers:
            # Without arrow's own schema a repeating text reads as plain text everywhere; it is held once all the same.
            self._writers[table] = pq.ParquetWriter(
                self._partial(table),
                empty.schema,
                compression="zstd",
                store_schema=False,
                use_dictionary=repeating(table),
            )
        rows = pa.concat_tables([*self._waiting.pop(table, []), empty]).unify_dictionaries()
        if rows.num_rows:
            self._writers[table].write_table(rows, row_group_size=ROW_GROUP)

    def _partial(self, table: str) -> Path:
        return self._ledger / f"{table}.partial"


def read_table(path: Path, table: str) -> Held:
    """A table's held columns.

    One that a later version added is null in what an earlier one wrote, as it is in NDJSON.

    Raises:
        UnreadableRunError: when there is no such file, it is no Parquet, or it lacks a column that must be there.
    """
    found = Held(table)
    if table in ADDED and not path.exists():
        return found
    repeated = [name for name in repeating(table) if name in held(table)]
    try:
        with pq.ParquetFile(path, read_dictionary=repeated, buffer_size=BUFFER_BYTES) as file:
            there = [name for name in held(table) if name in file.schema_arrow.names]
            # Arrow's threads would each keep some of what they read by, and it takes no longer without them.
            for batch in file.iter_batches(batch_size=ROW_GROUP, columns=there, use_threads=False):
                found.add(_fitted(pa.Table.from_batches([batch]), table))
    except (OSError, KeyError, pa.ArrowException) as error:
        raise UnreadableRunError(
            f"the ledger's table {table!r} can't be read from Parquet: {error}",
            str(path),
            "restore the file, or the NDJSON ledger it was made from",
        ) from error
    return found


def shown_rows(path: Path, table: str, numbers: Iterable[int]) -> dict[int, dict[str, Any]]:
    """What only a waterfall shows of some rows, by their number; a row that can't be read is left out."""
    wanted, found, begin = set(numbers), dict[int, dict[str, Any]](), 0
    try:
        with pq.ParquetFile(path, buffer_size=BUFFER_BYTES) as file:
            there = [name for name in SHOWN[table] if name in file.schema_arrow.names]
            for group in range(file.num_row_groups):
                end = begin + file.metadata.row_group(group).num_rows
                if not wanted.isdisjoint(range(begin, end)):
                    for batch in file.iter_batches(batch_size=SHOWN_ROWS, row_groups=[group], columns=there):
                        theirs = sorted(wanted.intersection(range(begin, begin + len(batch))))
                        found |= {each: batch.slice(each - begin, 1).to_pylist()[0] for each in theirs}
                        begin += len(batch)
                begin = end
    except (OSError, pa.ArrowException):
        # What the rows are judged by was read from this file a moment ago; without these words they stand all the same.
        return found
    return found


def missing_lines(ledger: Path, rows: Mapping[str, int]) -> str | None:
    """What only the copy has by now, so that a new copy would lose it; None if there is no such thing.

    Args:
        ledger: The folder of the ledger.
        rows: How many rows of each table were read from lines.
    """
    for table, read in rows.items():
        path = ledger / f"{table}.parquet"
        try:
            there = pq.read_metadata(path).num_rows
        except (OSError, pa.ArrowException):  # no copy, or one that nobody can read
            continue
        if there > read:
            return f"{path.name} has {there} rows, the NDJSON files {read}"
    return None


def foreign_columns(path: Path, table: str) -> set[str]:
    """The columns of a copy that this version does not know, as table.column."""
    if not path.exists():
        return set()
    known = columns(table)
    return {f"{table}.{name}" for name in pq.read_schema(path).names if name not in known}


def _fitted(rows: pa.Table, table: str) -> pa.Table:
    """The rows with this version's columns and types."""
    fitted = []
    for name, column in held(table).items():
        if name in rows.column_names:
            values = rows.column(name)
            if not pa.types.is_dictionary(values.type):
                values = values.cast(column.arrow)
        elif column.nullable:
            values = pa.nulls(rows.num_rows, column.arrow)
        else:
            raise KeyError(name)
        fitted.append(values)
    return encoded(pa.table(fitted, names=list(held(table))), table)
