"""The verdict: what takes away a pass, what makes a fail, and which breach came first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from banstorm.reports.finding import NS, AtEnd, Candidates, Steps, Value
from banstorm.reports.result import CheckOut, ExpectationOut, Result, State, Verdict
from banstorm.reports.verdict import decide, first_broken, text_of
from banstorm.scenarios.expectation import Expectation, Unit, parse_expectation
from synthetic import Ledger, Story, judged, ns, simulate
from told import run_of, steady

PASSING = {
    "lost_calls": 0,
    "silent_losses": 0,
    "time_to_fail_over": "<= 250ms",
    "time_to_recover": "<= 3s",
    "retry_amplification": "<= 1.2",
    "cost_increase": "<= 3x",
}


def story(**more: Any) -> Story:
    """A run in which the simulated router does everything right."""
    return Story(rate=50, duration_s=8.0, at_s=2.0, until_s=4.0, expect=more.pop("expect", PASSING), **more)


def expectation(measure: str, state: State, certain_s: float | None = None) -> ExpectationOut:
    """An expectation that was judged."""
    return ExpectationOut(
        measure=measure, wanted="== 0", found="1", state=state, scope="run", note=None, certain_s=certain_s
    )


def check(kind: str, *, ok: bool, name: str = "a check") -> CheckOut:
    """A check of the run."""
    return CheckOut.model_validate({"name": name, "kind": kind, "ok": ok, "found": "x", "needed": "y"})


MET, BROKEN, UNKNOWN = (expectation("lost_calls", state) for state in (State.MET, State.BROKEN, State.UNKNOWN))
OURS = check("evidence", ok=False, name="our own processes")
DOUBT, THIN = check("evidence", ok=False), check("coverage", ok=False)
EXIT = "it exited with code 1"


@pytest.mark.parametrize(
    ("checks", "expected", "target_exit", "verdict"),
    [
        ([], [MET], None, Verdict.PASS),
        ([], [BROKEN], None, Verdict.FAIL),
        ([THIN], [MET], None, Verdict.INCONCLUSIVE),
        ([THIN], [UNKNOWN], None, Verdict.INCONCLUSIVE),
        ([THIN], [BROKEN], None, Verdict.FAIL),  # an entry that bit nothing excuses no loss
        ([DOUBT], [MET], None, Verdict.INCONCLUSIVE),
        ([DOUBT], [BROKEN], None, Verdict.INCONCLUSIVE),  # it may be our fault
        ([DOUBT, THIN], [BROKEN], None, Verdict.INCONCLUSIVE),
        ([], [MET], EXIT, Verdict.FAIL),
        ([DOUBT, THIN], [UNKNOWN], EXIT, Verdict.FAIL),  # no doubt about our clock touches that
        ([OURS], [BROKEN], EXIT, Verdict.INCONCLUSIVE),
        ([OURS], [MET], None, Verdict.INCONCLUSIVE),
    ],
)
def test_the_verdict_is_a_table(
    checks: list[CheckOut], expected: list[ExpectationOut], target_exit: str | None, verdict: Verdict
) -> None:
    """Doubt beats a breach, a breach beats thin coverage, the target's exit all but our own failures."""
    found, reasons = decide(checks, expected, target_exit)
    assert found is verdict
    assert bool(reasons) == (verdict is not Verdict.PASS)


def test_the_first_breach_is_the_one_that_was_certain_earliest() -> None:
    """Instants come before what only the end settles; ties and ends keep the file's order."""
    at_end, late, early, tie = (
        expectation("cost_increase", State.BROKEN),
        expectation("outage", State.BROKEN, 3.0),
        expectation("lost_calls", State.BROKEN, 2.0),
        expectation("callers_hurt", State.BROKEN, 2.0),
    )
    assert first_broken([at_end, late, early, tie]) == early
    assert first_broken([tie, early]) == tie
    assert first_broken([at_end, expectation("wasted", State.BROKEN)]) == at_end
    assert first_broken([MET, UNKNOWN]) is None


def wanted(text: str) -> Expectation:
    """An expectation from its text."""
    return parse_expectation("lost_calls", text)


