"""`banstorm run --slo --volume --outage`: the run's own report is told in the user's terms, as `report` tells it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from banstorm.harness import command_run, repeat, run_many
from banstorm.harness.cli import banstorm
from banstorm.harness.exitcode import Exit
from banstorm.harness.plan import Plan, Wish, make_plan
from banstorm.harness.run import Run
from banstorm.harness.terms import Told, told
from banstorm.reports.manifest import read_manifest
from banstorm.reports.terms import Terms
from click.testing import CliRunner

WORDS = ["--slo", "99.5%", "--volume", "2M/day", "--outage", "4h"]
LAST = "--slo 99.5% --volume 2M/day --outage 4h"


@pytest.fixture
def wished(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What `banstorm run` was about to play: each way to play it only notes its wish."""
    seen: list[Any] = []

    def note(*arguments: Any, **more: Any) -> Exit:
        seen.extend(each for each in arguments if isinstance(each, Wish))
        return Exit.PASS

    monkeypatch.setattr(command_run, "play", note)
    monkeypatch.setattr(run_many, "play_tagged", note)
    monkeypatch.setattr(repeat, "play_repeated", note)
    return seen


@pytest.mark.parametrize(
    "words", [["sudden_ban"], ["--tag", "ci"], ["sudden_ban", "--repeat", "2"], ["--tag", "ci", "--repeat", "2"]]
)
def test_every_way_to_run_takes_the_users_terms(words: list[str], wished: list[Any]):
    """One run, a tag's, a repeat's and a tag's repeat: all are told in them."""
    done = CliRunner().invoke(banstorm, ["run", *words, *WORDS])
    assert (0, "") == (done.exit_code, done.output)
    (wish,) = wished
    assert Terms(0.995, 2e6, 14_400.0) == wish.told.terms
    assert tuple(WORDS) == wish.told.words


@pytest.mark.parametrize(
    ("words", "where"),
    [(["--slo", "often"], "--slo"), (["--volume", "2M"], "--volume"), (["--outage", "0s"], "--outage")],
)
def test_run_refuses_what_report_refuses(words: list[str], where: str, tmp_path: Path):
    """With the same three lines, before anything starts."""
    refused = [
        CliRunner().invoke(banstorm, [*command, *words]).exception
        for command in (["run", "sudden_ban", "--out", str(tmp_path)], ["report", str(tmp_path)])
    ]
    assert str(refused[0]) == str(refused[1])
    assert f"where: {where}\nnext:  write it like" in str(refused[0])
    assert [] == list(tmp_path.iterdir())


def test_the_command_that_repeats_a_run_repeats_the_terms(monkeypatch: pytest.MonkeyPatch):
    """Of a run, and of several: as they were written, and none of what was left open."""
    terms = told(*WORDS[1::2])
    assert make_plan(Wish(scenario="sudden_ban", told=terms)).command.endswith(f" {LAST}")
    assert make_plan(Wish(scenario="sudden_ban", told=told(None, "60/s", None))).command.endswith(" --volume 60/s")
    asked: list[Any] = []
    monkeypatch.setattr(repeat, "play_plans", lambda plans, it, *_: asked.append(it) or Exit.PASS)
    repeat.play_repeated(Wish(scenario="", told=terms), 2, "ci")
    assert asked[0].command.endswith(f" {LAST} --repeat 2")


def _folder_of(plan: Plan) -> dict[str, Any]:
    Run(plan, lambda _: None).prepare_folder()
    document: dict[str, Any] = json.loads((plan.folder / "run.json").read_text("utf-8"))
    return document


def test_the_terms_are_part_of_the_runs_folder(tmp_path: Path):
    """So that the report says the same whenever it is made again; what was left open is not in it."""
    plan = make_plan(Wish(scenario="sudden_ban", out=tmp_path, told=told(*WORDS[1::2])))
    document = _folder_of(plan)
    assert (0.995, 2e6, 14_400.0) == tuple(document[key] for key in ("slo", "volume_per_day", "outage_s"))
    manifest = read_manifest(plan.folder)
    assert (0.995, 2e6, 14_400.0) == (manifest.slo, manifest.volume_per_day, manifest.outage_s)
    untold = _folder_of(make_plan(Wish(scenario="sudden_ban", out=tmp_path)))
    assert not {"slo", "volume_per_day", "outage_s"} & untold.keys()
    assert {} == Told().document
