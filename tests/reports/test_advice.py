"""What to fix first, and the measures in plain words: from simulated runs whose trouble is known."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from banstorm.reports.advice import ADVICE_MAX, advice, tightest
from banstorm.reports.measures import keys
from banstorm.reports.plain import plain, wanted
from banstorm.reports.result import ExpectationOut, State
from synthetic import Ledger, Story, judged, ns, simulate

LONG = {"rate": 50, "duration_s": 8.0, "at_s": 2.0, "until_s": 4.0}


def passing() -> Ledger:
    """A run whose limits held, one of them by little."""
    expect = {"lost_calls": 0, "time_to_fail_over": "<= 250ms", "retry_amplification": "<= 1.2"}
    return simulate(Story(**LONG, expect=expect))


def late_failover() -> Ledger:
    """Calls are lost for 0.4 s, and the router goes on asking for longer."""
    expect = {"lost_calls": 0, "time_to_fail_over": "<= 250ms"}
    return simulate(Story(**LONG, fail_over_s=0.4, detect_s=0.5, expect=expect))


def never() -> Ledger:
    """Nobody but the broken provider is asked while the fault lasts, and every call is lost."""
    ledger = simulate(Story(**LONG, fail_over_s=2.0, detect_s=2.0, expect={"lost_calls": 0}))
    during = [row for row in ledger.tables["attempts"] if not ns(2) <= row["received_ns"] < ns(4.1)]
    ledger.tables["attempts"] = during + [
        row
        for row in ledger.tables["attempts"]
        if row["provider"] == "anthropic" and ns(2) <= row["received_ns"] < ns(4.1)
    ]
    kept = {row["attempt"] for row in ledger.tables["attempts"]}
    ledger.tables["invoices"] = [row for row in ledger.tables["invoices"] if row["attempt"] in kept]
    return ledger


def staying() -> Ledger:
    """Each call asks the broken provider first for as long as it is broken, and is rescued by the next."""
    expect = {"lost_calls": 0, "retry_amplification": "<= 1.2"}
    return simulate(Story(**LONG, fail_over_s=0.0, detect_s=2.0, expect=expect))


def silent() -> Ledger:
    """Two answers are cut and look like a success, beside calls that fail aloud."""
    ledger = late_failover()
    ledger.change("calls", lambda row: row["call"] in {300, 301}, outcome="truncated")
    return ledger


def gone() -> Ledger:
    """The router crashes in the middle."""
    ledger = passing()
    ledger.manifest["target_exit"] = {"code": 3, "signal": None, "at_ns": ns(3), "ours": False}
    return ledger


def slow() -> Ledger:
    """The answers come right, but after the deadline."""
    ledger = passing()
    ledger.change("calls", lambda row: row["call"] in {360, 361}, outcome="late")
    return ledger


def unproved() -> Ledger:
    """A part of ours was killed."""
    ledger = late_failover()
    ledger.manifest["own_failures"] = ["injector was killed by signal 9"]
    return ledger


@pytest.mark.parametrize(
    ("ledger", "first"),
    [
        (passing, None),
        (late_failover, "Leave anthropic sooner"),
        (never, "Fall back to another provider when anthropic fails"),
        (staying, "Leave anthropic while it fails: a circuit breaker, and one probe now and then"),
        (silent, "Check answers before you pass them on"),
        (gone, "Keep the router running"),
        (slow, "Give up on a slow attempt sooner"),
        (unproved, "Repeat it: a part of banstorm failed; its log is in the run's folder"),
    ],
)
def test_the_gravest_comes_first(ledger: object, first: str | None, tmp_path: Path) -> None:
    """A router that is gone, then what is silently wrong, then what is lost; a run that proves nothing is repeated."""
    assert callable(ledger)
    found = advice(judged(ledger(), tmp_path))
    assert (found[0].title if found else None) == first
    assert len(found) <= ADVICE_MAX


def test_advice_carries_the_runs_numbers_and_what_it_would_mend(tmp_path: Path) -> None:
    """The reason names the calls lost and the time it took; the limits that it would mend are named."""
    first = advice(judged(late_failover(), tmp_path))[0]
    assert first.why.startswith("20 of 100 calls due while org_disabled lasted were lost; failover took 399ms")
    assert first.mends == ("lost_calls", "time_to_fail_over")


def test_every_broken_limit_is_in_some_advice(tmp_path: Path) -> None:
    """A limit that no rule speaks of is named all the same."""
    expect = {"lost_calls": 0, "availability": ">= 99.99%", "callers_hurt": 0, "cost_per_answer": "<= $0.0000001"}
    result = judged(simulate(Story(**LONG, fail_over_s=0.4, detect_s=0.5, expect=expect)), tmp_path)
    broken = {each.measure for each in result.expectations if each.state is State.BROKEN}
    assert len(broken) == 4
    assert {measure for each in advice(result) for measure in each.mends} == broken


def test_what_is_silently_lost_is_not_told_twice(tmp_path: Path) -> None:
    """Where every lost call looked like a success, there is no second advice about calls that are lost aloud."""
    ledger = passing()
    ledger.change("calls", lambda row: row["call"] in {160, 161}, outcome="truncated")
    assert [each.title for each in advice(judged(ledger, tmp_path))] == ["Check answers before you pass them on"]


def test_the_same_advice_is_told_once(tmp_path: Path) -> None:
    """Two episodes with the same trouble make one thing to do, with both reasons; of many, the first three's."""
    result = judged(late_failover(), tmp_path)
    (only,) = result.episodes
    several = [only.model_copy(update={"id": f"episode {number} (anthropic)"}) for number in range(1, 7)]
    for number in (2, 6):
        told = advice(result.model_copy(update={"episodes": several[:number]}))
        assert len(told) == len({each.title for each in told})
        assert told[0].mends == ("lost_calls", "time_to_fail_over")
        found = re.findall(r"20 of 100 calls due while org_disabled lasted in (episode \d)", told[0].why)
        assert found == ["episode 1", "episode 2", "episode 3"][:number]
        assert told[0].why.endswith("So it was in 3 more episodes.") == (number == 6)


