"""`banstorm new` writes a scenario that can be played as it is, and never over one that is there."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml
from banstorm.harness.cli import banstorm
from banstorm.harness.command_new import SCHEMA, template
from banstorm.harness.errors import HarnessError
from banstorm.harness.plan import Wish, make_plan
from banstorm.scenarios.model import Scenario
from click.testing import CliRunner


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to stand in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_new_scenario_can_be_planned_as_it_is(folder: Path):
    """Nothing has to be filled in before the first run; the schema that editors use agrees."""
    done = CliRunner().invoke(banstorm, ["new", "my_outage"])
    assert 0 == done.exit_code
    plan = make_plan(Wish(scenario="my_outage.yaml"))
    assert "My outage" == plan.scenario.title
    text = (folder / "my_outage.yaml").read_text("utf-8")
    data = yaml.safe_load(text.replace(" on:", ' "on":'))
    jsonschema.validate(data, json.loads(SCHEMA.read_text("utf-8")))


def test_a_new_scenario_tells_of_every_key(folder: Path):
    """Whoever starts from it sees each key that a scenario may have, commented out where it is optional."""
    text = template(folder / "a.yaml")
    written = set(re.findall(r"\b([a-z_]+):", text))
    wanted = {info.alias or name for name, info in Scenario.model_fields.items()} - {"prices"}
    assert wanted <= written
    assert {"at", "until", "on", "fault", "standing", "with", "share", "every", "stream"} <= written


def test_editors_find_the_schema(folder: Path):
    """The first line names a file that is there: by its full path, or, in the library, beside the folder."""
    first = template(folder / "a.yaml").splitlines()[0]
    found = first.removeprefix("# yaml-language-server: $schema=")
    assert SCHEMA.resolve() == Path(found)
    ours = template(SCHEMA.parent / "bans" / "a.yaml").splitlines()[0]
    assert "# yaml-language-server: $schema=../schema.json" == ours


def test_a_file_that_is_there_is_left_alone(folder: Path):
    """Nobody's scenario is overwritten."""
    (folder / "mine.yaml").write_text("mine")
    done = CliRunner().invoke(banstorm, ["new", "mine.yaml"])
    assert isinstance(done.exception, HarnessError)
    assert "left as it is" in str(done.exception)
    assert "mine" == (folder / "mine.yaml").read_text()


@pytest.mark.parametrize("name", ["", "My Outage", "../.yaml", "-x", "a" * 61, "no_such_folder/x.yaml"])
def test_a_name_that_is_none_is_refused(folder: Path, name):
    """In three lines, and nothing is written."""
    done = CliRunner().invoke(banstorm, ["new", "--", name])
    assert isinstance(done.exception, HarnessError)
    assert [] == list(folder.iterdir())
