"""Reads a ledger's NDJSON block by block into arrow tables.

A block whose lines are all whole rows of the right types is parsed by arrow, some forty times as fast as line by line
in Python. Where arrow refuses one, or it holds a line that is no row, the block's lines are read one by one: what is
wrong is then named by file and line, and the rest is kept. Both give the same rows; a test compares.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson
import pyarrow as pa
import pyarrow.json as arrow_json

from .ledger_shape import columns, encoded, schema
from .tables import TABLES

BLOCK_BYTES: Final = 1024 * 1024
"""Bytes of a file that are parsed at once."""
LINE_BYTES_MAX: Final = 1024 * 1024
"""Longest ledger line read, in bytes; evidence is at most 16 KiB before it is escaped."""
FOREIGN_LINES: Final = 1000
"""Lines at a file's begin in which columns are looked for that this version does not know."""
THREADS: Final = 2
"""Blocks parsed at the same time."""
UNREADABLE_KEPT: Final = 20
"""Most unreadable lines that are named; the rest is counted."""
_PREFIX: Final = {name: b'{"table":"%s",' % name.encode() for name in TABLES}
"""How a row of each table begins as the harness writes it; other spellings are read line by line."""
_BY_LINE: Final = frozenset(name for name in TABLES if any(each.kind is dict for each in columns(name).values()))
"""Tables with a mapping, which arrow can't read as one; they have few rows."""


Take = Callable[[str, pa.Table], None]
"""Is given each block's rows of a table, in the ledger's order."""


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch of whole lines in a ledger file, to be read again."""

    path: Path
    offset: int  # bytes
    size: int  # bytes
    first: int  # number of its first line

    def rows(self, table: str) -> pa.Table:
        """Its rows of a table, all columns.

        Raises:
            OSError: when the file can't be read.
        """
        with self.path.open("rb") as file:
            file.seek(self.offset)
            return _read(self.path.name, file.read(self.size), self.first, careful=False).table(table)


@dataclass(slots=True)
class Reading:
    """What has been read so far: rows by table, and what could not be.

    `blocks` are, by table, where rows were found, and how many; in the order of the rows.
    """

    rows: dict[str, list[pa.Table]] = field(default_factory=lambda: {name: [] for name in TABLES})
    torn: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    lines: int = 0
    foreign: set[str] = field(default_factory=set)
    blocks: dict[str, list[tuple[Block, int]]] = field(default_factory=lambda: {name: [] for name in TABLES})

    def bad(self, where: str) -> None:
        """Count a line that can't be read."""
        self.lines += 1
        if len(self.unreadable) < UNREADABLE_KEPT:
            self.unreadable.append(where)

    def add(self, other: Reading, block: Block, take: Take | None) -> None:
        """Take over what another has read in a block; the rows go to `take`, if there is one."""
        for name, tables in other.rows.items():
            for rows in tables:
                self.blocks[name].append((block, rows.num_rows))
                if take is None:
                    self.rows[name].append(rows)
                else:
                    take(name, rows)
        self.torn += other.torn
        self.lines += other.lines
        self.foreign |= other.foreign
        self.unreadable += other.unreadable[: UNREADABLE_KEPT - len(self.unreadable)]

    def table(self, name: str) -> pa.Table:
        """All rows of a table; each distinct value of a repeating text is held once."""
        empty = encoded(schema(name).empty_table(), name)
        return pa.concat_tables([*self.rows[name], empty]).unify_dictionaries()


def read_lines(paths: list[Path], *, careful: bool = False, take: Take | None = None) -> Reading:
    """Every row of some ledger files, in their order.

    Args:
        paths: NDJSON files.
        careful: Read every block line by line.
        take: Is given the rows, which are then not kept.

    A file that can't be read counts as a line that can't.
    """
    reading = Reading()
    waiting: deque[tuple[Block, Future[Reading]]] = deque()

    def done() -> None:
        block, future = waiting.popleft()
        reading.add(future.result(), block, take)

    with ThreadPoolExecutor(THREADS) as threads:
        for path in paths:
            for block, lines in _blocks(path, reading):
                if block.first == 1:
                    reading.foreign |= foreign(lines)
                waiting.append((block, threads.submit(_read, path.name, lines, block.first, careful=careful)))
                if len(waiting) > 2 * THREADS:
                    done()
        while waiting:
            done()
    return reading


def foreign(block: bytes) -> set[str]:
    """Tables, and columns as table.column, that the first lines name and this version does not know."""
    found = set()
    for line in block.split(b"\n", FOREIGN_LINES)[:FOREIGN_LINES]:
        row = _row(line)
        if row is not None:
            table = str(row.pop("table"))
            known = columns(table) if table in TABLES else None
            found |= {table} if known is None else {f"{table}.{name}" for name in row if name not in known}
    return found


def _blocks(path: Path, reading: Reading) -> Iterator[tuple[Block, bytes]]:
    """The file in blocks of whole lines; the last may be torn."""
    rest, number, offset = b"", 1, 0
    with ExitStack() as stack:
        try:
            file = stack.enter_context(path.open("rb"))
        except OSError as error:
            reading.bad(f"{path.name}: {error.strerror or error}")
            return
        while read := file.read(BLOCK_BYTES):
            cut = read.rfind(b"\n") + 1
            if not cut and len(rest) + len(read) <= LINE_BYTES_MAX + BLOCK_BYTES:
                rest += read
                continue
            lines = rest + read[:cut] if cut else rest + read
            rest = read[cut:] if cut else b""
            yield Block(path, offset, len(lines), number), lines
            number += lines.count(b"\n")
            offset += len(lines)
    if rest:
        yield Block(path, offset, len(rest), number), rest


