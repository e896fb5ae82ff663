"""`banstorm scorecard`: what is played, what is not played again, and that nothing stops the rest."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from banstorm.harness import command_scorecard, scorecard_cells
from banstorm.harness.cli import banstorm
from banstorm.harness.command_scorecard import Terms
from banstorm.harness.errors import ChildFailedError, HarnessError, Interrupted, NotReadyError
from banstorm.harness.plan import Plan, Wish
from banstorm.harness.scorecard_cells import Asked, ask, key
from banstorm.reports.result import Result, Verdict
from banstorm.reports.scorecard import Scorecard, Standing, read
from click.testing import CliRunner
from whole_run import scenario

STUB = Path(__file__).parent / "targets" / "tiny_router.py"
COMMAND = f"{sys.executable} {STUB} {{port}} fine {{anthropic_url}} {{openai_url}}"


def card_of(folder: Path) -> dict[tuple[str, str], str]:
    """How each cell stands."""
    return {(each.target, each.scenario): each.standing.value for each in read(folder).cells}


def verdict(value: str) -> Any:
    """A result with that verdict, as far as a cell looks at it."""
    run = {"command": "banstorm run again", "seed": 3}
    told = {"verdict": value, "sentence": f"it was {value}.", "reasons": [], "expectations": [], "findings": []}
    ended = {"run": SimpleNamespace(**run), "episodes": [], "outcomes": [], "verdict": Verdict(value)}
    return Result.model_construct(**told | ended)


def playing(*ends: Any) -> tuple[Callable[[Plan], Any], list[str]]:
    """Ends the runs so, one after the other, and notes what was played."""
    left, played = list(ends), []

    def execute(plan: Plan) -> Any:
        played.append(f"{plan.wish.target} {plan.name}")
        end = left.pop(0)
        if type(end) is not HarnessError:  # that one means that it never began
            plan.folder.mkdir(parents=True)
        if isinstance(end, BaseException):
            raise end
        return verdict(end)

    return execute, played


def terms(folder: Path, **more: Any) -> Terms:
    """How it is played."""
    told = {"command": "banstorm scorecard", "seed": None, "rate": None, "tries": 2, "again": False}
    return Terms(folder=folder, **told | more)


def cells(folder: Path, *scenarios: str, target: str = "reference", **more: Any) -> list[Asked]:
    """Cells of a target."""
    return [ask(Wish(each, target, out=folder / "runs", charts=False, **more)) for each in scenarios]


def test_what_came_to_a_verdict_is_not_played_again(tmp_path: Path):
    """The second time nothing is left; with --again all of it is."""
    execute, played = playing("pass", "fail", "pass", "pass")
    asked = cells(tmp_path, "sudden_ban", "format_drift")
    assert 0 == command_scorecard.play(asked, terms(tmp_path), execute)
    assert {("reference", "sudden_ban"): "pass", ("reference", "format_drift"): "fail"} == card_of(tmp_path)
    assert 0 == command_scorecard.play(asked, terms(tmp_path), execute)
    assert 2 == len(played)
    assert 0 == command_scorecard.play(asked, terms(tmp_path, again=True), execute)
    assert 4 == len(played)
    assert {"pass"} == set(card_of(tmp_path).values())


@pytest.mark.parametrize("more", [{"seed": 5}, {"rate": 12.0}])
def test_another_seed_or_rate_is_another_run(tmp_path: Path, more: dict[str, Any]):
    """A cell is that of its inputs, not of its name."""
    execute, played = playing("pass", "pass")
    command_scorecard.play(cells(tmp_path, "sudden_ban"), terms(tmp_path), execute)
    command_scorecard.play(cells(tmp_path, "sudden_ban", **more), terms(tmp_path), execute)
    assert 2 == len(played)


def test_an_own_router_that_was_changed_is_another_target(tmp_path: Path):
    """Its command names a file, and what that holds is a part of the cell; so is the scenario's text."""
    router = tmp_path / "router.py"
    router.write_text("one")
    path = scenario(tmp_path)
    before = ask(Wish(str(path), f"python {router} {{port}}"))
    assert before.plan is not None
    first = key(before.plan)
    assert first == key(before.plan)
    router.write_text("two")
    second = key(before.plan)
    path.write_text(path.read_text().replace("lost_calls: 0", "lost_calls: 1"))
    after = ask(Wish(str(path), f"python {router} {{port}}"))
    assert after.plan is not None
    assert 3 == len({first, second, key(after.plan)})


