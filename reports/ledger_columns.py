"""A ledger table's held columns as they grow, block by block, into the frame that the findings read.

An array grows in place, by the system moving its pages, so that a table is in memory once and not also as the blocks it
came from.
"""

from __future__ import annotations

from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from .ledger_shape import Column, held

GROWTH: Final = 8
"""An array that is full gets room for an eighth more."""
ROOM_MIN: Final = 1024
"""Fewest values that an array gets room for."""
_ABSENT: Final = False
"""Stands where a boolean is null, beside the mask that says so."""


class Held:
    """The held columns of a ledger table, to which blocks of rows are added."""

    def __init__(self, table: str) -> None:
        self._columns = {name: _growing(column) for name, column in held(table).items()}

    def add(self, rows: pa.Table) -> None:
        """Add rows; columns that are not held are left alone."""
        for name, column in self._columns.items():
            for chunk in rows.column(name).chunks:
                column.add(chunk)

    def frame(self, by: str | None = None) -> pd.DataFrame:
        """The rows as a frame with the right dtypes; nothing can be added afterwards.

        Args:
            by: A column of whole numbers, none null, in whose order the rows shall be; equals stay as they are. The
                frame's index tells each row's place before. A column at a time, so that the table is never there twice.
        """
        names, order = [*self._columns], None
        data: dict[str, Any] = {}
        if by is not None:
            data[by] = self._columns.pop(by).done()
            if (data[by][1:] < data[by][:-1]).any():
                order = np.argsort(data[by], kind="stable")
                data[by] = data[by][order]
        for name in [*self._columns]:
            column = self._columns.pop(name).done()
            data[name] = column if order is None else column.take(order)
        return pd.DataFrame(data, index=None if order is None else pd.Index(order), columns=names, copy=False)


def frame(rows: pa.Table, table: str) -> pd.DataFrame:
    """Rows of a ledger table as the findings read them."""
    found = Held(table)
    found.add(rows)
    return found.frame()


class _Growing(Protocol):
    def add(self, chunk: pa.Array) -> None: ...

    def done(self) -> Any: ...


def _growing(column: Column) -> _Growing:
    match column.dtype:
        case "object":
            return _Objects()
        case "string":
            return _Texts()
        case "category":
            return _Categories()
        case "Int64":
            return _Masked(np.int64, 0, pd.arrays.IntegerArray)
        case "boolean":
            return _Masked(np.bool_, _ABSENT, pd.arrays.BooleanArray)
        case dtype:
            return _Plain(dtype)


class _Array:
    """An array that grows in place."""

    def __init__(self, dtype: npt.DTypeLike) -> None:
        self._values = np.empty(0, dtype=dtype)
        self._used = 0

    def extend(self, values: npt.NDArray[Any] | int, count: int) -> None:
        """Add so many values, or so often one."""
        end = self._used + count
        if end > len(self._values):
            room = max(end, len(self._values) + len(self._values) // GROWTH, ROOM_MIN)
            # Nobody else has a view of it: it never leaves this class before it is done.
            self._values.resize(room, refcheck=False)
        self._values[self._used : end] = values
        self._used = end

    def done(self) -> npt.NDArray[Any]:
        self._values.resize(self._used, refcheck=False)
        return self._values


class _Plain:
    """Numbers, or booleans, of which none is null; a broken number that is null is none (NaN)."""

    def __init__(self, dtype: str) -> None:
        self._array = _Array(dtype)

    def add(self, chunk: pa.Array) -> None:
        self._array.extend(chunk.to_numpy(zero_copy_only=False), len(chunk))

    def done(self) -> npt.NDArray[Any]:
        return self._array.done()


class _Masked:
    """Whole numbers, or booleans, some of which are null."""

    def __init__(self, dtype: npt.DTypeLike, absent: int, kind: type) -> None:
        self._array, self._mask = _Array(dtype), _Array(np.bool_)
        self._absent, self._kind = absent, kind

    def add(self, chunk: pa.Array) -> None:
        known = chunk.fill_null(self._absent) if chunk.null_count else chunk
        self._array.extend(known.to_numpy(zero_copy_only=False), len(chunk))
        self._mask.extend(chunk.is_null().to_numpy(zero_copy_only=False) if chunk.null_count else 0, len(chunk))

    def done(self) -> Any:
        return self._kind(self._array.done(), self._mask.done())


class _Categories:
    """Texts that repeat: each distinct one is held once, and of each row its number, in as few bytes as do."""

    def __init__(self) -> None:
        self._places: dict[str, int] = {}
        # Pandas takes the next size of number from as many texts on as the largest number counts.
        self._codes, self._most = _Array(np.int8), np.iinfo(np.int8).max - 1

    def add(self, chunk: pa.Array) -> None:
        texts = chunk.dictionary.to_pylist()
        ours = [self._places.setdefault(text, len(self._places)) for text in texts]
        if len(self._places) > self._most:
            self._widen()
        # The last stands for null.
        at = np.array([*ours, -1])
        indices = chunk.indices.fill_null(-1) if chunk.null_count else chunk.indices
        self._codes.extend(at[indices.to_numpy(zero_copy_only=False)], len(chunk))

    def _widen(self) -> None:
        """Numbers of the next size, which are enough for any table that memory holds."""
        before = self._codes.done()
        dtype = np.int16 if len(self._places) < np.iinfo(np.int16).max else np.int32
        self._codes, self._most = _Array(dtype), np.iinfo(dtype).max - 1
        self._codes.extend(before, len(before))

    def done(self) -> pd.Categorical:
        return pd.Categorical.from_codes(self._codes.done(), categories=pd.Index([*self._places], dtype=object))


class _Texts:
    """Texts that rarely repeat."""

    def __init__(self) -> None:
        self._chunks: list[pa.Array] = []

    def add(self, chunk: pa.Array) -> None:
        self._chunks.append(chunk)

    def done(self) -> Any:
        return pd.array(pa.chunked_array(self._chunks, pa.string()), dtype=pd.StringDtype("pyarrow"))


class _Objects:
    """Texts of a short table."""

    def __init__(self) -> None:
        self._values: list[Any] = []

    def add(self, chunk: pa.Array) -> None:
        self._values += chunk.to_pylist()

    def done(self) -> pd.Series[Any]:
        return pd.Series(self._values, dtype=object)
