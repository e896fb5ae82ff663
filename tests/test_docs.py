"""What is documented is what is there."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml
from banstorm.harness.cli import banstorm

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
SCHEMA = json.loads((ROOT / "scenarios" / "schema.json").read_text("utf-8"))


def test_generated_files_are_up_to_date():
    """The README's tables and the scenario schema say what the models say."""
    done = subprocess.run(
        [sys.executable, "scripts/write_docs.py", "--check"], cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert "" == done.stderr
    assert 0 == done.returncode


@pytest.mark.parametrize("path", sorted((ROOT / "scenarios").glob("*/*.yaml")), ids=lambda path: path.stem)
def test_each_scenario_satisfies_the_published_schema(path: Path):
    """An editor that checks by the schema agrees with the loader on every file of the library."""
    data = yaml.load(path.read_text("utf-8").replace(" on:", ' "on":'), Loader=yaml.SafeLoader)
    jsonschema.validate(data, SCHEMA)


BROKEN = [
    ("fault", lambda data: data["timeline"][0].update(fault="org_disable")),
    ("parameter", lambda data: data["timeline"][0].update({"with": {"nothing": 1}})),
    ("measure", lambda data: data["expect"].update(lost_cals=0)),
    ("duration", lambda data: data["load"].update(duration=14)),
    ("dialect", lambda data: data["providers"]["openai"].update(dialect="opena")),
]


@pytest.mark.parametrize(("what", "spoil"), BROKEN, ids=[each[0] for each in BROKEN])
def test_the_schema_refuses_what_the_loader_refuses(what, spoil):
    """Completion in an editor is of use only if the schema knows the names."""
    text = (ROOT / "scenarios" / "bans" / "sudden_ban.yaml").read_text("utf-8").replace(" on:", ' "on":')
    data = yaml.safe_load(text)
    jsonschema.validate(data, SCHEMA)
    spoil(data)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(data, SCHEMA)


@pytest.mark.parametrize("part", ["fakes", "harness", "reports", "router", "scenarios"])
def test_a_package_exports_sorted_names_that_exist(part):
    """`__all__`, where there is one, is sorted and every name in it can be had."""
    module = importlib.import_module(f"banstorm.{part}")
    exported = getattr(module, "__all__", [])
    assert sorted(exported) == list(exported)
    for name in exported:
        assert getattr(module, name) is not None


def test_the_readme_names_every_command_and_its_commands_exist():
    """Each command is in the README, and each `banstorm …` and `make …` in it exists."""
    commands = set(banstorm.commands)
    assert commands <= set(re.findall(r"banstorm ([a-z]+)", README))
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert set(re.findall(r"`?make ([a-z-]+)`", README)) <= targets


def test_the_readme_shows_a_picture_that_is_there():
    """The pictures that the README links are in the repository."""
    pictures = re.findall(r"!\[[^]]*]\(([^)]+)\)", README)
    assert pictures
    for picture in pictures:
        assert (ROOT / picture).is_file()


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\((?!http|#)([^)#]+)", README))))
def test_each_link_of_the_readme_leads_somewhere(link):
    """No link into the repository is dead."""
    assert (ROOT / link).exists()