def test_an_inconclusive_run_is_tried_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Up to as many times as was said, each in a folder of its own; once it has a verdict no more; later once more."""
    execute, played = playing("inconclusive", "pass", "inconclusive", "inconclusive", "fail")
    asked = cells(tmp_path, "sudden_ban", "format_drift")
    assert 3 == command_scorecard.play(asked, terms(tmp_path), execute)
    assert ["pass", "inconclusive"] == list(card_of(tmp_path).values())
    assert [2, 2] == [each.tries for each in read(tmp_path).cells]
    assert 2 == capsys.readouterr().out.count("once more")
    assert 4 == len(list((tmp_path / "runs").iterdir()))
    assert 0 == command_scorecard.play(asked, terms(tmp_path), execute)
    assert ["pass", "fail"] == list(card_of(tmp_path).values())
    assert 5 == len(played)


def test_nothing_stops_the_rest(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """A target that never answers, a part of ours that fails, even a mistake of ours: each is a cell, and told."""
    mute = NotReadyError("the target is mute", "http://x", "mend it")
    ours = ChildFailedError("the injector failed", "its log", "read it")
    execute, played = playing(mute, mute, ours, "pass", ZeroDivisionError("oh"), "inconclusive")
    asked = cells(tmp_path, "sudden_ban", "format_drift", "credit_exhausted")
    assert 3 == command_scorecard.play(asked, terms(tmp_path), execute)
    assert ["unavailable", "pass", "inconclusive"] == list(card_of(tmp_path).values())
    assert ["the target is mute", "mend it"] == read(tmp_path).cells[0].reasons
    assert 6 == len(played)
    told = capsys.readouterr().out
    assert "[1/3] reference × sudden_ban: unavailable" in told
    assert "1 targets × 3 scenarios: 1 pass, 1 inconclusive, 1 unavailable" in told


def test_what_can_not_be_installed_is_not_tried_for_each_scenario(tmp_path: Path):
    """An installer may take a quarter of an hour to fail: once is enough, and the next target is played."""
    execute, played = playing(HarnessError("no such package", "its log", "see the registry"), "pass", "pass")
    asked = cells(tmp_path, "sudden_ban", "format_drift")
    other = cells(tmp_path, "sudden_ban", "format_drift", target=COMMAND)
    assert 3 == command_scorecard.play([*asked, *other], terms(tmp_path), execute)
    assert 3 == len(played)
    assert ["unavailable", "unavailable", "pass", "pass"] == list(card_of(tmp_path).values())
    assert {"no such package"} == {each.reasons[0] for each in read(tmp_path).cells[:2]}


def test_an_interruption_keeps_what_there_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Ctrl-C ends it with its own code; the same command goes on with what is left."""
    execute, played = playing("pass", Interrupted(), "fail")
    asked = cells(tmp_path, "sudden_ban", "format_drift")
    assert 130 == command_scorecard.play(asked, terms(tmp_path), execute)
    assert ["pass", "pending"] == list(card_of(tmp_path).values())
    assert "goes on from here" in capsys.readouterr().out
    assert 0 == command_scorecard.play(asked, terms(tmp_path), execute)
    assert ["pass", "fail"] == list(card_of(tmp_path).values())
    assert 3 == len(played)


def test_a_target_that_does_not_translate_is_given_one_dialect(tmp_path: Path):
    """The first provider's, if the scenario's faults exist in it; the cell says so, and so does its command."""
    (asked,) = cells(tmp_path, "sudden_ban", target="envoy")
    assert "anthropic" == asked.dialect
    assert asked.plan is not None
    assert {"anthropic"} == {each.dialect for each in asked.plan.scenario.providers.values()}
    assert "--dialect anthropic" in asked.plan.command
    execute, _ = playing("pass")
    command_scorecard.play([asked], terms(tmp_path), execute)
    assert "anthropic" == read(tmp_path).cells[0].dialect
    assert "✅ pass¹" in (tmp_path / "scorecard.md").read_text()
    (translating,) = cells(tmp_path, "sudden_ban", target="litellm")
    assert translating.dialect is None


