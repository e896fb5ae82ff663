"""Scenarios of a tag are played one after the other, whatever becomes of each, and the worst decides."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from banstorm.harness import catalogue, run_many
from banstorm.harness.cli import banstorm
from banstorm.harness.errors import HarnessError, Interrupted, NotReadyError
from banstorm.harness.exitcode import Exit
from banstorm.harness.plan import Plan, Wish
from banstorm.reports.result import State
from click.testing import CliRunner

P, F, N, X = Exit.PASS, Exit.FAIL, Exit.INCONCLUSIVE, Exit.INTERRUPTED


@pytest.mark.parametrize(
    ("codes", "wanted"),
    [((), P), ((P, P), P), ((P, N), N), ((N, F, P), F), ((F, N), F), ((P, F, X), X), ((N, N), N)],
)
def test_the_worst_decides(codes, wanted):
    """Fail before inconclusive before pass; an interrupted run before all of them."""
    assert wanted is run_many.worst(codes)


def _result(verdict: str) -> Any:
    broken = SimpleNamespace(state=State.BROKEN, measure="lost_calls", wanted="== 0", found="7")
    met = SimpleNamespace(state="met", measure="outage", wanted="<= 1s", found="0ms")
    return SimpleNamespace(
        verdict=verdict,
        sentence=f"it ended in {verdict}.",
        expectations=[met] if verdict == "pass" else [met, broken],
        run=SimpleNamespace(command="banstorm run again"),
        target_gone=False,
        **{part: [] for part in ("outcomes", "episodes", "phases", "reasons", "checks", "findings")},
    )


def _plans(*names: str) -> list[Any]:
    return [SimpleNamespace(name=name, folder=Path("runs", name), command=f"banstorm run {name}") for name in names]


def _executing(ends: dict[str, Any], played: list[str]) -> Any:
    def execute(plan: Plan) -> Any:
        played.append(plan.name)
        end = ends[plan.name]
        if isinstance(end, Exception):
            raise end
        return _result(end)

    return execute


def test_each_is_played_whatever_became_of_the_last(capsys: pytest.CaptureFixture[str]):
    """One that failed and one that could not begin don't keep the next from being played; each has its line."""
    played: list[str] = []
    ends = {"one": "fail", "two": NotReadyError("the target is mute", "http://x", "mend it"), "three": "pass"}
    assert Exit.FAIL is run_many.play_all(_plans(*ends), _executing(ends, played))
    assert ["one", "two", "three"] == played
    told = capsys.readouterr().out.splitlines()
    heads = [line.split()[:2] for line in told if line and not line.startswith(" ")]
    assert [["FAIL", "one"], ["inconclusive", "two"], ["pass", "three"]] == heads[:3]
    assert "3 scenarios in 0 s: 1 pass, 1 inconclusive, 1 fail" == told[-1]


def test_what_did_not_pass_says_why_and_how_to_repeat_it(capsys: pytest.CaptureFixture[str]):
    """What broke, what to do, the report and the command stand below its line; a pass has its line alone."""
    ends = {"one": "fail", "two": "pass"}
    run_many.play_all(_plans(*ends), _executing(ends, []))
    told = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert told[1:5] == [
        "✗ lost_calls == 0: 7",
        "next:   Bring lost_calls within its limit",
        "report: runs/one/report.html",
        "again:  banstorm run again",
    ]
    assert told[5].startswith("pass")
    assert "" == told[6]


def test_an_interruption_ends_it(capsys: pytest.CaptureFixture[str]):
    """After Ctrl-C nothing further is played, and what was left out is counted."""
    played: list[str] = []
    ends = {"one": "pass", "two": Interrupted(), "three": "pass"}
    assert Exit.INTERRUPTED is run_many.play_all(_plans(*ends), _executing(ends, played))
    assert ["one", "two"] == played
    assert capsys.readouterr().out.splitlines()[-1].endswith("1 pass, 1 interrupted, 1 not played")


def test_each_is_planned_when_its_turn_has_come():
    """A folder's name begins with the time at which its run began, not with that of the first of them."""
    played: list[str] = []
    later = {"one": _plans("one later")[0], "two": _plans("two later")[0]}
    ends = {"one later": "pass", "two later": "pass"}
    run_many.play_all(_plans("one", "two"), _executing(ends, played), lambda plan: later[plan.name])
    assert ["one later", "two later"] == played


def test_a_tag_plays_its_scenarios_with_what_was_asked_for(monkeypatch: pytest.MonkeyPatch):
    """Each plan has the target, the seed and the rate of the command line; none starts before all are planned."""
    seen: list[Any] = []
    monkeypatch.setattr(run_many, "play_all", lambda plans, *_: seen.extend(plans) or Exit.PASS)
    assert Exit.PASS is run_many.play_tagged("ci", Wish(scenario="", seed=7, rate=5.0))
    assert [*catalogue.tagged("ci")] == [plan.name for plan in seen]
    assert {7} == {plan.scenario.seed for plan in seen}
    assert all("--seed 7 --rate 5/s" in plan.command for plan in seen)


def test_what_can_not_be_planned_is_refused_before_the_first(monkeypatch: pytest.MonkeyPatch):
    """A target that there isn't is a mistake on the command line, not six failed runs."""
    monkeypatch.setattr(run_many, "execute", pytest.fail)
    with pytest.raises(HarnessError, match="unknown target"):
        run_many.play_tagged("ci", Wish(scenario="", target="nobody"))


@pytest.mark.parametrize("words", [["run"], ["run", "sudden_ban", "--tag", "ci"]])
def test_one_scenario_or_a_tag(words):
    """Neither, or both, is a mistake."""
    done = CliRunner().invoke(banstorm, words)
    assert 2 == done.exit_code
    assert "give one scenario, or a --tag" in done.output


class Watching:
    """An audience that only notes what it is told."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def expect(self, runs: int) -> None:
        """How many there will be."""
        self.told.append(("expect", runs))

    def reader(self, plan: Plan) -> Any:
        """One begins."""
        self.told.append(("begins", plan.name))
        return lambda _: None

    def failed(self, reason: str) -> None:
        """It could not be played."""
        self.told.append(("failed", reason))

    def together(self, result: Any, folder: Path) -> None:
        """What they say together."""
        self.told.append(("together", result.repeat, folder))


def test_who_watches_is_told_of_each_run_and_why_one_could_not_be_played(monkeypatch: pytest.MonkeyPatch):
    """How many there will be comes first; a run that could not begin doesn't keep the next from being shown."""

    class Mute:
        def __init__(self, plan: Plan, listener: Any) -> None:
            assert listener is not None

        async def execute(self) -> Any:
            raise NotReadyError("the target is mute", "http://x", "mend it")

    monkeypatch.setattr("banstorm.harness.run.Run", Mute)
    monkeypatch.setattr(run_many.catalogue, "tagged", lambda _: ["sudden_ban", "silent"])
    watching = Watching()
    assert Exit.INCONCLUSIVE is run_many.play_tagged("ci", Wish(scenario="", audience=watching))
    failed = ("failed", "the target is mute")
    assert [("expect", 2), ("begins", "sudden_ban"), failed, ("begins", "silent"), failed] == watching.told