@pytest.mark.parametrize(
    ("breach", "limit", "certain"),
    [
        (Steps(np.array([30, 10, 20])), "0", 10),
        (Steps(np.array([30, 10, 20])), "<= 1", 20),
        (Steps(np.array([30, 10, 20])), "< 3", 30),
        (Steps(np.array([30, 10, 20])), "<= 1%", None),  # a ratio: only the end settles it
        (Steps(np.array([30, 10, 20])), ">= 1", None),
        (Steps(np.array([10, 20]), np.array([0.5, 0.5]), Unit.USD), "<= $0.6", 20),
        (Candidates(0, np.array([0.0, 1.0]), np.array([5, 2 * NS])), "<= 500ms", NS // 2),
        (Candidates(0, np.array([0.0, 1.0]), np.array([5, 2 * NS])), "<= 1s", 2 * NS),
        (Candidates(0, np.array([0.0]), np.array([5])), ">= 1s", None),
        (AtEnd(), "0", None),
    ],
)
def test_the_instant_at_which_a_breach_is_certain(breach: Any, limit: str, certain: int | None) -> None:
    """Totals break at the step that crossed the limit, times once the last candidate within it is refuted."""
    assert breach.certain_ns(wanted(limit)) == certain


def state_of(result: Result, measure: str) -> State:
    """What became of an expectation."""
    return next(each.state for each in result.expectations if each.measure == measure)


def test_a_sound_run_that_meets_everything_passes(tmp_path: Path) -> None:
    """Every check holds, every expectation is met, and the sentence says what was proved."""
    result = judged(simulate(story()), tmp_path)
    assert (result.verdict, result.first_broken, result.reasons) == (Verdict.PASS, None, [])
    assert result.sentence == (
        "simulated came through org_disabled: every one of 400 calls got the right answer in time."
    )
    assert {each.state for each in result.expectations} == {State.MET}


@pytest.mark.parametrize(
    ("more", "expect", "measure", "certain_s"),
    [
        ({"fail_over_s": 0.4}, PASSING, "lost_calls", 2.003),
        ({"fail_over_s": 0.4, "detect_s": 0.4}, {"lost_calls": "<= 3", "outage": "<= 1s"}, "lost_calls", 2.063),
        ({"fail_over_s": 0.4}, {"cost_increase": "<= 0.1x", "lost_calls": "<= 1%"}, "cost_increase", None),
        # t0 is 2.001; the call due at 2.24 is the last within the limit, and bad as soon as it ends at 2.243.
        ({"fail_over_s": 0.4}, {"time_to_fail_over": "<= 250ms"}, "time_to_fail_over", 2.251),
        ({"fail_over_s": 0.4}, {"outage": "<= 100ms", "time_to_fail_over": "<= 250ms"}, "outage", 2.103),
        (
            {"lost_outcome": "corrupted", "lost_status": 200, "fail_over_s": 0.1},
            {"silent_losses": 0},
            "silent_losses",
            2.003,
        ),
        ({"recover_s": 1.0}, {"time_to_recover": "<= 500ms"}, "time_to_recover", None),
        ({"revert_s": 1.0}, {"time_to_revert": "<= 500ms"}, "time_to_revert", 4.5),
        ({"switch_s": 0.08}, {"switch_gap": {"max": "<= 50ms"}}, "switch_gap.max", 2.082),
        ({}, {"availability": "<= 50%"}, "availability", None),
        ({"fail_over_s": 0.4}, {"callers_hurt": "<= 2"}, "callers_hurt", 2.043),
    ],
)
def test_each_kind_of_expectation_can_break(
    more: dict[str, Any], expect: dict[str, Any], measure: str, certain_s: float | None, tmp_path: Path
) -> None:
    """A broken limit fails the run, and the first broken one is named with the instant at which it was certain."""
    details = {"detect_s": 0.5, **more}
    result = judged(simulate(story(expect=expect, **details)), tmp_path)
    assert (result.verdict, result.first_broken) == (Verdict.FAIL, measure)
    first = next(each for each in result.expectations if each.measure == measure)
    if certain_s is not None:
        assert first.certain_s == pytest.approx(certain_s, abs=0.0011)


def dead_after(ledger: Ledger, call: int) -> Ledger:
    """The rows of calls from `call` on are missing, as when the load stopped with its target."""
    ledger.tables["calls"] = [row for row in ledger.tables["calls"] if row["call"] < call]
    return ledger


@pytest.mark.parametrize(
    ("ended", "verdict", "words"),
    [
        ({"code": 1, "signal": None, "ours": False}, Verdict.FAIL, "exited with code 1"),
        ({"code": 0, "signal": None, "ours": False}, Verdict.FAIL, "exited with code 0"),
        ({"code": None, "signal": 11, "ours": False}, Verdict.FAIL, "crashed with SIGSEGV"),
        ({"code": None, "signal": 9, "ours": False}, Verdict.INCONCLUSIVE, "signal 9"),
        ({"code": None, "signal": 15, "ours": False}, Verdict.INCONCLUSIVE, "signal 15"),
        ({"code": None, "signal": 15, "ours": True}, Verdict.PASS, "came through"),
        (None, Verdict.PASS, "came through"),
    ],
)
def test_how_the_target_ended_decides(
    ended: dict[str, Any] | None, verdict: Verdict, words: str, tmp_path: Path
) -> None:
    """By itself: fail. By somebody else's signal: inconclusive. By us, or not at all: nothing."""
    ledger = simulate(story())
    ledger.manifest["target_exit"] = ended and {**ended, "at_ns": ns(3)}
    result = judged(ledger, tmp_path)
    assert result.verdict is verdict
    assert words in result.sentence


def test_a_target_that_exits_fails_although_calls_are_missing(tmp_path: Path) -> None:
    """Its exit is a fact that missing rows and late samples do not touch."""
    ledger = dead_after(simulate(story()), 150)
    ledger.manifest["target_exit"] = {"code": 1, "signal": None, "at_ns": ns(3), "ours": False}
    assert judged(ledger, tmp_path / "a").verdict is Verdict.FAIL
    ledger.manifest["own_failures"] = ["injector was killed by signal 9"]
    assert judged(ledger, tmp_path / "b").verdict is Verdict.INCONCLUSIVE


def test_a_window_after_the_load_is_inconclusive(tmp_path: Path) -> None:
    """Nothing was bitten, so that nothing was proved, although no call was lost."""
    beyond = Story(rate=50, duration_s=8.0, at_s=20.0, until_s=22.0, expect={"lost_calls": 0})
    result = judged(run_of(beyond, steady(0, 8, 0.02)), tmp_path)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert state_of(result, "lost_calls") is State.MET
    assert "not exercised" in result.sentence


@pytest.mark.parametrize(
    ("limit", "state", "verdict"),
    [
        ("<= 1s", State.BROKEN, Verdict.FAIL),  # the lower bound of 1.999 s refutes it
        ("<= 10s", State.UNKNOWN, Verdict.INCONCLUSIVE),  # ... and leaves this one open
    ],
)
def test_a_censored_time_refutes_but_never_confirms(limit: str, state: State, verdict: Verdict, tmp_path: Path) -> None:
    """A router that never failed over breaks a limit below the episode's length and leaves a longer one undecided."""
    never = story(expect={"time_to_fail_over": limit}, fail_over_s=9.0, detect_s=9.0)
    result = judged(simulate(never), tmp_path)
    assert (state_of(result, "time_to_fail_over"), result.verdict) == (state, verdict)
    assert result.expectations[0].found.startswith("≥ ")


def test_a_quantile_of_too_few_calls_is_inconclusive(tmp_path: Path) -> None:
    """p95 of a few switches is no p95: the run says how many there were and how many it takes."""
    result = judged(simulate(story(expect={"switch_gap": {"p95": "<= 1s"}}, detect_s=0.5)), tmp_path)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert result.expectations[0].note == "25 switches, p95 needs 200"


def test_rounding_never_moves_a_value_to_the_other_side_of_its_limit(tmp_path: Path) -> None:
    """A value just over its limit is shown with as many digits as it takes to see that."""
    ledger = simulate(story(expect={"time_to_revert": "<= 1200ms"}, revert_s=1.0))
    first = next(row for row in ledger.tables["schedule"] if row["scheduled_ns"] >= ns(5.0))["call"]
    ledger.change("calls", lambda row: row["call"] == first, ended_ns=ns(5.2004))
    result = judged(ledger, tmp_path)
    assert (result.expectations[0].state, result.expectations[0].found) == (State.BROKEN, "1.2004s")


def test_a_value_beside_a_limit_of_many_digits_has_as_many() -> None:
    """1.0000002 is not "1x" beside a limit of 1.0000001x."""
    value = Value("run", {Unit.FACTOR: 1.0000002})
    assert text_of(value, parse_expectation("bookkeeping_drift", "<= 1.0000001x")) == "1.0000002x"
    assert text_of(value, parse_expectation("bookkeeping_drift", "<= 1.1x")) == "1x"


@pytest.mark.parametrize(
    ("faults", "told"),
    [
        ([], "simulated came through a load without faults: "),
        (["hang"], "simulated came through hang: "),
        (["hang", "overloaded", "stream_cut"], "simulated came through hang, overloaded and stream_cut: "),
    ],
)
def test_the_sentence_names_the_faults(faults: list[str], told: str, tmp_path: Path) -> None:
    """A run without faults is told as one, and several faults read as a list."""
    run = simulate(Story(rate=50, duration_s=12.0, at_s=2.0, until_s=3.0, expect={"lost_calls": 0}))
    entry, window = run.manifest["scenario"]["timeline"][0], run.tables["faults"][0]
    run.manifest["scenario"]["timeline"] = []
    run.tables["faults"] = []
    for index, fault in enumerate(faults):
        run.manifest["scenario"]["timeline"].append(
            {**entry, "fault": fault, "at": f"{2 + 2 * index}s", "until": f"{3 + 2 * index}s"}
        )
        shift = 2 * index * NS
        times = {name: window[name] + shift for name in window if name.endswith("_ns") and window[name] is not None}
        run.tables["faults"].append({**window, **times, "entry": f"{index}:{fault}"})
    for row in run.tables["attempts"]:
        if row["fault"] is not None:
            row["fault"] = "0:hang"
    assert judged(run, tmp_path).sentence.startswith(told)
