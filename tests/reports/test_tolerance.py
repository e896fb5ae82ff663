"""A tolerance is read with its units, loosens the limits it is meant for, and is never silent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from banstorm.reports.errors import UnreadableRunError
from banstorm.reports.manifest import read_manifest
from banstorm.reports.render import report
from banstorm.reports.result import Result, State, Verdict
from banstorm.reports.tolerance import Tolerance, parse_tolerance
from banstorm.reports.writers import html, junit, markdown
from banstorm.scenarios.expectation import parse_expectation
from hypothesis import given
from hypothesis import strategies as st
from synthetic import Story, simulate


@pytest.mark.parametrize(
    ("text", "key", "amounts"),
    [
        ("", "outage", []),
        ("10%", "outage", ["10%"]),
        ("10%, 50ms", "outage", ["10%", "50ms"]),
        ("10%,50ms", "lost_calls", ["10%"]),  # 50 ms are no number of calls
        ("10%,lost_calls=2", "lost_calls", ["2"]),  # what is named replaces what is general
        ("10%,lost_calls=2", "outage", ["10%"]),
        ("lost_calls=2,lost_calls=1%", "lost_calls", ["2", "1%"]),
        ("switch_gap=20ms", "switch_gap.p95", ["20ms"]),
        ("switch_gap=20ms,switch_gap.max=1s", "switch_gap.max", ["1s"]),
        ("wasted=$0.01", "wasted", ["$0.01"]),
        ("cost_increase=0.5x", "cost_increase", ["0.5x"]),
        ("probe_rate=2/s", "probe_rate", ["2/s"]),
    ],
)
def test_which_amounts_hold_for_a_measure(text: str, key: str, amounts: list[str]) -> None:
    """A measure's own amounts, else those for all that fit its units."""
    assert amounts == [each.text for each in parse_tolerance(text).amounts(key)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2", "name one, such as lost_calls=2"),
        ("3x", "name one"),
        ("much", "'much' is no tolerance"),
        ("lost_calls=", "'' is no tolerance"),
        ("lost_cals=2", "did you mean 'lost_calls'?"),
        ("lost_calls=100ms", "lost_calls, which is in number or share"),
        ("outage<=1s", "there is no measure 'outage<'"),
        ("<= 3x", "there is no measure '<'"),
        (">3x", "is a limit, no tolerance"),
        ("-5%", "'-5%' is no tolerance"),
        ("10%," * 400, "at most 1000 are read"),
    ],
)
def test_what_is_no_tolerance_is_refused(text: str, words: str) -> None:
    """The message says which part, and what to write."""
    with pytest.raises(ValueError, match=r".") as caught:
        parse_tolerance(text)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("limit", "tolerance", "found", "wanted"),
    [
        ("<= 250ms", "10%", 0.3, ["<= 275ms"]),
        ("<= 250ms", "10%,100ms", 0.3, ["<= 275ms", "<= 350ms"]),
        ("< 250ms", "50ms", 0.3, ["< 300ms"]),
        (">= 1s", "10%", 0.3, [">= 900ms"]),
        ("== 1s", "10%", 1.05, ["<= 1.1s"]),
        ("== 1s", "10%", 0.95, [">= 900ms"]),  # neither way further than the tolerance
    ],
)
def test_a_limit_is_loosened_by_what_is_tolerated(limit: str, tolerance: str, found: float, wanted: list[str]) -> None:
    """Upwards, downwards, or both ways, by what the limit is."""
    expectation = parse_expectation("outage", limit)
    loosened = parse_tolerance(tolerance).loosened(expectation, {expectation.unit: found})
    assert wanted == [each.wanted for each in loosened]


@pytest.mark.parametrize(
    ("limit", "tolerance", "wanted", "fits"),
    [
        ("0", "lost_calls=2", ["<= 2"], True),
        ("0", "lost_calls=1%", ["<= 1%"], True),  # no call is 0 % of the calls
        ("<= 3", "lost_calls=1%", [], False),
        ("<= 3", "lost_calls=1%,lost_calls=1", ["<= 4"], True),
        ("<= 1%", "lost_calls=1%", ["<= 2%"], True),  # points of the share that the measure is
        ("0", "10%", ["<= 0"], True),
    ],
)
def test_a_count_may_be_tolerated_as_a_share_where_none_was_wanted(
    limit: str, tolerance: str, wanted: list[str], fits: Any
) -> None:
    """Elsewhere the unit is the limit's own, and what does not fit is told."""
    expectation, parsed = parse_expectation("lost_calls", limit), parse_tolerance(tolerance)
    found = {"number": 1.0, "share": 0.001}
    assert wanted == [each.wanted for each in parsed.loosened(expectation, found)]  # type: ignore[arg-type]
    assert fits is (parsed.misfit(expectation) is None)


