"""What docs/scorecard.md shows is what the commands take."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
import yaml
from banstorm.harness.cli import banstorm
from banstorm.harness.plan import Wish
from banstorm.harness.scorecard_cells import ask
from banstorm.harness.targets import names
from banstorm.reports.scorecard import Cell, Column, Row, Scorecard, lay_notes

TEXT = (Path(__file__).parent.parent / "docs" / "scorecard.md").read_text("utf-8")
COMMANDS = re.findall(r"^ *(banstorm .+)$", TEXT, re.MULTILINE)


@pytest.mark.parametrize("line", COMMANDS)
def test_each_command_is_one(line):
    """Its options exist, and its targets too."""
    _, name, *words = shlex.split(line)
    command = banstorm.commands[name]
    with command.make_context(name, words) as context:
        told = context.params
    assert isinstance(command, click.Command)
    assert set(filter(None, told["targets"].split(","))) <= set(names())


def test_the_notes_are_understood(tmp_path):
    """The example is laid over its cell."""
    (example,) = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    (tmp_path / "notes.yaml").write_text("\n".join(line[3:] for line in example.splitlines()))
    ((target, scenarios),) = yaml.safe_load((tmp_path / "notes.yaml").read_text()).items()
    (scenario,) = scenarios
    card = Scorecard(
        targets=[Row(name=target, label=target, kind="program")],
        scenarios=[Column(name=scenario, title=scenario)],
        cells=[Cell(target=target, scenario=scenario)],
    )
    assert [] == lay_notes(card, tmp_path)
    assert card.cells[0].note is not None


@pytest.mark.parametrize("target", ["envoy", "haproxy", "nginx"])
def test_those_that_do_not_translate_are_those(target):
    """Each is given one dialect, or its program is missing here."""
    asked = ask(Wish("sudden_ban", target))
    assert asked.dialect == "anthropic" or not asked.is_unsuitable
    assert asked.plan is not None or "not installed" in str(asked.refused)
