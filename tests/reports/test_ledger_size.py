"""A ledger larger than the memory there is: the same report, from lines and from Parquet, and the limit is a limit."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import orjson
import pytest
from banstorm.reports import ledger_parquet
from banstorm.reports.assemble import make_result
from banstorm.reports.frames import read_run, write_parquet
from banstorm.reports.ledger_parquet import Copy
from banstorm.reports.render import report
from banstorm.reports.tables import TABLES
from synthetic import Ledger, Story, simulate

WORDS_BYTES = 32 * 1024
"""Bytes of evidence a row."""
LIMIT_BYTES = 96 * 1024 * 1024
"""Memory beyond that of the process and its imports; the ledger has more."""
CHILD = """
import resource, sys
from pathlib import Path
import pandas, pyarrow.json, pyarrow.parquet
from banstorm.reports import assemble, ledger_lines, tabular, writers
from banstorm.reports.render import report
have = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmData")) * 1024
# A thread's stack counts as data, whatever of it is used.
resource.setrlimit(resource.RLIMIT_STACK, (1 << 20, resource.getrlimit(resource.RLIMIT_STACK)[1]))
resource.setrlimit(resource.RLIMIT_DATA, (have + {limit}, have + {limit}))
try:
    {do}
except MemoryError:
    sys.exit(9)
"""
REPORT = "report(Path(sys.argv[1]), charts=False)"
HOLD = "rows = ledger_lines.read_lines(sorted((Path(sys.argv[1]) / 'ledger').glob('*.ndjson')))"


def wide() -> Ledger:
    """A run that loses its calls, each of them and of the attempts with long words."""
    made = simulate(Story(rate=200, duration_s=12.0, fail_over_s=4.0, detect_s=4.0))
    for table in ("calls", "attempts"):
        for number, row in enumerate(made.tables[table]):
            words = f"{table} {number}: the organisation has been disabled. "
            row["evidence"] = (words * (WORDS_BYTES // len(words)))[:WORDS_BYTES]
    return made


def run_limited(do: str, folder: Path) -> int:
    """Do it in a process that may have no more memory than `LIMIT_BYTES`; its exit code."""
    code = CHILD.format(limit=LIMIT_BYTES, do=do)
    # The allocator that asks the system for what it needs and gives it back, so that the limit is of what is in use.
    allocator = {"ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_MMAP_THRESHOLD_": "131072"}
    environment = {**os.environ, **allocator, "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-P", "-c", code, str(folder)]
    ran = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert ran.returncode in {0, 9}, ran.stderr.decode()[-2000:]
    return ran.returncode


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_DATA counts all private memory on Linux only")
def test_a_ledger_larger_than_memory_gives_the_same_report(tmp_path: Path) -> None:
    """From its lines and from Parquet, under a limit that holding its rows breaks."""
    folder = wide().write(tmp_path / "run")
    lines = sorted((folder / "ledger").glob("*.ndjson"))
    assert sum(each.stat().st_size for each in lines) > 1.5 * LIMIT_BYTES
    assert run_limited(HOLD, folder) == 9
    report(folder, charts=False)
    page = folder / "report.json"
    unlimited = orjson.loads(page.read_bytes())
    assert all(WORDS_BYTES > len(each["words"]) > 1000 for each in unlimited["worst"])
    page.unlink()
    assert run_limited(REPORT, folder) == 0
    assert orjson.loads(page.read_bytes()) == unlimited
    page.unlink()
    for each in lines:
        each.unlink()
    assert run_limited(REPORT, folder) == 0
    assert orjson.loads(page.read_bytes()) == unlimited


def test_row_groups_of_any_size_give_the_same_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Words are found by row across blocks and row groups, whether rows or bytes filled them."""
    made = simulate(Story(rate=50, duration_s=8.0, at_s=2.0, until_s=4.0, fail_over_s=2.0, detect_s=2.0))
    for table in ("calls", "attempts"):
        for number, row in enumerate(made.tables[table]):
            row["evidence"] = f"{table} {number}"
    folder = made.write(tmp_path)
    lines = sorted((folder / "ledger").glob("*.ndjson"))
    monkeypatch.setattr("banstorm.reports.ledger_lines.BLOCK_BYTES", 4096)
    whole = make_result(read_run(folder)).model_dump()
    said = {each["words"] for each in whole["worst"]} | {row["words"] for w in whole["worst"] for row in w["attempts"]}
    assert len(said) > 5
    assert None not in said
    for rows, size in ((7, 1 << 30), (1 << 20, 1)):
        monkeypatch.setattr(ledger_parquet, "ROW_GROUP", rows)
        monkeypatch.setattr(ledger_parquet, "GROUP_BYTES", size)
        monkeypatch.setattr(ledger_parquet, "SHOWN_ROWS", 3)
        write_parquet(read_run(folder))
        kept = {each: each.read_bytes() for each in lines}
        for each in lines:
            each.unlink()
        assert make_result(read_run(folder)).model_dump() == whole
        for each, content in kept.items():
            each.write_bytes(content)


def test_a_copy_that_is_not_finished_leaves_what_is_there(tmp_path: Path) -> None:
    """An error while the ledger is read: no file is replaced, and none is left half written."""
    folder = simulate(Story(rate=20, duration_s=6.0, at_s=2.0, until_s=3.0)).write(tmp_path)
    write_parquet(read_run(folder))
    before = {each.name: each.read_bytes() for each in (folder / "ledger").iterdir()}
    assert {f"{name}.parquet" for name in TABLES} < before.keys()

    def interrupted() -> None:
        with Copy(folder / "ledger") as copy:
            read_run(folder, copy)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert {each.name: each.read_bytes() for each in (folder / "ledger").iterdir()} == before
