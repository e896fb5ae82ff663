"""Reading a run's folder: types, torn lines, foreign columns, Parquet, and folders that hold no run."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from banstorm.reports.errors import ReportError, UnreadableRunError
from banstorm.reports.frames import columns, read_run, write_parquet
from banstorm.reports.result import Verdict
from banstorm.reports.tables import TABLES
from synthetic import Ledger, Story, judged, simulate


def small() -> Ledger:
    """A short run."""
    return simulate(Story(rate=50, duration_s=8.0, at_s=2.0, until_s=4.0))


def test_every_column_has_its_type_even_in_an_empty_table(tmp_path: Path) -> None:
    """Integers stay integers (nanoseconds do not fit a float), nullable where the row type says so."""
    ledger = small()
    for name in TABLES:
        ledger.tables[name] = []
    run = read_run(ledger.write(tmp_path))
    for name in TABLES:
        expected = {column: each.dtype for column, each in columns(name).items()}
        assert {column: str(dtype) for column, dtype in run.table(name).dtypes.items()} == expected
    assert columns("calls")["sent_ns"].dtype == "Int64"
    assert columns("schedule")["scheduled_ns"].dtype == "int64"


def test_nanoseconds_survive_exactly(tmp_path: Path) -> None:
    """An instant beyond 2**53 is read to the nanosecond."""
    ledger = small()
    ledger.tables["calls"][0]["sent_ns"] = 2**62 + 1
    assert read_run(ledger.write(tmp_path)).calls["sent_ns"][0] == 2**62 + 1


def test_a_torn_last_line_is_tolerated_and_named(tmp_path: Path) -> None:
    """A writer that was killed leaves half a line: the rest is read, and the verdict stands."""
    folder = small().write(tmp_path)
    with (folder / "ledger" / "run.ndjson").open("a") as file:
        file.write('{"table": "samples", "at_n')
    run = read_run(folder)
    assert (len(run.torn), run.unreadable_lines) == (1, 0)
    assert judged_again(folder) is Verdict.PASS


def test_a_broken_line_in_the_middle_makes_the_run_inconclusive(tmp_path: Path) -> None:
    """A line that is no row is named with its file and number; what it said is not known."""
    folder = small().write(tmp_path)
    path = folder / "ledger" / "load.ndjson"
    path.write_bytes(b"garbage\n[]\n" + path.read_bytes())
    run = read_run(folder)
    assert run.unreadable == ["load.ndjson line 1: not a ledger row", "load.ndjson line 2: not a ledger row"]
    assert judged_again(folder) is Verdict.INCONCLUSIVE


def judged_again(folder: Path) -> Verdict:
    """The verdict over a folder as it stands."""
    from banstorm.reports.assemble import make_result

    return make_result(read_run(folder)).verdict


def test_foreign_tables_and_columns_are_left_alone(tmp_path: Path) -> None:
    """What a later version writes besides does not disturb."""
    ledger = small()
    ledger.change("calls", lambda row: True, later="column")
    folder = ledger.write(tmp_path)
    (folder / "ledger" / "later.ndjson").write_text('{"table": "later", "x": 1}\n')
    run = read_run(folder)
    assert "later" not in run.calls.columns
    assert run.unreadable_lines == 0


def test_a_parquet_copy_reads_as_the_ledger_did(tmp_path: Path) -> None:
    """With the NDJSON gone, the Parquet files give the same frames and the same result."""
    folder = small().write(tmp_path)
    before = read_run(folder)
    write_parquet(before)
    for path in (folder / "ledger").glob("*.ndjson"):
        path.unlink()
    after = read_run(folder)
    for name in TABLES:
        pd.testing.assert_frame_equal(before.table(name), after.table(name))


@pytest.mark.parametrize("parquet", [False, True])
def test_a_ledger_from_before_a_column_was_added_reads_on(parquet: bool, tmp_path: Path) -> None:  # noqa: FBT001
    """What an earlier version wrote has null in a column that it did not know, as NDJSON and as Parquet."""
    ledger = small()
    for row in ledger.tables["invoices"]:
        row.pop("cache_write_tokens", None)
    folder = ledger.write(tmp_path)
    if parquet:
        write_parquet(read_run(folder))
        for path in (folder / "ledger").glob("*.ndjson"):
            path.unlink()
        copy = folder / "ledger" / "invoices.parquet"
        pd.read_parquet(copy).drop(columns="cache_write_tokens").to_parquet(copy)
    run = read_run(folder)
    assert run.unreadable_lines == 0
    assert (str(run.invoices["cache_write_tokens"].dtype), len(run.invoices) > 0) == ("Int64", True)
    assert run.invoices["cache_write_tokens"].isna().all()


@pytest.mark.parametrize(
    ("break_it", "what"),
    [
        (lambda folder: (folder / "run.json").unlink(), "this is not a run's folder: No such file or directory"),
        (lambda folder: (folder / "run.json").write_text("{"), "run.json is not JSON"),
        (
            lambda folder: (folder / "run.json").write_text('{"format": 2}'),
            "run.json has format 2, this banstorm reads",
        ),
        (lambda folder: (folder / "run.json").write_text('{"format": 1}'), "run.json does not describe a run: run"),
        (lambda folder: [each.unlink() for each in (folder / "ledger").iterdir()], "the run has no ledger"),
    ],
)
def test_a_folder_that_holds_no_run_says_so_in_three_lines(break_it: object, what: str, tmp_path: Path) -> None:
    """What happened, where, and what to do next."""
    folder = small().write(tmp_path)
    assert callable(break_it)
    break_it(folder)
    with pytest.raises(UnreadableRunError) as caught:
        read_run(folder)
    lines = str(caught.value).split("\n")
    assert len(lines) == 3
    assert lines[0].startswith(what)
    assert str(folder) in lines[1]
    assert isinstance(caught.value, ReportError)


def test_a_killed_run_is_reported_as_far_as_it_went(tmp_path: Path) -> None:
    """The first manifest and half a ledger are enough for a report, which proves nothing."""
    ledger = small()
    ledger.tables["calls"] = ledger.tables["calls"][:50]
    ledger.tables["faults"], ledger.tables["invoices"] = [], []
    for name in ("t0_ns", "load_until_ns", "target_exit"):
        ledger.manifest[name] = None
    ledger.manifest["anchors"] = []
    result = judged(ledger, tmp_path)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert json.loads(result.model_dump_json())["outcomes"][0]["calls"] == 50


def test_a_run_without_any_row_is_reported_too(tmp_path: Path) -> None:
    """Nothing was recorded: every number is absent, nothing breaks."""
    ledger = small()
    for name in TABLES:
        ledger.tables[name] = []
    result = judged(ledger, tmp_path)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert result.headlines[0].text == "–"


@pytest.mark.parametrize("table", ["attempts", "invoices", "faults", "samples", "calls", "schedule"])
def test_a_run_that_lost_a_table_is_reported_too(table: str, tmp_path: Path) -> None:
    """Whichever of its tables is gone, a run gets a report, and none without the witnesses a verdict needs passes."""
    run = small()
    run.tables[table].clear()
    run.write(tmp_path)
    verdict = judged_again(tmp_path)
    # A window's record may be missing: when it bit is known from the attempts.
    assert verdict is (Verdict.PASS if table == "faults" else Verdict.INCONCLUSIVE)


def test_parquet_of_a_run_from_before_interception_is_read(tmp_path: Path) -> None:
    """A table that later versions added is empty in the copy of an older run."""
    ledger = small()
    ledger.tables["refusals"] = []
    folder = ledger.write(tmp_path)
    write_parquet(read_run(folder))
    for each in (folder / "ledger").glob("*.ndjson"):
        each.unlink()
    (folder / "ledger" / "refusals.parquet").unlink()
    assert read_run(folder).refusals.empty
