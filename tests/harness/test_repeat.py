"""`banstorm run --repeat N`: N runs with N seeds, and what they say together."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import whole_run
from banstorm.harness import repeat
from banstorm.harness.cli import banstorm
from banstorm.harness.errors import HarnessError, Interrupted, NotReadyError
from banstorm.harness.exitcode import Exit
from banstorm.harness.plan import Plan, Wish
from click.testing import CliRunner


class Judged:
    """A result that recorded a verdict and how many calls were lost."""

    def __init__(self, plan: Plan, verdict: str, lost: float) -> None:
        self.verdict, self.sentence, self.expectations = verdict, f"it ended in {verdict}.", []
        self.run = type("Run", (), {"command": plan.command})
        self.outcomes, self.episodes, self.phases, self.reasons, self.checks = [], [], [], [], []
        self.target_gone = False
        value = {"scope": "run", "value": lost, "amounts": {"number": lost}}
        self._document = {
            "format": 1,
            "verdict": verdict,
            "first_broken": "lost_calls" if verdict == "fail" else None,
            "run": {"scenario": plan.name, "title": "A ban", "target": "reference", "seed": plan.scenario.seed},
            "findings": [{"key": "lost_calls", "unit": "number", "values": [value]}],
        }

    def model_dump(self, **_: Any) -> dict[str, Any]:
        """What report.json says."""
        return self._document


def _played(tmp_path: Path, ends: Iterable[Any], tag: str | None = None, times: int = 0) -> tuple[int, dict[str, Any]]:
    """Play plans that end so: the code, and repeat.json."""
    ends = list(ends)
    times = times or len(ends)
    plans = repeat.planned(Wish(scenario="sudden_ban", out=tmp_path), times)
    left = iter(ends)

    def execute(plan: Plan) -> Any:
        end = next(left)
        if isinstance(end, Exception):
            raise end
        return Judged(plan, *end)

    asked = repeat.Asked(times, tag, "banstorm run it again")
    code = repeat.play_plans(plans, asked, execute, lambda plan: plan)
    written = list(tmp_path.glob("*/repeat.json"))
    return code, json.loads(written[0].read_text("utf-8")) if written else {}


def test_each_run_has_the_next_seed(tmp_path: Path):
    """Seed, seed + 1, …, beginning with the scenario's own, or with the command line's; each has its folder."""
    plans = repeat.planned(Wish(scenario="sudden_ban", out=tmp_path), 3)
    assert [20260104, 20260105, 20260106] == [plan.scenario.seed for plan in plans]
    assert 3 == len({plan.folder for plan in plans})
    assert "--seed 20260106" in plans[2].command
    assert [7, 8] == [plan.scenario.seed for plan in repeat.planned(Wish(scenario="sudden_ban", seed=7), 2)]
    with pytest.raises(HarnessError, match="the last seed would be above"):
        repeat.planned(Wish(scenario="sudden_ban", seed=repeat.SEED_MAX), 2)


@pytest.mark.parametrize(
    ("ends", "code", "verdict"),
    [
        ([("pass", 0.0)] * 3, Exit.PASS, "pass"),
        ([("pass", 0.0), ("inconclusive", 0.0)], Exit.INCONCLUSIVE, "inconclusive"),
        ([("inconclusive", 0.0), ("fail", 4.0), ("pass", 0.0)], Exit.FAIL, "fail"),
        (
            [("pass", 0.0), NotReadyError("the target is mute", "http://x", "mend it")],
            Exit.INCONCLUSIVE,
            "inconclusive",
        ),
    ],
)
def test_the_worst_decides(ends: list[Any], code: Exit, verdict: str, tmp_path: Path):
    """Of the exit code and of the combined verdict; a run that could not begin is one of them."""
    found, written = _played(tmp_path, ends)
    assert (code, verdict) == (found, written["verdict"])
    runs = written["scenarios"][0]["runs"]
    assert [20260104 + k for k in range(len(ends))] == [each["seed"] for each in runs]


def test_measures_are_told_over_the_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """With their interval from five runs on; a run that proves nothing counts for none."""
    ends = [("fail", float(lost)) for lost in (1, 2, 3, 4, 5)] + [("inconclusive", 99.0)]
    _, written = _played(tmp_path, ends)
    (measure,) = written["scenarios"][0]["measures"]
    assert (5, 3.0, 1.0, 5.0) == (measure["n"], measure["mean"], measure["least"], measure["most"])
    assert measure["low"] == pytest.approx(1.037, abs=1e-3)
    told = capsys.readouterr().out
    assert "FAIL  sudden_ban × 6: 5 fail, 1 inconclusive\n  lost_calls  3 [1.037 … 4.963]; from 1 to 5\n" in told
    assert "fail" in told
    assert "6 runs in 0 s: 1 inconclusive, 5 fail" in told


@pytest.mark.parametrize(("lost", "note"), [([1.0, 2.0], "n = 2"), ([0.0] * 5, "the same in all 5"), ([3.0], "n = 1")])
def test_few_or_equal_runs_have_no_interval(lost: list[float], note: str, tmp_path: Path):
    """And it is said why."""
    _, written = _played(tmp_path, [("pass", each) for each in lost])
    (measure,) = written["scenarios"][0]["measures"]
    assert (None, None, note) == (measure["low"], measure["high"], measure["note"])


def test_what_was_interrupted_is_told_as_far_as_it_went(tmp_path: Path):
    """The runs before it are written, and that there are fewer than were asked for."""
    code, written = _played(tmp_path, [("pass", 0.0), Interrupted(), ("pass", 0.0)])
    assert (Exit.INTERRUPTED, False, 1) == (code, written["complete"], len(written["scenarios"][0]["runs"]))
    assert "**Interrupted:**" in next(tmp_path.glob("*/repeat.md")).read_text("utf-8")


def test_an_interrupted_first_run_leaves_nothing(tmp_path: Path):
    """There is nothing to say together."""
    assert (Exit.INTERRUPTED, {}) == _played(tmp_path, [Interrupted()])


def test_the_folder_stands_beside_its_runs(tmp_path: Path):
    """Its name says what was repeated, and how often; the summary beside it names each run."""
    _, written = _played(tmp_path, [("pass", 0.0), ("pass", 0.0)])
    (folder,) = tmp_path.iterdir()
    assert "-sudden_ban-reference-x2-" in folder.name
    text = (folder / "repeat.md").read_text("utf-8")
    assert text.startswith("## ✅ pass: sudden\\_ban on reference, 2 times\n")
    assert all(each["folder"].replace("_", "\\_") in text for each in written["scenarios"][0]["runs"])


@pytest.mark.parametrize(
    ("wish", "tag", "command"),
    [
        ({"scenario": "sudden_ban"}, None, "banstorm run sudden_ban --target reference --seed 20260104 --repeat 2"),
        ({"scenario": "", "rate": 5.0}, "ci", "banstorm run --tag ci --target reference --rate 5/s --repeat 2"),
        ({"scenario": "", "seed": 3}, "ci", "banstorm run --tag ci --target reference --seed 3 --repeat 2"),
    ],
)
def test_the_command_asks_for_all_of_it_again(wish: Any, tag: str | None, command: str, monkeypatch: Any):
    """With a tag, each scenario begins with its own seed, unless the command line has one."""
    seen: list[Any] = []
    monkeypatch.setattr(repeat, "play_plans", lambda plans, asked, *_: seen.append((plans, asked)) or Exit.PASS)
    assert Exit.PASS is repeat.play_repeated(Wish(**wish), 2, tag)
    ((plans, asked),) = seen
    assert command == asked.command
    assert 2 * len({plan.name for plan in plans}) == len(plans)


@pytest.mark.parametrize("times", ["0", "51", "many"])
def test_how_often_is_limited(times: str):
    """1 to 50 times."""
    assert 2 == CliRunner().invoke(banstorm, ["run", "sudden_ban", "--repeat", times]).exit_code


def test_whole_runs_are_repeated_and_compared(tmp_path: Path):
    """Two real runs with two seeds; the folder of what they say together stands for them when runs are compared."""
    done = whole_run.play(tmp_path, whole_run.scenario(tmp_path), "--inline", "--repeat", "2")
    assert done.returncode in {Exit.PASS, Exit.INCONCLUSIVE}, done.stdout + done.stderr  # a busy machine may be late
    (together,) = (tmp_path / "runs").glob("*-short-reference-x2-*")
    assert f"together: {together / 'repeat.md'}" in done.stdout
    written = json.loads((together / "repeat.json").read_text("utf-8"))
    assert [11, 12] == [each["seed"] for each in written["scenarios"][0]["runs"]]
    compared = CliRunner().invoke(banstorm, ["compare", str(together), str(tmp_path / "runs"), "--format", "json"])
    (group,) = json.loads(compared.output)["groups"]
    assert [11, 12] == [each["seed"] for each in group["pairs"]]
    assert {"same", "unknown"} >= {each["change"] for each in group["differences"]}


def test_who_watches_a_repeat_is_told_what_its_runs_say_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """How many there will be before the first, and last the result and the folder that holds it."""
    told: list[Any] = []

    class Watching:
        def expect(self, runs: int) -> None:
            told.append(runs)

        def together(self, result: Any, folder: Path) -> None:
            told.append((result.verdict, folder))

    monkeypatch.setattr(repeat, "execute", lambda plan: told.append(plan.scenario.seed) or Judged(plan, "fail", 2.0))
    audience: Any = Watching()
    assert Exit.FAIL is repeat.play_repeated(Wish(scenario="sudden_ban", out=tmp_path, audience=audience), 2)
    (path,) = tmp_path.glob("*/repeat.json")
    assert [2, 20260104, 20260105, ("fail", path.parent)] == told