def _read(name: str, block: bytes, first: int, *, careful: bool) -> Reading:
    found = None if careful else _fast(block)
    return _slow(name, block, first) if found is None else found


def _fast(block: bytes) -> Reading | None:
    """The block's rows by arrow; None where it must be read line by line."""
    # A line without anything begins like no table's row.
    split = _split(block) if block.endswith(b"\n") else None
    if split is None:
        return None
    reading = Reading()
    for table, (lines, count) in split.items():
        rows = _by_line(lines, table) if table in _BY_LINE else _by_arrow(lines, table, count)
        if rows is None:
            return None
        reading.rows[table].append(rows)
    return reading


def _split(block: bytes) -> dict[str, tuple[bytes, int]] | None:
    """The block's lines by table, and how many they are; None where a line begins like none of them."""
    left, counts = block.count(b"\n"), {}
    # A file holds one table, or one after the other, and samples between: the likeliest first, until all are found.
    for name in sorted(_PREFIX, key=lambda each: (not block.startswith(_PREFIX[each]), each != "samples")):
        counts[name] = block.count(b"\n" + _PREFIX[name]) + block.startswith(_PREFIX[name])
        left -= counts[name]
        if not left:
            break
    if left:
        return None
    most = max(counts, key=lambda name: counts[name])
    spans = sorted(
        (begin, name) for name, count in counts.items() if count and name != most for begin in _begins(block, name)
    )
    found: dict[str, list[bytes]] = {most: []}
    at = 0
    for begin, name in spans:
        end = block.index(b"\n", begin) + 1
        found[most].append(block[at:begin])
        found.setdefault(name, []).append(block[begin:end])
        at = end
    found[most].append(block[at:])
    return {name: (b"".join(parts), counts[name]) for name, parts in found.items()}


def _begins(block: bytes, table: str) -> Iterator[int]:
    """Where the lines of a table begin."""
    prefix = _PREFIX[table]
    if block.startswith(prefix):
        yield 0
    at = block.find(b"\n" + prefix)
    while at >= 0:
        yield at + 1
        at = block.find(b"\n" + prefix, at + 1)


def _by_arrow(lines: bytes, table: str, count: int) -> pa.Table | None:
    try:
        rows = arrow_json.read_json(
            pa.BufferReader(lines),
            read_options=arrow_json.ReadOptions(use_threads=False, block_size=len(lines) + 1),
            parse_options=arrow_json.ParseOptions(explicit_schema=schema(table), unexpected_field_behavior="ignore"),
        )
        rows.validate(full=True)
    except pa.ArrowInvalid:
        return None
    absent = any(rows.column(name).null_count and not each.nullable for name, each in columns(table).items())
    return None if absent or rows.num_rows != count else encoded(rows, table)


def _by_line(lines: bytes, table: str) -> pa.Table | None:
    try:
        rows = [orjson.loads(line) for line in lines.split(b"\n") if line]
    except orjson.JSONDecodeError:
        return None
    fitting = []
    for row in rows:
        unfit = _unfit(row, table)
        if not unfit:
            fitting.append(row)
        elif not _no_number(row, table, unfit):
            return None
    return _table(fitting, table)


def _slow(name: str, block: bytes, first: int) -> Reading:
    reading = Reading()
    rows: dict[str, list[dict[str, Any]]] = {table: [] for table in TABLES}
    for number, line in enumerate(_lines(block), first):
        row = _row(line)
        if row is None and line.endswith(b"\n"):
            reading.bad(f"{name} line {number}: not a ledger row")
        elif row is None:
            reading.torn.append(f"{name} line {number}")
        # Tables that a later version adds are none of ours.
        elif (table := row.pop("table")) in rows:
            unfit = _unfit(row, table)
            if not unfit:
                rows[table].append(row)
            elif not _no_number(row, table, unfit):
                reading.bad(f"{name} line {number}: {table}.{unfit[0]} is {row.get(unfit[0])!r:.60}")
    for table, kept in rows.items():
        if kept:
            reading.rows[table].append(_table(kept, table))
    return reading


def _unfit(row: dict[str, Any], table: str) -> list[str]:
    """The columns whose value in the row doesn't fit."""
    return [name for name, column in columns(table).items() if not column.accepts(row.get(name))]


def _no_number(row: dict[str, Any], table: str, unfit: list[str]) -> bool:
    """Whether the row is a NaN or an infinity of the router's own metrics, which earlier versions wrote as null."""
    return table == "samples" and unfit == ["value"] and row.get("value", 0) is None and row["process"] == "target"


def _row(line: bytes) -> dict[str, Any] | None:
    """A line as a row that names its table; None when it is none."""
    try:
        row = orjson.loads(line) if len(line) <= LINE_BYTES_MAX else None
    except orjson.JSONDecodeError:
        return None
    return row if isinstance(row, dict) and isinstance(row.get("table"), str) else None


def _lines(block: bytes) -> list[bytes]:
    """The block's lines, ended by nothing but a newline."""
    parts = block.split(b"\n")
    return [each + b"\n" for each in parts[:-1]] + parts[-1:] * bool(parts[-1])


def _table(rows: list[dict[str, Any]], table: str) -> pa.Table:
    data = {}
    for name, column in columns(table).items():
        values = [row.get(name) for row in rows]
        if column.kind is dict:
            values = [orjson.dumps(each, option=orjson.OPT_SORT_KEYS).decode() for each in values]
        elif column.kind is float:
            values = [None if each is None else float(each) for each in values]
        data[name] = pa.array(values, column.arrow)
    return encoded(pa.table(data, schema=schema(table)), table)
