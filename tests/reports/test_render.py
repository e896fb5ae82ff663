"""A folder to its report: every file, again next year, and what goes wrong in three lines."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from banstorm.reports.errors import ReportError
from banstorm.reports.render import report
from banstorm.reports.result import Result
from synthetic import Story, simulate

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run's folder."""
    return simulate(Story(rate=50, duration_s=8.0, at_s=2.0, until_s=4.0, fail_over_s=0.1)).write(tmp_path / "run")


def test_a_report_is_made_from_the_folder_alone(folder: Path) -> None:
    """Pages, Parquet and pictures stand in the folder, and report.json is the result."""
    result = report(folder)
    files = {str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file()}
    assert {"report.html", "report.json", "summary.md", "junit.xml", "ledger/calls.parquet"} <= files
    assert {"tables/measures.csv", "tables/measures.parquet"} <= files
    assert {f"charts/{name}.{kind}" for name in ("timeline", "latency") for kind in ("png", "svg")} <= files
    assert not [each for each in files if each.endswith(".partial")]
    assert Result.model_validate_json((folder / "report.json").read_text("utf-8")) == result
    assert (folder / "charts" / "timeline.png").read_bytes().startswith(PNG)
    assert "org_disabled" in (folder / "charts" / "timeline.svg").read_text("utf-8")


def test_judging_again_gives_the_same_report(folder: Path) -> None:
    """A second time, in a process of its own that knows nothing of the first, every page is the same to the byte."""
    report(folder, charts=False)
    names = ("report.html", "report.json", "summary.md", "junit.xml")
    before = {name: (folder / name).read_bytes() for name in names}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "banstorm.reports", str(folder)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("fail: simulated failed under org_disabled: 5 of 400 calls were lost")
    assert {name: (folder / name).read_bytes() for name in names} == before


@pytest.mark.parametrize("gone", [Path.unlink, lambda path: path.write_text("")], ids=["removed", "emptied"])
def test_a_copy_that_has_what_the_lines_lost_is_kept(folder: Path, gone: Callable[[Path], object]) -> None:
    """Where an NDJSON file is gone its rows are only in Parquet: that is not replaced, and makes the report again."""
    whole = report(folder, charts=False)
    kept = {path: path.read_bytes() for path in (folder / "ledger" / "calls.parquet", folder / "report.html")}
    gone(folder / "ledger" / "load.ndjson")
    told = r"its Parquet copy still has it: schedule.parquet has 400 rows, the NDJSON files 0"
    with pytest.raises(ReportError, match=told):
        report(folder, charts=False)
    assert {path: path.read_bytes() for path in kept} == kept
    for lines in (folder / "ledger").glob("*.ndjson"):
        lines.rename(folder / lines.name)
    assert report(folder, charts=False) == whole
    for lines in folder.glob("*.ndjson"):
        lines.rename(folder / "ledger" / lines.name)
    assert report(folder, charts=False, force=True).verdict == "inconclusive"


def test_a_folder_that_is_no_run_is_an_error_of_three_lines(tmp_path: Path) -> None:
    """The command says what, where and what next, and exits with 2."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "banstorm.reports", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert len(done.stderr.strip().split("\n")) == 3


def test_a_file_of_the_folder_leads_to_the_folder(folder: Path) -> None:
    """Whoever names run.json, or a report, is told which folder to name."""
    with pytest.raises(ReportError) as caught:
        report(folder / "run.json")
    assert (caught.value.what, caught.value.next_step) == (
        "this is a file, not a run's folder",
        f"banstorm report {folder}",
    )


def test_a_report_that_can_not_be_written_says_where(folder: Path) -> None:
    """A page's place is taken by a folder: three lines, no traceback."""
    (folder / "report.html").mkdir()
    with pytest.raises(ReportError) as caught:
        report(folder, charts=False)
    assert caught.value.what.startswith("the report can't be written")


def test_importing_reports_loads_nothing_heavy() -> None:
    """What the harness imports to know the measures and the result costs no pandas."""
    code = (
        "import sys, banstorm.reports, banstorm.reports.measures, banstorm.reports.render, banstorm.reports.result; "
        "print(sorted({'pandas', 'pyarrow', 'vl_convert', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
