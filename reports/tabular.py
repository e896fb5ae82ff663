"""The report's tables as CSV and Parquet, for a spreadsheet or a notebook: a file a table, the columns of report.json.

The ledger's own rows (calls, attempts, invoices, …) are Parquet in `ledger/`; these are what was found in them.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from .result import Result

FOLDER: Final = "tables"
"""Folder of the tables, inside the run's."""
_FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula."""

Row = Mapping[str, Any]


def tables(result: Result) -> dict[str, list[Row]]:
    """Every table of the report by name; a row is flat."""
    document = result.model_dump(mode="json")
    run = {name: document["run"][name] for name in ("run", "scenario", "target", "seed", "started", "command")}
    found: dict[str, list[Row]] = {
        "run": [{"verdict": document["verdict"], "first_broken": document["first_broken"], **run}],
        "measures": [_measure(finding, value) for finding in document["findings"] for value in finding["values"]],
        "timeline": _steps(document["timeline"]),
        "worst_attempts": [
            {"call": call["call"], **attempt} for call in document["worst"] for attempt in call["attempts"]
        ],
    }
    for name in ("expectations", "checks", "coverage", "outcomes", "slices", "phases", "costs"):
        found[name] = document[name]
    found["windows"] = [
        {"episode": each["id"], **window} for each in document["episodes"] for window in each["windows"]
    ]
    found["worst_calls"] = [{key: each[key] for key in each if key != "attempts"} for each in document["worst"]]
    for name, part in (("wasted", "wasted"), ("cost_by_phase", "by_phase"), ("lock_in", "lock_in"), ("books", "books")):
        found[name] = (document["money"] or {}).get(part, [])
    return {name: [_flat(row) for row in rows] for name, rows in sorted(found.items()) if rows}


def write_tables(result: Result, folder: Path) -> list[Path]:
    """Write every table as CSV and as Parquet into `folder`/tables; returns the files.

    Raises:
        ImportError: when pyarrow is not installed.
        OSError: when a file can't be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    home = folder / FOLDER
    home.mkdir(exist_ok=True)
    written = []
    for name, rows in tables(result).items():
        columns = list(dict.fromkeys(key for row in rows for key in row))
        (home / f"{name}.csv").write_text(as_csv(columns, rows), "utf-8", errors="replace", newline="")
        values = {each: _clean([row.get(each) for row in rows]) for each in columns}
        pq.write_table(pa.table(values), home / f"{name}.parquet")
        written += [home / f"{name}.csv", home / f"{name}.parquet"]
    return written


def as_csv(columns: Sequence[str], rows: Iterable[Row]) -> str:
    """Rows as CSV (RFC 4180). A text that a spreadsheet would run as a formula begins with an apostrophe."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([_cell(row.get(each)) for each in columns] for row in rows)
    return text.getvalue()


def _cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULAS) and len(value) > 1 else value


def _measure(finding: Mapping[str, Any], value: Mapping[str, Any]) -> Row:
    rows = value["rows"] or {}
    kept = ("scope", "value", "text", "censored", "applies", "reason")
    return {
        "measure": finding["key"],
        "unit": finding["unit"],
        **{each: value[each] for each in kept},
        "from_table": rows.get("table"),
        "from_rows": rows.get("total"),
        "definition": finding["definition"],
    }


def _steps(line: Mapping[str, Any]) -> list[Row]:
    rows: list[Row] = []
    for step in range(line["steps"]):
        row: dict[str, Any] = {"from_s": step * line["step_s"], "until_s": (step + 1) * line["step_s"]}
        for name, series in line.items():
            if isinstance(series, dict):
                row |= {f"{name}.{key}": values[step] for key, values in series.items()}
            elif isinstance(series, list):
                row[name] = series[step]
        rows.append(row)
    return rows


def _flat(row: Row) -> Row:
    """A row whose values are plain: what is nested stands as JSON."""
    return {
        key: json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value
        for key, value in row.items()
    }


def _clean(values: list[Any]) -> list[Any]:
    """Values that a column of one type can hold: whole and broken numbers as broken ones, the unlike as text."""
    kinds = {type(each) for each in values if each is not None}
    if kinds <= {int, float}:
        return [None if each is None else float(each) for each in values] if float in kinds else values
    if len(kinds) <= 1 and str not in kinds:
        return values
    # A lone surrogate in what a router said is no text that Parquet holds.
    return [None if each is None else str(each).encode("utf-8", "replace").decode() for each in values]