def test_one_call_is_no_calls(tmp_path: Path) -> None:
    """A call that was lost before any fault is told in the singular."""
    ledger = passing()
    ledger.change("calls", lambda row: row["call"] == 3, outcome="error", status=500, provider=None)
    assert "1 call was lost before any fault." in {each.why for each in advice(judged(ledger, tmp_path))}


def test_the_limit_that_was_closest(tmp_path: Path) -> None:
    """Of the met upper limits the one that was used most; none where nothing was close."""
    found = tightest(judged(passing(), tmp_path / "a"))
    assert found is not None
    assert found["index"] == 2
    assert found["share"] == pytest.approx(0.25)  # 105 attempts of 100 calls, where 120 were allowed
    assert tightest(judged(simulate(Story(**LONG)), tmp_path / "b")) is None


def expected(measure: str, limit: str) -> ExpectationOut:
    """An expectation of a measure."""
    return ExpectationOut(
        measure=measure, wanted=limit, found="0", state=State.MET, scope=None, note=None, certain_s=None
    )


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        ("== 0", "none"),
        ("== 3", "exactly 3"),
        ("<= 250ms", "at most 250ms"),
        (">= 99.9%", "at least 99.9%"),
        ("< 2x", "less than 2x"),
        ("something else", "something else"),
    ],
)
def test_a_limit_in_words(limit: str, words: str) -> None:
    """Comparisons are spelled out; what is none stands as it is."""
    assert wanted(expected("lost_calls", limit)) == words


def test_a_statistic_and_an_unknown_measure_are_questions_too() -> None:
    """A quantile says which, and a measure without words of its own is asked for by its name."""
    assert plain("switch_gap.p95").question.endswith("the next (95 of 100, p95)?")
    assert plain("moon_phase.max").question == "moon phase, max?"


@pytest.mark.parametrize("key", keys())
def test_every_measure_has_words_of_its_own(key: str) -> None:
    """Each measure that a limit can be set on is a question, and says what it means when it is broken."""
    assert plain(key).question.endswith("?")
    assert plain(key).broken.endswith(".")
