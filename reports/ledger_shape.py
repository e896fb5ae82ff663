"""The ledger's tables as typed columns: what a value may be, and how arrow and pandas hold it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from types import UnionType
from typing import Any, Final, get_args, get_type_hints

import pyarrow as pa

from .tables import TABLES

INT64_MIN: Final = -(2**63)
INT64_MAX: Final = 2**63 - 1
DISTINCT: Final = frozenset({"attempt", "answer_hash", "evidence"})
"""Text columns whose values rarely repeat; in any other each distinct value is held once."""
LONG: Final = frozenset({"schedule", "calls", "attempts", "invoices"})
"""Tables with a row a call or more, whose texts are held compactly; in the others they are plain objects."""
UNREAD: Final = {
    "schedule": frozenset({"prompt_tokens"}),
    "calls": frozenset({"finish", "answer_hash", "places", "model_reported"}),
    "attempts": frozenset({"client_retry"}),
    "invoices": frozenset({"completed"}),
}
"""Columns that no measure reads: they are checked and copied, but not held in memory."""
SHOWN: Final = {
    "calls": ("first_token_ns", "error", "evidence"),
    "attempts": ("first_byte_ns", "evidence"),
}
"""Columns that only a waterfall shows: they are not held, but read again for the few rows that are drawn."""
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
_ARROW: Final[dict[type, pa.DataType]] = {
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
    str: pa.string(),
    dict: pa.string(),
}


@dataclass(frozen=True, slots=True)
class Column:
    """A ledger column: its type, whether it may be null, and its pandas dtype."""

    kind: type
    nullable: bool
    text: str = "object"  # the pandas dtype of a text

    @property
    def dtype(self) -> str:
        """The pandas dtype of the column."""
        return _DTYPES.get((self.kind, self.nullable), self.text)

    @property
    def types(self) -> frozenset[type]:
        """The types a value of this column may have. Exact: a bool is no int."""
        return _ACCEPTS[self.kind] | ({type(None)} if self.nullable else frozenset())

    @property
    def arrow(self) -> pa.DataType:
        """The arrow type of the column; a mapping is held as its JSON text."""
        return _ARROW[self.kind]

    def accepts(self, value: Any) -> bool:
        """Whether a value fits."""
        return type(value) in self.types and (type(value) is not int or INT64_MIN <= value <= INT64_MAX)


@cache
def columns(table: str) -> dict[str, Column]:
    """The columns of a ledger table, from its row type in `tables`."""
    found = {}
    for name, hint in get_type_hints(TABLES[table]).items():
        parts = get_args(hint) if isinstance(hint, UnionType) else (hint,)
        kind = next(each for each in parts if each is not type(None))
        text = "object" if table not in LONG else "string" if name in DISTINCT else "category"
        found[name] = Column(kind if kind in _ACCEPTS else dict, type(None) in parts, text)
    return found


@cache
def held(table: str) -> dict[str, Column]:
    """The columns of a ledger table that the findings read."""
    left_out = UNREAD.get(table, frozenset()) | frozenset(SHOWN.get(table, ()))
    return {name: column for name, column in columns(table).items() if name not in left_out}


@cache
def schema(table: str) -> pa.Schema:
    """The arrow schema of a ledger table, every text as itself."""
    return pa.schema([(name, column.arrow) for name, column in columns(table).items()])


def repeating(table: str) -> list[str]:
    """The text columns of which each distinct value is held once."""
    return [name for name, each in columns(table).items() if pa.types.is_string(each.arrow) and name not in DISTINCT]


def encoded(rows: pa.Table, table: str) -> pa.Table:
    """The rows with each distinct value of a repeating column held once."""
    for name in repeating(table):
        at = rows.schema.get_field_index(name)
        if pa.types.is_string(rows.schema.field(at).type):
            rows = rows.set_column(at, name, rows.column(at).dictionary_encode())
    return rows
