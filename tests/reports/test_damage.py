"""Folders that are truncated, killed, old, or from another version: what can be said is said, the rest is named."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from banstorm.reports.assemble import make_result
from banstorm.reports.errors import UnreadableRunError
from banstorm.reports.frames import read_run, write_parquet
from banstorm.reports.result import DamageOut, Result, Verdict
from synthetic import Ledger, Story, simulate, value


@pytest.fixture
def ledger() -> Ledger:
    """A short run, with prices as a newer harness writes them."""
    made = simulate(Story(rate=50, duration_s=8.0, at_s=2.0, until_s=4.0))
    rates = {"input": 2, "output": 15, "cached": 0.2, "cache_write": 2.5}
    made.manifest["prices"] = {"anthropic": {"model": "claude-sonnet-5", "rates": rates}}
    return made


def told(folder: Path) -> tuple[Result, list[DamageOut]]:
    """The report on a folder, and its damage."""
    result = make_result(read_run(folder))
    return result, result.damage


def test_a_whole_folder_has_no_damage(ledger: Ledger, tmp_path: Path) -> None:
    """Nothing is named where nothing is wrong."""
    assert told(ledger.write(tmp_path))[1] == []


def test_every_file_cut_short_somewhere_still_gives_a_report(ledger: Ledger, tmp_path: Path) -> None:
    """However much of each file is gone: a report is made, what is torn is named, and no pass is made of it."""
    folder = ledger.write(tmp_path)
    for path in sorted((folder / "ledger").glob("*.ndjson")):
        whole = path.read_bytes()
        for share in (0.0, 0.3, 0.8):
            path.write_bytes(whole[: round(len(whole) * share)])
            result, damage = told(folder)
            assert damage, (path, share)
            # The faults' window is known from the attempts, so that only what judges is missed.
            assert result.verdict is not Verdict.PASS or path.name == "run.ndjson", (path, share)
        path.write_bytes(whole)


def test_a_killed_run_says_so(ledger: Ledger, tmp_path: Path) -> None:
    """The manifest was never finished: that is named, with what it costs."""
    ledger.manifest["anchors"] = ledger.manifest["anchors"][:1]
    (damage,) = told(ledger.write(tmp_path))[1]
    assert damage.where == "run.json"
    assert "killed" in damage.what
    assert "proves nothing" in damage.costs


def test_a_table_without_a_row_is_named_with_what_it_costs(ledger: Ledger, tmp_path: Path) -> None:
    """Without invoices nothing is said of cost; what the callers got stands."""
    ledger.tables["invoices"] = []
    result, (damage,) = told(ledger.write(tmp_path))
    assert (damage.where, damage.costs) == ("ledger, table invoices", "what the providers billed is unknown: no cost")
    assert value(result, "lost_calls", "run") == 0


def test_foreign_columns_and_tables_are_named(ledger: Ledger, tmp_path: Path) -> None:
    """What a later version writes is left alone, and the report says that it was."""
    ledger.change("calls", lambda _: True, mood="good")
    folder = ledger.write(tmp_path)
    (folder / "ledger" / "later.ndjson").write_text('{"table": "dreams", "x": 1}\n')
    result, (damage,) = told(folder)
    assert damage.what.endswith("does not know: calls.mood, dreams")
    assert result.verdict is Verdict.PASS
    write_parquet(read_run(folder))
    for path in (folder / "ledger").glob("*.ndjson"):
        path.unlink()
    copy = folder / "ledger" / "calls.parquet"
    pd.read_parquet(copy).assign(mood="good").to_parquet(copy)
    assert told(folder)[1][0].what.endswith("does not know: calls.mood")


def test_a_copy_that_can_not_be_read_costs_only_its_table(ledger: Ledger, tmp_path: Path) -> None:
    """One Parquet file is scribbled on: the others are read, the run is inconclusive, and the file is named."""
    folder = ledger.write(tmp_path)
    write_parquet(read_run(folder))
    for path in (folder / "ledger").glob("*.ndjson"):
        path.unlink()
    (folder / "ledger" / "samples.parquet").write_bytes(b"PAR1 no more")
    result, damage = told(folder)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert any(each.where == "samples.parquet" for each in damage)
    assert value(result, "lost_calls", "run") == 0
    for path in (folder / "ledger").glob("*.parquet"):
        path.write_bytes(b"")
    with pytest.raises(UnreadableRunError):
        read_run(folder)


def test_many_broken_lines_are_counted(ledger: Ledger, tmp_path: Path) -> None:
    """The first are named, the others counted."""
    folder = ledger.write(tmp_path)
    path = folder / "ledger" / "fakes.ndjson"
    path.write_bytes(b"what\n" * 25 + path.read_bytes())
    damage = told(folder)[1]
    assert [each.where for each in damage[:2]] == ["fakes.ndjson line 1", "fakes.ndjson line 2"]
    assert (damage[-1].what, sum(each.rows or 0 for each in damage)) == ("more lines that can't be read", 25)


def test_a_file_of_the_ledger_that_is_a_folder_is_named(ledger: Ledger, tmp_path: Path) -> None:
    """What can't be opened counts as a line that can't be read."""
    folder = ledger.write(tmp_path)
    (folder / "ledger" / "odd.ndjson").mkdir()
    damage = told(folder)[1]
    assert [(each.where, each.what) for each in damage] == [("odd.ndjson", "Is a directory")]


def test_a_run_without_prices_is_from_an_earlier_version(ledger: Ledger, tmp_path: Path) -> None:
    """What can't be told for it is named."""
    del ledger.manifest["prices"]
    (damage,) = told(ledger.write(tmp_path))[1]
    assert damage.costs == "what the traffic costs on each provider"