def test_what_the_machine_lacks_is_no_word_about_the_scenario(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Without its program a target is not to be had; a scenario that it can't be given at all does not suit it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("banstorm.harness.targets._installation.SERVERS", str(tmp_path))
    (missing,) = cells(tmp_path, "sudden_ban", target="haproxy")
    path = scenario(tmp_path)
    text = path.read_text().replace("fault: org_disabled", "fault: connection_refused")
    path.write_text(text.replace("dialect: anthropic", "dialect: gemini").replace("dialect: openai", "dialect: gemini"))
    (unsuited,) = cells(tmp_path, str(path), target="none")
    assert [False, True] == [missing.is_unsuitable, unsuited.is_unsuitable]
    assert [None, None] == [missing.plan, unsuited.plan]
    command_scorecard.play([missing, unsuited], terms(tmp_path), pytest.fail)
    found = [each for each in read(tmp_path).cells if each.standing is not Standing.PENDING]
    assert ["unavailable", "unsuitable"] == [each.standing.value for each in found]


def test_targets_that_there_are_not_are_refused_before_anything_is_played():
    """So are cells beyond the limit, and addresses, which nobody could start again for each run."""
    run = CliRunner()
    done = run.invoke(banstorm, ["scorecard", "--targets", "nobody", "--scenario", "sudden_ban"])
    assert isinstance(done.exception, HarnessError)
    assert "unknown target" in str(done.exception)
    done = run.invoke(banstorm, ["scorecard", "--target", "http://127.0.0.1:1", "--scenario", "sudden_ban"])
    assert "starts its targets itself" in str(done.exception)
    done = run.invoke(banstorm, ["scorecard", "--targets", "none"])
    assert 2 == done.exit_code


def test_there_is_a_limit_of_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A thousand runs take the better part of a day; more are a mistake."""
    monkeypatch.setattr(command_scorecard, "CELLS_MAX", 1)
    with pytest.raises(HarnessError, match="limit is 1"):
        command_scorecard.play(cells(tmp_path, "sudden_ban", "format_drift"), terms(tmp_path), pytest.fail)


def test_its_pages_are_made_again_from_the_folder(tmp_path: Path):
    """With what was noted by hand since; the raw runs need not be there."""
    execute, _ = playing("fail")
    command_scorecard.play(cells(tmp_path, "sudden_ban"), terms(tmp_path), execute)
    assert (tmp_path / "notes.yaml").read_text().startswith("#")
    (tmp_path / "notes.yaml").write_text("reference:\n  sudden_ban: Seen with curl as well.\n")
    for name in ("scorecard.html", "scorecard.md"):
        (tmp_path / name).unlink()
    done = CliRunner().invoke(banstorm, ["scorecard", "--render", str(tmp_path)])
    assert 0 == done.exit_code, done.output
    for name in ("scorecard.html", "scorecard.md"):
        assert "Seen with curl as well." in (tmp_path / name).read_text()
    (tmp_path / "notes.yaml").write_text("a: [")
    done = CliRunner().invoke(banstorm, ["scorecard", "--render", str(tmp_path)])
    assert "can't be read" in str(done.exception)


def test_a_copy_for_a_repository_has_no_runs(tmp_path: Path):
    """The data, the pages and the notes, and no link to what is not there; compared with another one if there is."""
    execute, _ = playing("fail")
    one, two, copy = tmp_path / "one", tmp_path / "two", tmp_path / "docs" / "scorecard"
    command_scorecard.play(cells(one, "sudden_ban"), terms(one), execute)
    (one / "runs" / str(read(one).cells[0].run) / "report.html").write_text("a report")
    execute, _ = playing("pass")
    command_scorecard.play(cells(two, "sudden_ban", seed=5), terms(two, seed=5), execute)
    words = ["scorecard", "--render", str(one), "--against", str(two), "--into", str(copy)]
    done = CliRunner().invoke(banstorm, words)
    assert 0 == done.exit_code, done.output
    assert {"scorecard.json", "scorecard.md", "scorecard.html", "notes.yaml"} == {each.name for each in copy.iterdir()}
    text = (copy / "scorecard.md").read_text()
    assert "runs/" not in text
    assert "Repeated with seed 5: 0 of 1 cells came out the same." in text
    assert read(copy).repeat == command_scorecard.repeated(read(one), read(two))
    done = CliRunner().invoke(banstorm, ["scorecard", "--render", str(one)])
    assert "report.html" in (one / "scorecard.md").read_text()
    done = CliRunner().invoke(banstorm, ["scorecard", "--into", str(copy), "--targets", "none", "--tag", "ci"])
    assert 2 == done.exit_code


def test_broken_notes_do_not_cost_a_scorecard_under_way(tmp_path: Path):
    """They are for the rendering; what was played is written all the same."""
    execute, _ = playing("pass")
    asked = cells(tmp_path, "sudden_ban")
    playing_now = command_scorecard._Playing(Scorecard(), terms(tmp_path), execute)
    playing_now.card = command_scorecard._begun(asked, terms(tmp_path))
    (tmp_path / "notes.yaml").write_text("a: [")
    assert 0 == playing_now.all(asked)
    assert ["pass"] == list(card_of(tmp_path).values())


@pytest.mark.lab
@pytest.mark.alone
def test_a_router_of_ones_own_is_judged(tmp_path: Path):
    """Really played, from the command line: a stub of forty lines, its report linked from its cell."""
    path = scenario(tmp_path)
    path.write_text(
        path.read_text()
        .replace("dialect: anthropic, model: claude-sonnet-5", "dialect: openai, model: gpt-5.4-mini")
        .replace("40/s", "10/s")
    )
    out = tmp_path / "card"
    words = ["scorecard", "--target", COMMAND, "--scenario", str(path), "--out", str(out), "--tries", "4"]
    done = CliRunner().invoke(banstorm, words)
    told = json.loads((out / "scorecard.json").read_text())
    (cell,) = told["cells"]
    assert cell["standing"] in {"pass", "fail"}, (done.output, cell)
    assert 0 == done.exit_code
    assert f"runs/{cell['run']}/report.html" in (out / "scorecard.html").read_text()
    assert (out / "runs" / cell["run"] / "report.html").exists()
    assert "tiny_router" == told["targets"][0]["label"]


def test_a_dialect_is_not_sought_for_what_has_only_one(tmp_path: Path):
    """Where all providers speak the same, another dialect is none of the scenario's."""
    path = scenario(tmp_path)
    path.write_text(path.read_text().replace("dialect: anthropic, model: claude-sonnet-5", "dialect: openai, model: m"))
    assert [] == scorecard_cells._dialects(Wish(str(path)))
