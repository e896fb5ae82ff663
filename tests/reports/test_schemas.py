"""The published JSON Schemas: generated from the models, and what the commands really write satisfies them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from banstorm.harness import command_scorecard, repeat
from banstorm.harness.cli import banstorm
from banstorm.harness.command_scorecard import Terms
from banstorm.harness.errors import HarnessError
from banstorm.harness.plan import Plan, Wish
from banstorm.harness.scorecard_cells import ask
from banstorm.reports import schema
from banstorm.reports.render import report
from banstorm.reports.result import Result
from click.testing import CliRunner
from synthetic import Story, simulate

LOST = Story(rate=50, duration_s=8.0, at_s=2.0, until_s=4.0, fail_over_s=0.3)
KEPT = Story(rate=50, duration_s=8.0, at_s=2.0, until_s=4.0)


def _run(folder: Path, story: Story) -> Result:
    """A run's folder with its report."""
    return report(simulate(story).write(folder), charts=False)


def _printed(*words: str | Path) -> Any:
    """What a command says as JSON."""
    done = CliRunner().invoke(banstorm, [str(each) for each in words], catch_exceptions=False)
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two sides of two runs each, a third run that was cut off, and one that can't be read."""
    folder = tmp_path_factory.mktemp("runs")
    for side, story in (("before", LOST), ("after", KEPT)):
        for seed in (1, 2):
            made = simulate(story)
            made.manifest["seed"] = seed
            report(made.write(folder / side / f"run{seed}"), charts=False)
    cut = simulate(LOST)
    cut.manifest |= {"anchors": cut.manifest["anchors"][:1], "seed": 3}
    report(cut.write(folder / "after" / "run3"), charts=False)
    (folder / "after" / "torn").mkdir()
    (folder / "after" / "torn" / "report.json").write_text("{")
    return folder


def _report(runs: Path, _: Path) -> Any:
    return json.loads((runs / "after" / "run3" / "report.json").read_text("utf-8"))


def _compare(runs: Path, out: Path) -> Any:
    printed = _printed("compare", runs / "before", runs / "after", "--gate", "--format", "json", "--out", out)
    assert printed == json.loads((out / "compare.json").read_text("utf-8"))
    # Nothing got worse, but nobody knows what stands in the one that can't be read.
    assert printed["gate"]["verdict"] == "inconclusive"
    assert [each.startswith("left out of B: torn") for each in printed["gate"]["reasons"]] == [True]
    assert printed["groups"][0]["differences"]
    assert printed["unpaired"]
    assert printed["b"]["left_out"]
    return printed


def _history(runs: Path, out: Path) -> Any:
    printed = _printed("history", runs / "after", "--format", "json", "--out", out)
    assert printed == json.loads((out / "history.json").read_text("utf-8"))
    assert printed["left_out"]
    assert printed["lines"][0]["measures"]
    return printed


def _repeat(_: Path, out: Path) -> Any:
    """Three runs: one lost calls, one could not begin, one passed."""
    plans = repeat.planned(Wish(scenario="sudden_ban", out=out, charts=False), 3)
    stories = {plans[0].run: LOST, plans[2].run: KEPT}

    def execute(plan: Plan) -> Result:
        if plan.run not in stories:
            raise HarnessError("the target is mute", "http://127.0.0.1:1", "start it")
        return _run(plan.folder, stories[plan.run])

    repeat.play_plans(plans, repeat.Asked(3, None, "banstorm run it"), execute, lambda plan: plan)
    (path,) = out.glob("*/repeat.json")
    written = json.loads(path.read_text("utf-8"))
    assert ["fail", "inconclusive"] == [each["verdict"] for each in written["scenarios"][0]["runs"]][:2]
    assert written["scenarios"][0]["measures"]
    return written


def _scorecard(_: Path, out: Path) -> Any:
    """A cell that failed, one that the target can't be given, notes, and a second scorecard beside it."""

    def execute(plan: Plan) -> Result:
        return _run(plan.folder, LOST)

    for folder in (out / "one", out / "two"):
        asked = [ask(Wish(each, "reference", out=folder / "runs", charts=False)) for each in ("sudden_ban", "silent")]
        terms = Terms(folder, "banstorm scorecard", seed=None, rate=None, tries=1, again=False)
        command_scorecard.play(asked, terms, execute)
    (out / "one" / "notes.yaml").write_text("reference:\n  sudden_ban: {note: seen by hand, checked: 2026-01-31}\n")
    command_scorecard.render(out / "one", against=out / "two")
    written = json.loads((out / "one" / "scorecard.json").read_text("utf-8"))
    assert [True, False] == [each["note"] is not None for each in written["cells"]]
    assert written["repeat"]
    return written


MADE: dict[str, Callable[[Path, Path], Any]] = {
    "report": _report,
    "compare": _compare,
    "repeat": _repeat,
    "history": _history,
    "scorecard": _scorecard,
}


def test_each_document_has_its_published_schema():
    """One file a document, beside the code; `make docs` writes it, and it is what the model says."""
    published = {each.name for each in Path(schema.__file__).parent.glob("*.schema.json")}
    assert {f"{each}.schema.json" for each in schema.DOCUMENTS} == published
    assert MADE.keys() == schema.DOCUMENTS.keys()
    for each in schema.DOCUMENTS:
        assert schema.path(each).read_text("utf-8") == schema.text(each)


@pytest.mark.parametrize("document", MADE)
def test_what_is_really_written_satisfies_the_schema(document: str, runs: Path, tmp_path: Path):
    """And nothing else does: not with a key that no model has, and not with one missing, at any level."""
    validator = jsonschema.Draft202012Validator(json.loads(schema.path(document).read_text("utf-8")))
    validator.check_schema(validator.schema)
    written = MADE[document](runs, tmp_path)
    validator.validate(written)
    assert written["format"] == 1
    assert not validator.is_valid(written | {"format": 2})
    assert not validator.is_valid(written | {"a_later_version_s": 1})
    for key in written:
        assert not validator.is_valid({name: value for name, value in written.items() if name != key}), key
    inner = next(key for key, value in written.items() if value and isinstance(value, list) and type(value[0]) is dict)
    strange = [{**written[inner][0], "a_later_version_s": 1}, *written[inner][1:]]
    assert not validator.is_valid(written | {inner: strange})


@pytest.mark.parametrize("document", MADE)
def test_a_schema_can_be_printed_and_compared(document: str, tmp_path: Path):
    """Whoever installed the package need not look for the file; an old copy is told, and how to renew it."""
    assert _printed("schema", document) == schema.schema(document)
    copy = tmp_path / "copy.json"
    copy.write_text(schema.text(document), "utf-8")
    assert 0 == CliRunner().invoke(banstorm, ["schema", document, "--check", str(copy)]).exit_code
    copy.write_text("{}", "utf-8")
    stale = CliRunner().invoke(banstorm, ["schema", document, "--check", str(copy)]).exception
    assert f"next:  run: banstorm schema {document} > {copy}" in str(stale)
