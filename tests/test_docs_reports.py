"""The page about reports: its commands are there, and every document that has a schema is named."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
from banstorm.harness.cli import banstorm
from banstorm.harness.command_run import wish
from banstorm.reports import writers
from banstorm.reports.schema import DOCUMENTS

PAGE = (Path(__file__).parent.parent / "docs" / "reports.md").read_text("utf-8")
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]


@pytest.mark.parametrize("line", COMMANDS)
def test_each_command_is_one(line: str):
    """Its options exist and are understood."""
    _, name, *words = shlex.split(line)
    command = banstorm.commands[name]
    assert isinstance(command, click.Command)
    with command.make_context(name, words) as context:
        told = dict(context.params)
    if name == "run":
        assert wish(**{key: value for key, value in told.items() if key not in {"tag", "repeat", "web"}})


def test_each_document_with_a_schema_is_named():
    """With the command that prints its schema, and the file that it describes."""
    for each in DOCUMENTS:
        assert f"| `banstorm schema {each}` | " in PAGE
        assert f"`{each}.json`" in PAGE
    assert "`banstorm schema scenario`" in PAGE


def test_each_page_that_is_written_is_named():
    """One a writer."""
    for name in writers.names():
        assert f"`{writers.find(name).FILE}`" in PAGE
