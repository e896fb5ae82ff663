"""The runs that a path stands for are found; what can't be read is named, and stops nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from banstorm.reports import gather as gathering
from banstorm.reports.errors import ReportError, UnreadableRunError
from banstorm.reports.gather import gather
from banstorm.reports.recorded import recorded_of
from recorded_runs import report, write
from synthetic import Story, judged, simulate


def test_each_way_to_name_a_run(tmp_path: Path) -> None:
    """Its folder, its report.json, the folder of runs, and a folder further up."""
    folder = write(tmp_path / "a" / "runs" / "one", 7)
    for path in (folder, folder / "report.json", tmp_path / "a" / "runs", tmp_path / "a", tmp_path):
        (only,) = gather(path).runs
        assert (7, "one") == (only.recorded.run.seed, only.name)
        assert {"load": {}} == only.scenario


def test_runs_come_in_the_order_they_were_played(tmp_path: Path) -> None:
    """Not in that of their names."""
    write(tmp_path / "a", 1, started="2026-01-05")
    write(tmp_path / "b", 2, started="2026-01-04")
    assert [2, 1] == [each.recorded.run.seed for each in gather(tmp_path).runs]


def test_a_report_alone_is_enough(tmp_path: Path) -> None:
    """An artifact that was downloaded without its folder, under any name."""
    path = tmp_path / "before.json"
    path.write_text(json.dumps(report(3)), "utf-8")
    (only,) = gather(path).runs
    assert (3, {}) == (only.recorded.run.seed, only.scenario)


BROKEN = {
    "killed": (None, "it has no report: it was ended before its end, or never judged"),
    "torn": ('{"format": 1, "verd', "report.json is not JSON"),
    "older": ('{"format": 0}', "format 0, not 1"),
    "newer": ('{"format": 2}', "format 2, not 1"),
    "foreign": ("[1, 2]", "format None, not 1"),
    "poor": ('{"format": 1, "verdict": "pass"}', "report.json does not describe a run: run: Field required"),
    "odd": (json.dumps({**report(), "verdict": "perhaps"}), "report.json does not describe a run: verdict"),
    "endless": (
        json.dumps(report(measures={"outage": float("nan")})),
        "report.json does not describe a run: findings.0.values.0.value: Input should be a finite number",
    ),
    "deep": ("[" * 100_000, "report.json is not JSON"),
    "binary": ("\udcff", "report.json is not JSON"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_can_not_be_read_is_named_and_the_others_are_read(what: str, tmp_path: Path) -> None:
    """A killed run, a torn file, another version's: each is left out with its reason."""
    write(tmp_path / "good")
    folder = write(tmp_path / "bad")
    text, words = BROKEN[what]
    if text is None:
        (folder / "report.json").unlink()
    else:
        (folder / "report.json").write_text(text, "utf-8", errors="surrogateescape")
    found = gather(tmp_path)
    assert ["good"] == [each.name for each in found.runs]
    (left,) = found.left_out
    assert "bad" == left.where
    assert words in left.why
    with pytest.raises(ReportError) as caught:
        gather(folder)
    assert 3 == len(str(caught.value).splitlines())


@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.mkdir(), lambda path: path.write_text("x")])
def test_a_path_without_a_run_is_a_mistake(make: Any, tmp_path: Path) -> None:
    """Nothing there, an empty folder, a file of something else: three lines."""
    make(tmp_path / "runs")
    with pytest.raises(ReportError) as caught:
        gather(tmp_path / "runs")
    assert 3 == len(str(caught.value).splitlines())


def test_a_repeat_stands_for_its_runs(tmp_path: Path) -> None:
    """They stand beside its own folder; one that is gone is named. Above, it adds nothing to them."""
    write(tmp_path / "one", 1)
    write(tmp_path / "other", 2)
    (tmp_path / "again").mkdir()
    runs = [{"folder": "one"}, {"folder": "../gone"}]
    (tmp_path / "again" / "repeat.json").write_text(json.dumps({"scenarios": [{"runs": runs}]}))
    found = gather(tmp_path / "again")
    assert ["one"] == [each.name for each in found.runs]
    assert [("gone", "its folder is gone")] == [(each.where, each.why) for each in found.left_out]
    assert ["one", "other"] == sorted(each.name for each in gather(tmp_path).runs)
    (tmp_path / "again" / "repeat.json").write_text("{}")
    with pytest.raises(UnreadableRunError, match="names no runs"):
        gather(tmp_path / "again")


def test_of_many_runs_the_newest_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And how many were not is said."""
    monkeypatch.setattr(gathering, "RUNS_MAX", 2)
    for name in ("2026a", "2026b", "2026c"):
        write(tmp_path / name)
    found = gather(tmp_path)
    assert ["2026b", "2026c"] == [each.name for each in found.runs]
    assert "1 more runs" == found.left_out[0].where


def test_a_report_that_is_too_large_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not read at all."""
    monkeypatch.setattr(gathering, "BYTES_MAX", 100)
    with pytest.raises(UnreadableRunError, match="is larger than"):
        gather(write(tmp_path / "run"))


def test_what_is_read_is_what_was_judged(tmp_path: Path) -> None:
    """The report of a whole run reads as its result says; each measure that it has stands for the run."""
    folder = tmp_path / "run"
    story = Story(rate=50, duration_s=8.0, at_s=2.0, until_s=4.0, fail_over_s=0.2, detect_s=0.4)
    result = judged(simulate(story), folder)
    (folder / "report.json").write_text(result.model_dump_json(), "utf-8")
    (only,) = gather(folder).runs
    assert recorded_of(result) == only.recorded
    assert {"lost_calls"} == only.recorded.expected
    values = {key: each.of_run for key, each in only.recorded.by_key.items()}
    assert 10.0 == values["lost_calls"].value  # type: ignore[union-attr]
    amplification = only.recorded.by_key["retry_amplification"]
    episode = next(each for each in amplification.values if each.scope != "run")
    assert episode == amplification.of_run  # that which its limit is held against
