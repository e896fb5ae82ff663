"""`banstorm run --tolerance`: what is accepted beyond the limits reaches the plan, its command and run.json."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from banstorm.harness.cli import banstorm
from banstorm.harness.command_run import _conclude, tolerated
from banstorm.harness.errors import HarnessError
from banstorm.harness.plan import Wish, make_plan
from banstorm.harness.run import Run
from click.testing import CliRunner


def _plan(tmp_path: Path, text: str) -> Any:
    return make_plan(Wish(scenario="sudden_ban", out=tmp_path, tolerance=tolerated(text)))


def test_a_tolerance_is_part_of_the_command_and_of_the_runs_folder(tmp_path: Path):
    """The report is made from the folder alone, so that it is judged alike whenever it is made again."""
    plan = _plan(tmp_path, "10%, lost_calls=2")
    assert plan.command.endswith("--tolerance 10%,lost_calls=2")
    Run(plan, lambda _: None).prepare_folder()
    assert "10%,lost_calls=2" == json.loads((plan.folder / "run.json").read_text())["tolerance"]


def test_no_tolerance_is_none(tmp_path: Path):
    """Without the option the command has none, and run.json says so."""
    plan = _plan(tmp_path, "")
    assert "--tolerance" not in plan.command
    Run(plan, lambda _: None).prepare_folder()
    assert "" == json.loads((plan.folder / "run.json").read_text())["tolerance"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("lots", "'lots' is no tolerance"),
        ("lost_cals=1", "did you mean 'lost_calls'?"),
        ("time_to_recover=5%", ""),
    ],
)
def test_a_tolerance_that_can_not_be_understood_is_a_mistake(text: str, words: str):
    """Three lines and exit code 2; a percentage of a time is a share of its limit."""
    if not words:
        assert tolerated(text)
        return
    with pytest.raises(HarnessError, match=r"where: --tolerance\nnext:  write it like 10%") as caught:
        tolerated(text)
    assert words in str(caught.value)


def test_a_tolerance_in_another_unit_than_its_limit_is_refused_before_anything_starts(tmp_path: Path):
    """What could not be added would loosen nothing, without a word."""
    path = tmp_path / "mine.yaml"
    assert 0 == CliRunner().invoke(banstorm, ["new", str(path)]).exit_code
    text = path.read_text("utf-8").replace("lost_calls: 0", "lost_calls: <= 3")
    assert "lost_calls: <= 3" in text
    path.write_text(text, "utf-8")
    with pytest.raises(HarnessError, match="1% can't be added to lost_calls <= 3: write it in the limit's own unit"):
        make_plan(Wish(scenario=str(path), out=tmp_path, tolerance=tolerated("lost_calls=1%")))


def test_the_last_lines_of_a_run_say_what_was_tolerated(capsys: pytest.CaptureFixture[str]):
    """The limit that was met only within the tolerance is marked, and the tolerance is told."""
    each = SimpleNamespace(state="met", measure="lost_calls", wanted="== 0", found="1", tolerated=True)
    run = SimpleNamespace(command="banstorm run it", tolerance="lost_calls=2", warnings=[])
    result: Any = SimpleNamespace(verdict="pass", sentence="it came through.", expectations=[each], run=run)
    assert 0 == _conclude(result, Path("runs/it"))
    told = capsys.readouterr().out
    assert "✓ lost_calls == 0: 1 (tolerated)\ntolerance: lost_calls=2\n" in told