@given(st.floats(0, 1e6), st.floats(0, 1), st.floats(0, 1e6), st.sampled_from(["<=", "<", ">=", ">", "=="]))
def test_a_tolerance_never_makes_a_limit_stricter(limit: float, share: float, found: float, op: str) -> None:
    """What a limit accepts, the loosened one accepts."""
    wanted = parse_expectation("outage", "1s").model_copy(update={"op": op, "limit": limit})
    for each in parse_tolerance(f"{share * 100:f}%,1s").loosened(wanted, {wanted.unit: found}):
        assert each.holds(found) or not wanted.holds(found)


def judged(tmp_path: Path, tolerance: str, **more: Any) -> Result:
    """The report of a run that loses a few calls, judged with a tolerance that its run.json has."""
    ledger = simulate(Story(rate=50, duration_s=8.0, at_s=2.0, until_s=4.0, **more))
    ledger.manifest["tolerance"] = tolerance
    return report(ledger.write(tmp_path / "run"), charts=False)


@pytest.mark.parametrize(
    ("tolerance", "verdict", "state", "tolerated"),
    [
        ("", Verdict.FAIL, State.BROKEN, False),
        ("50%", Verdict.FAIL, State.BROKEN, False),  # half of none
        ("lost_calls=4", Verdict.FAIL, State.BROKEN, False),
        ("lost_calls=5", Verdict.PASS, State.MET, True),
        ("lost_calls=1%", Verdict.FAIL, State.BROKEN, False),
        ("lost_calls=1.25%", Verdict.PASS, State.MET, True),
        ("lost_calls=1,lost_calls=2%", Verdict.PASS, State.MET, True),
    ],
)
def test_a_verdict_with_a_tolerance(
    tolerance: str, verdict: Verdict, state: State, tolerated: Any, tmp_path: Path
) -> None:
    """5 of 400 calls are lost and none was wanted: the run passes where that is tolerated, and says so."""
    result = judged(tmp_path, tolerance, fail_over_s=0.1, expect={"lost_calls": 0})
    (only,) = result.expectations
    assert (verdict, state, tolerated) == (result.verdict, only.state, only.tolerated)
    assert tolerance == result.run.tolerance
    assert tolerated is ("Tolerated: lost_calls 5, wanted == 0" in result.sentence)


def test_what_was_tolerated_stands_on_every_page(tmp_path: Path) -> None:
    """The summary, the page and the JUnit file of a pass say that a limit was met only within the tolerance."""
    result = judged(tmp_path, "lost_calls=5", fail_over_s=0.1, expect={"lost_calls": 0, "outage": "<= 5s"})
    assert [True, False] == [each.tolerated for each in result.expectations]
    for text in (markdown.render(result), html.render(result), junit.render(result)):
        plain = text.replace("\\_", "_").replace("&lt;", "<").replace("\\u003c", "<").replace("&gt;", ">")
        assert "only within the tolerance" in plain.replace("\\u003e", ">")
    assert 1 == markdown.render(result).count("| ✅ met, tolerated |")


def test_what_is_broken_beyond_the_tolerance_broke_when_it_passed_that(tmp_path: Path) -> None:
    """The third lost call breaks a limit of none with a tolerance of two."""
    strict = judged(tmp_path / "a", "", fail_over_s=0.1, expect={"lost_calls": 0})
    loose = judged(tmp_path / "b", "lost_calls=2", fail_over_s=0.1, expect={"lost_calls": 0})
    assert strict.expectations[0].certain_s is not None
    assert loose.expectations[0].certain_s == pytest.approx(strict.expectations[0].certain_s + 0.04)


def test_a_tolerance_that_loosens_nothing_is_told(tmp_path: Path) -> None:
    """A measure that the scenario has no limit for, named by mistake, stands among the run's warnings."""
    result = judged(tmp_path, "10%,outage=1s,switch_gap=1s", expect={"lost_calls": 0, "switch_gap": {"max": "<= 1s"}})
    assert ["the tolerance for outage loosens nothing: the scenario has no limit for it"] == result.run.warnings


def test_a_tolerance_that_can_not_be_read_is_named(tmp_path: Path) -> None:
    """A run.json that somebody wrote into is refused rather than judged otherwise than it says."""
    ledger = simulate(Story(rate=20, duration_s=2.0, at_s=0.5, until_s=1.0))
    ledger.manifest["tolerance"] = "lots"
    folder = ledger.write(tmp_path / "run")
    assert "lots" == json.loads((folder / "run.json").read_text())["tolerance"]
    with pytest.raises(UnreadableRunError, match="'lots' is no tolerance"):
        read_manifest(folder)


def test_none_is_no_tolerance() -> None:
    """It is false, and loosens nothing."""
    assert not Tolerance()
    assert [] == list(Tolerance().loosened(parse_expectation("outage", "<= 1s"), {}))
