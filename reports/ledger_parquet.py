"""The ledger as Parquet: written and read a row group at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from .errors import UnreadableRunError
from .ledger_shape import columns, encoded, repeating, schema

ROW_GROUP: Final = 128 * 1024
"""Rows written, and read, at once."""
ADDED: Final = frozenset({"refusals"})
"""Tables that the Parquet copies of older ledgers don't have: they are empty there."""


def write_table(rows: pa.Table, path: Path, table: str) -> None:
    """Write a table's rows, replacing what is there; a reader never sees half of them.

    Raises:
        OSError: when the file can't be written.
    """
    partial = path.with_suffix(".partial")
    plain = schema(table)
    # Without arrow's own schema a repeating text reads as plain text everywhere; Parquet holds it once all the same.
    with pq.ParquetWriter(partial, plain, compression="zstd", store_schema=False) as writer:
        for at in range(0, rows.num_rows, ROW_GROUP):
            writer.write_table(rows.slice(at, ROW_GROUP).cast(plain), row_group_size=ROW_GROUP)
    partial.replace(path)


def read_table(path: Path, table: str) -> pa.Table:
    """A table's rows.

    A column that a later version added is null in what an earlier one wrote, as it is in NDJSON, and one that this
    version does not know is left alone.

    Raises:
        UnreadableRunError: when there is no such file, it is no Parquet, or it lacks a column that must be there.
    """
    empty = encoded(schema(table).empty_table(), table)
    if table in ADDED and not path.exists():
        return empty
    try:
        with pq.ParquetFile(path, read_dictionary=repeating(table)) as file:
            there = [name for name in columns(table) if name in file.schema_arrow.names]
            found = [
                _fitted(pa.Table.from_batches([batch]), table)
                for batch in file.iter_batches(batch_size=ROW_GROUP, columns=there)
            ]
    except (OSError, KeyError, pa.ArrowException) as error:
        raise UnreadableRunError(
            f"the ledger's table {table!r} can't be read from Parquet: {error}",
            str(path),
            "restore the file, or the NDJSON ledger it was made from",
        ) from error
    return pa.concat_tables([*found, empty]).unify_dictionaries()


def foreign_columns(path: Path, table: str) -> set[str]:
    """The columns of a copy that this version does not know, as table.column."""
    if not path.exists():
        return set()
    known = columns(table)
    return {f"{table}.{name}" for name in pq.read_schema(path).names if name not in known}


def _fitted(rows: pa.Table, table: str) -> pa.Table:
    """The rows with this version's columns and types."""
    fitted = []
    for name, column in columns(table).items():
        if name in rows.column_names:
            values = rows.column(name)
            if not pa.types.is_dictionary(values.type):
                values = values.cast(column.arrow)
        elif column.nullable:
            values = pa.nulls(rows.num_rows, column.arrow)
        else:
            raise KeyError(name)
        fitted.append(values)
    return encoded(pa.table(fitted, names=list(columns(table))), table)
