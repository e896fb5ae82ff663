"""The report's tables as files: the same rows in CSV and Parquet, and nothing that a spreadsheet would run."""

from __future__ import annotations

import csv
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from banstorm.reports.result import Result
from banstorm.reports.tabular import as_csv, tables, write_tables
from synthetic import Story, judged, simulate


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """The result of a run with losses."""
    story = Story(rate=50, duration_s=8.0, at_s=2.0, until_s=4.0, fail_over_s=0.4, detect_s=0.5)
    return judged(simulate(story), tmp_path_factory.mktemp("run"))


def test_csv_and_parquet_hold_the_same_rows(result: Result, tmp_path: Path) -> None:
    """Each table is there twice, with the same columns and as many rows."""
    written = {each.name for each in write_tables(result, tmp_path)}
    names = tables(result)
    assert written == {f"{name}.{kind}" for name in names for kind in ("csv", "parquet")}
    for name, rows in names.items():
        with (tmp_path / "tables" / f"{name}.csv").open(newline="", encoding="utf-8") as file:
            read = list(csv.DictReader(file))
        parquet = pq.read_table(tmp_path / "tables" / f"{name}.parquet")
        assert len(read) == parquet.num_rows == len(rows), name
        assert list(read[0]) == parquet.column_names, name


def test_the_numbers_are_the_results(result: Result, tmp_path: Path) -> None:
    """A column keeps its kind: counts are whole, times broken, what is not known is empty."""
    write_tables(result, tmp_path)
    steps = pq.read_table(tmp_path / "tables" / "timeline.parquet").to_pydict()
    assert sum(steps["outcomes.error"]) == 20
    assert sum(steps["outcomes.ok"]) == 380
    assert steps["from_s"][:3] == [0.0, 0.25, 0.5]
    found = pq.read_table(tmp_path / "tables" / "measures.parquet").to_pylist()
    lost = next(each for each in found if each["measure"] == "lost_calls" and each["scope"] == "run")
    assert (lost["value"], lost["from_table"], lost["from_rows"]) == (20.0, "calls", 20)
    waiting = [each for each in found if each["value"] is None]
    assert all(each["text"] == "–" for each in waiting)


def test_no_cell_is_a_formula() -> None:
    """What a router said can't make a spreadsheet compute; a lone sign and a number stay as they are."""
    text = as_csv(
        ["said", "number"], [{"said": "=HYPERLINK(1)", "number": -3}, {"said": "–"}, {"said": "-", "number": 1.5}]
    )
    assert text.split("\r\n")[1:4] == ["'=HYPERLINK(1),-3", "–,", "-,1.5"]


def test_hostile_words_are_written_and_read_back(result: Result, tmp_path: Path) -> None:
    """Line ends, quotes and lone surrogates in a provider's words cost no table."""
    said = 'a,"b"\r\nc\ud800'
    worst = [result.worst[0].model_copy(update={"words": said})]
    write_tables(result.model_copy(update={"worst": worst}), tmp_path)
    with (tmp_path / "tables" / "worst_calls.csv").open(newline="", encoding="utf-8") as file:
        assert next(csv.DictReader(file))["words"] == 'a,"b"\r\nc?'
    assert pq.read_table(tmp_path / "tables" / "worst_calls.parquet").to_pylist()[0]["words"] == 'a,"b"\r\nc?'
