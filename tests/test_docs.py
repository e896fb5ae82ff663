"""What is documented is what is there."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from banstorm.harness.cli import banstorm
from banstorm.harness.registry import registry
from banstorm.scenarios import library
from banstorm.scenarios.problems import ScenarioError

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
SCHEMA = json.loads((ROOT / "scenarios" / "schema.json").read_text("utf-8"))
VALIDATOR = jsonschema.validators.validator_for(SCHEMA)(SCHEMA)


def test_generated_files_are_up_to_date():
    """The README's table, the pages of names and the scenario schema say what the models say."""
    done = subprocess.run(
        [sys.executable, "scripts/write_docs.py", "--check"], cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert "" == done.stderr
    assert 0 == done.returncode


def _read(path: Path) -> Any:
    """A scenario as an editor's YAML 1.2 reads it: `on` is a word there, not a truth value."""
    return yaml.load(re.sub(r"(?<=[ {])on:", '"on":', path.read_text("utf-8")), Loader=yaml.SafeLoader)


def _error(data: Any) -> str:
    """The first mistake that the schema finds; nothing if there is none."""
    return next((each.message for each in VALIDATOR.iter_errors(data)), "")


def test_the_schema_is_one():
    """Its own form is that of a JSON Schema."""
    type(VALIDATOR).check_schema(SCHEMA)


@pytest.mark.parametrize("path", sorted((ROOT / "scenarios").glob("*/*.yaml")), ids=lambda path: path.stem)
def test_each_scenario_satisfies_the_published_schema(path: Path):
    """An editor that checks by the schema agrees with the loader on every file of the library."""
    assert "" == _error(_read(path))


def _entry(**words: Any) -> Callable[[Any], None]:
    return lambda data: data["timeline"][0].update(words)


def _load(**words: Any) -> Callable[[Any], None]:
    return lambda data: data["load"].update(words)


def _top(**words: Any) -> Callable[[Any], None]:
    return lambda data: data.update(words)


def _without(*path: str) -> Callable[[Any], None]:
    def spoil(data: Any) -> None:
        for key in path[:-1]:
            data = data[key]
        del data[path[-1]]

    return spoil


def _expect(**words: Any) -> Callable[[Any], None]:
    return lambda data: data["expect"].update(words)


BROKEN = {
    "a fault's name": _entry(fault="org_disable"),
    "a standing's name": lambda data: data["timeline"].append({"at": "1s", "on": "openai", "standing": "quotas"}),
    "an event's name": lambda data: data["timeline"].append({"at": "1s", "event": "kill_the_router"}),
    "an event with a provider": lambda data: data["timeline"].append(
        {"at": "1s", "on": "openai", "event": "drop_state"}
    ),
    "a fault and a standing": _entry(standing="org_disabled"),
    "neither": lambda data: data["timeline"][0].pop("fault"),
    "a parameter's name": _entry(**{"with": {"nothing": 1}}),
    "a parameter's value": _entry(fault="rate_limited", **{"with": {"retry_after": 2}}),
    "a drift's name": _entry(fault="drift", **{"with": {"named": "openai_function_cal"}}),
    "a selector's type": _entry(stream="yes"),
    "a share without its sign": _entry(share=0.5),
    "a share with one end": _entry(share={"from": "0%"}),
    "whose share it is": _entry(share_of="person"),
    "a period without its unit": _entry(every=2),
    "no provider": _entry(on=[]),
    "a moment without its unit": _entry(at=2),
    "a key of the entry": _entry(form="2s"),
    "a measure's name": _expect(lost_cals=0),
    "a limit that is a truth value": _expect(lost_calls=True),
    "a duration without its unit": _load(duration=14),
    "a rate without its unit": _load(rate=60),
    "a step without its rate": _load(rate=[{"at": "0s"}]),
    "a burst that does not last": _load(bursts=[{"at": "1s", "by": "3x"}]),
    "callers that are none": _load(callers=0),
    "a shape": _load(shapes={"texts": 1}),
    "tokens without their unit": _load(answer=24),
    "arrivals": _load(arrivals="regular"),
    "a dialect": lambda data: data["providers"]["openai"].update(dialect="opena"),
    "a provider's name": lambda data: data["providers"].update({"Open AI": data["providers"]["openai"]}),
    "a provider without a model": _without("providers", "openai", "model"),
    "no provider at all": _top(providers={}),
    "another version": _top(version=2),
    "a seed below zero": _top(seed=-1),
    "no story": _without("story"),
    "no source": _without("source"),
    "nothing expected": _without("expect"),
    "no load": _without("load"),
    "an empty remedy": _top(remedy=""),
    "a scale without its x": _top(scaled=60),
    "a key of the scenario": _top(titel="x"),
    "a tag that is no word": _top(tags=[1]),
}


@pytest.mark.parametrize("what", BROKEN)
def test_the_schema_refuses_what_the_loader_refuses(what, tmp_path: Path):
    """Completion in an editor is of use only if the schema knows the names; the loader knows them all the more."""
    data = _read(ROOT / "scenarios" / "bans" / "sudden_ban.yaml")
    assert "" == _error(data)
    BROKEN[what](data)
    assert "" != _error(data)
    file = tmp_path / "broken.yaml"
    file.write_text(json.dumps(data), "utf-8")
    with pytest.raises(ScenarioError):
        library.load(file, registry())


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
    assert commands <= set(re.findall(r"banstorm ([a-z-]+)", README))
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
