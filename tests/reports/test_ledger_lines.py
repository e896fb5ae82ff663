"""The ledger read by arrow, line by line, and from Parquet: the same rows each way, and the same report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
import pandas as pd
import pytest
from banstorm.reports import ledger_lines
from banstorm.reports.assemble import make_result
from banstorm.reports.frames import read_run, write_parquet
from banstorm.reports.ledger_columns import frame
from banstorm.reports.ledger_lines import Reading, read_lines
from banstorm.reports.tables import TABLES
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic import Ledger, Story, simulate


@pytest.fixture
def ledger() -> Ledger:
    """A run with every kind of row, one writer's samples between its other rows."""
    made = simulate(Story(rate=50, duration_s=8.0, at_s=2.0, until_s=4.0, fail_over_s=0.2, probe_every_s=0.5))
    made.tables["refusals"] = [{"at_ns": 1, "host": "a", "port": 2, "way": "connect"}]
    return made


def compact(folder: Path) -> list[Path]:
    """The ledger's files spelt as the harness spells them, samples mixed in between."""
    paths = sorted((folder / "ledger").glob("*.ndjson"))
    for path in paths:
        lines = [orjson.dumps(json.loads(line)) for line in path.read_text().splitlines()]
        sample = b'{"table":"samples","at_ns":5,"process":"load","name":"n","labels":{"b":"1","a":"2"},"value":1}'
        lines[1:1] = [sample]
        lines[-1:-1] = [sample, sample]
        path.write_bytes(b"".join(line + b"\n" for line in lines))
    return paths


def same(one: Reading, two: Reading) -> None:
    """Both read the same rows and found the same faults."""
    for name in TABLES:
        pd.testing.assert_frame_equal(frame(one.table(name), name), frame(two.table(name), name))
    assert (one.torn, one.unreadable, one.lines) == (two.torn, two.unreadable, two.lines)


@pytest.mark.parametrize("block", [1 << 12, 1 << 15, 1 << 22])
def test_arrow_reads_what_is_read_line_by_line(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    """In blocks of any size, whatever lies across their borders; and nothing of it was read line by line."""
    paths = compact(ledger.write(tmp_path))
    monkeypatch.setattr(ledger_lines, "BLOCK_BYTES", block)
    slow = read_lines(paths, careful=True)

    def never(*_: Any) -> Reading:
        raise AssertionError("a block of whole rows was read line by line")

    monkeypatch.setattr(ledger_lines, "_slow", never)
    fast = read_lines(paths)
    same(fast, slow)
    assert sum(len(each) for each in fast.rows["samples"]) == len(ledger.tables["samples"]) + 3 * len(paths)


ABSENT = object()
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=4),
    st.lists(st.integers(), max_size=1),
    st.dictionaries(st.text(max_size=2), st.text(max_size=2), max_size=1),
)


@given(
    table=st.sampled_from(["schedule", "calls", "attempts", "invoices", "samples"]),
    column=st.integers(0, 30),
    value=st.one_of(st.just(ABSENT), VALUES),
)
@settings(max_examples=150, deadline=None)
def test_a_value_that_fits_no_column_is_named_either_way(table: str, column: int, value: object) -> None:
    """Whatever stands in a row, arrow takes it only where the line-by-line reader would, and reads the same of it."""
    rows = simulate(Story(rate=20, duration_s=6.0, at_s=2.0, until_s=3.0)).tables[table][:3]
    name = list(rows[1])[column % len(rows[1])]
    odd = {key: each for key, each in rows[1].items() if key != name} | ({} if value is ABSENT else {name: value})
    block = b"".join(orjson_line(table, row) for row in (rows[0], odd, rows[2]))
    fast = ledger_lines._fast(block)
    if fast is not None:
        same(fast, ledger_lines._slow("f", block, 1))


def orjson_line(table: str, row: dict[str, Any]) -> bytes:
    """A ledger line as the harness writes it, integers of any size included."""
    return json.dumps({"table": table, **row}, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"garbage\n",
        b"[]\n",
        b'{"table":"calls"}\n',
        b'{"table":"calls","call":1}{"table":"calls","call":2}\n',
        b'{"table":"later","x":1}\n',
        b'{"table":"schedule","call":9999999999999999999}\n',
        b'{"table":"attempts","attempt":"\xff"}\n',
        b'{"table":"samples","at_ns":1}\n',
        b'{"table":"samples","at_n',
    ],
)
def test_a_line_that_is_no_row_is_named_by_file_and_number(ledger: Ledger, tmp_path: Path, line: bytes) -> None:
    """What is wrong with one line costs no other: the rest is read, by arrow or not."""
    paths = compact(ledger.write(tmp_path))
    whole = read_lines(paths)
    paths[-1].write_bytes(paths[-1].read_bytes() + line)
    count = paths[-1].read_bytes().count(b"\n") + (not line.endswith(b"\n"))
    found = read_lines(paths)
    same(found, read_lines(paths, careful=True))
    for name in TABLES:
        assert found.table(name).num_rows == whole.table(name).num_rows, name
    told = found.torn + found.unreadable
    assert (not told) if b"later" in line else told[0].startswith(f"{paths[-1].name} line {count}"), told


NO_NUMBER = {"at_ns": 5, "process": "target", "name": "budget", "labels": {"key": "a"}, "value": None}
NUMBERLESS = [
    (NO_NUMBER, 0),
    (NO_NUMBER | {"process": "load"}, 1),
    (NO_NUMBER | {"at_ns": None}, 1),
    ({name: each for name, each in NO_NUMBER.items() if name != "value"}, 1),
]


@pytest.mark.parametrize(("row", "unreadable"), NUMBERLESS)
def test_a_metric_of_the_router_that_is_no_number_costs_only_itself(
    ledger: Ledger, tmp_path: Path, row: dict[str, Any], unreadable: int
) -> None:
    """NaN and infinities on its page were written as null: such a row is left out; nothing else may lack its value."""
    paths = compact(ledger.write(tmp_path))
    whole = read_lines(paths)
    paths[-1].write_bytes(paths[-1].read_bytes() + orjson_line("samples", row))
    found = read_lines(paths)
    same(found, read_lines(paths, careful=True))
    assert unreadable == found.lines
    for name in TABLES:
        assert found.table(name).num_rows == whole.table(name).num_rows, name


def test_every_way_of_reading_gives_the_same_report(ledger: Ledger, tmp_path: Path) -> None:
    """Line by line, by arrow, and from Parquet row groups."""
    folder = ledger.write(tmp_path)
    spelt = make_result(read_run(folder))
    paths = compact(folder)
    fast = read_run(folder)
    write_parquet(fast)
    for path in paths:
        path.unlink()
    parquet = make_result(read_run(folder))
    assert make_result(fast).model_dump() == parquet.model_dump() == spelt.model_dump()
