"""The page about comparing: its commands are there, and do what it says."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from banstorm.harness.cli import banstorm
from banstorm.harness.command_run import wish
from banstorm.reports.gate import TOLERANCE
from banstorm.reports.spread import RUNS_MIN
from click.testing import CliRunner

PAGE = (Path(__file__).parent.parent / "docs" / "comparing.md").read_text("utf-8")
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]


def _runs(folder: Path, lost: float) -> None:
    for seed in range(5):
        run = folder / f"2026010{seed}T120000-sudden_ban-litellm-abc{seed}"
        run.mkdir(parents=True)
        value = {"scope": "run", "value": lost + seed % 2, "amounts": {"number": lost + seed % 2}}
        report: dict[str, Any] = {
            "format": 1,
            "verdict": "pass",
            "run": {"scenario": "sudden_ban", "target": "litellm", "seed": seed, "started": f"2026-01-0{seed + 1}"},
            "findings": [{"key": "lost_calls", "unit": "number", "values": [value]}],
        }
        (run / "report.json").write_text(json.dumps(report), "utf-8")


@pytest.mark.parametrize("command", [each for each in COMMANDS if not each.startswith("banstorm run")])
def test_a_command_on_runs_does_what_it_says(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over runs that lost three calls more than before: the gate is shut, everything else tells it."""
    monkeypatch.chdir(tmp_path)
    _runs(tmp_path / "before", 10.0)
    _runs(tmp_path / "after", 13.0)
    done = CliRunner().invoke(banstorm, shlex.split(command)[1:], catch_exceptions=False)
    assert ("--gate" in command) == done.exit_code
    assert "lost" in done.output
    if "--out" in command:
        kind = shlex.split(command)[1]
        assert {f"{kind}.html", f"{kind}.md", f"{kind}.json"} == {
            each.name for each in (tmp_path / "comparison").iterdir()
        }


@pytest.mark.parametrize("command", [each for each in COMMANDS if each.startswith("banstorm run")])
def test_a_run_on_the_page_is_one_that_the_command_takes(command: str) -> None:
    """Its options exist and are understood."""
    arguments = shlex.split(command)[2:]
    words = dict(banstorm.commands["run"].make_context("run", arguments).params)
    for name in ("tag", "repeat", "web"):
        words.pop(name, None)
    assert "sudden_ban" == wish(**words).scenario


def test_the_page_says_the_numbers_that_hold() -> None:
    """The gate's tolerance, and from how many runs on there are intervals."""
    assert f"the gate tolerates `{TOLERANCE}`" in PAGE
    assert RUNS_MIN == 5
    assert "From five runs on a mean has an interval" in PAGE
