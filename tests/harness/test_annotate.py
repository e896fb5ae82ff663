"""Annotations for a forge's job page are printed where they are asked for, and nowhere else."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from banstorm.harness import command_run, run_many
from banstorm.harness.cli import banstorm
from banstorm.reports import annotations
from click.testing import CliRunner


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every run ends in a fail, without being played; its annotation is a word."""
    run = SimpleNamespace(command="banstorm run it", tolerance="", warnings=[])
    nothing: dict[str, Any] = {part: [] for part in ("expectations", "outcomes", "episodes", "phases", "reasons")}
    result: Any = SimpleNamespace(verdict="fail", sentence="it failed.", run=run, target_gone=False, **nothing)
    plan: Any = SimpleNamespace(name="one", folder=Path("runs/one"), command="banstorm run one", wish=None)
    monkeypatch.setattr(annotations, "annotations_of", lambda _: ["::error title=one::broken"])
    monkeypatch.setattr(command_run, "prepare", lambda _: plan)
    monkeypatch.setattr(command_run, "_execute", lambda _: result)
    monkeypatch.setattr("banstorm.harness.run.make_report", lambda _, **_more: result)
    monkeypatch.setattr(run_many, "prepare", lambda _: plan)
    monkeypatch.setattr(run_many, "execute", lambda _: result)
    monkeypatch.setattr("banstorm.harness.catalogue.tagged", lambda _: {"one": None})


@pytest.mark.usefixtures("failing")
@pytest.mark.parametrize("words", [["run", "one"], ["run", "--tag", "ci"], ["report", "runs/one"]])
@pytest.mark.parametrize(
    ("flag", "runner", "printed"),
    [([], None, 0), (["--annotations"], None, 1), ([], "true", 1), ([], "false", 0), ([], "something", 0)],
)
def test_they_are_printed_where_they_are_wanted(words: list[str], flag: list[str], runner: str | None, printed: int):
    """With the flag, or inside GitHub's runner: after a run, after each of a tag's runs, and after a report."""
    done = CliRunner().invoke(banstorm, [*words, *flag], env={"GITHUB_ACTIONS": runner})
    assert done.exit_code == 1, done.output
    assert done.output.count("::error title=one::broken\n") == printed
