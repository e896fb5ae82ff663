"""A folder of runs over time: the newest verdict, for how long it has stood, and what changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from banstorm.reports import trends
from banstorm.reports.comparison import Change
from banstorm.reports.gather import Gathered, LeftOut
from banstorm.reports.result import Verdict
from banstorm.reports.trends import RUNS_SHOWN_MAX, TrendOut, changes, history, standing
from banstorm.reports.trends_html import HEIGHT, WIDTH, place
from banstorm.reports.trends_words import blocks, markdown, spoken, strip, text, verdict
from banstorm.scenarios.expectation import Unit
from hypothesis import given
from hypothesis import strategies as st
from recorded_runs import found, side

P, F, N = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("verdicts", "runs"), [([P], 1), ([P, P], 2), ([P, F], 1), ([F, P, P], 2), ([P, N, P], 1), ([F, F, F, F], 4)]
)
def test_for_how_many_runs_the_newest_verdict_has_stood(verdicts: list[Verdict], runs: int) -> None:
    """Counted back to the last other one."""
    assert runs == standing(verdicts)


def line(*verdicts: str, **more: Any) -> Any:
    """The line of runs that came to these verdicts."""
    (only,) = history(
        side(*(found(1, each, started=f"2026-01-{k:02}", **more) for k, each in enumerate(verdicts)))
    ).lines
    return only


@pytest.mark.parametrize(
    ("verdicts", "said", "signs"),
    [
        (["pass"], "pass", "✓"),
        (["pass", "pass"], "pass, always", "✓✓"),
        (["pass", "fail"], "fail, new", "✓✗"),
        (["fail", "pass", "pass"], "pass for 2 runs", "✗✓✓"),
        (["pass", "inconclusive"], "inconclusive, new", "✓?"),
    ],
)
def test_a_verdict_is_told_with_how_long_it_has_stood(verdicts: list[str], said: str, signs: str) -> None:
    """In words, and as a strip with a sign a run."""
    assert (said, signs) == (verdict(line(*verdicts)), strip(line(*verdicts)))


def test_each_scenario_and_target_has_a_line_fails_first() -> None:
    """What has to be looked at stands at the top."""
    runs = side(
        found(1, "pass", scenario="hang"),
        found(1, "fail", scenario="sudden_ban", target="portkey"),
        found(1, "inconclusive", scenario="sudden_ban", target="litellm"),
    )
    assert [("sudden_ban", "portkey"), ("sudden_ban", "litellm"), ("hang", "reference")] == [
        (each.scenario, each.target) for each in history(runs).lines
    ]


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ({}, {}, []),
        ({}, {"verdict": "fail"}, ["verdict: pass → fail", "broke first: lost_calls"]),
        ({"banstorm": "0.1.0"}, {"banstorm": "0.2.0"}, ["banstorm: 0.1.0 → 0.2.0"]),
        ({"target_detail": "1.0"}, {"target_detail": "1.1"}, ["target: 1.0 → 1.1"]),
        ({}, {"tolerance": "10%"}, ["tolerance: none → 10%"]),
        ({"seed": 1}, {"seed": 2}, ["seed: 1 → 2"]),
        ({"measures": {"lost_calls": 0.0}}, {"measures": {"lost_calls": 4.0}}, ["lost_calls: 0 → 4, worse"]),
        (
            {"measures": {"time_to_fail_over": 0.1}},
            {"measures": {"time_to_fail_over": (3.0, "≥")}},
            ["time_to_fail_over: 100ms → ≥ 3s, worse"],
        ),
        ({"measures": {"outage": 0.0}}, {"measures": {"outage": 4.0}}, []),  # no limit of the scenario's
        ({"scenario_text": {"load": 1}}, {"scenario_text": {"load": 2}}, ["the scenario itself: load"]),
    ],
)
def test_what_changed_since_the_run_before(before: Any, after: Any, told: list[str]) -> None:
    """The verdict, what broke first, what was run, and the measures with a limit."""
    assert told == changes(found(**before), found(**after))


def test_the_newest_runs_are_told_of_many() -> None:
    """But all of them are counted."""
    many = line(*["pass"] * (RUNS_SHOWN_MAX + 5))
    assert (RUNS_SHOWN_MAX + 5, RUNS_SHOWN_MAX) == (many.runs, len(many.points))
    assert "pass, always" == verdict(many)


def test_of_many_lines_the_worst_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """And how many were not is said."""
    monkeypatch.setattr(trends, "LINES_MAX", 1)
    told = history(side(found(1, "pass", scenario="hang"), found(1, "fail")))
    assert ["sudden_ban"] == [each.scenario for each in told.lines]
    assert ["1 more scenarios and targets: 1 are told"] == told.left_out


def trend(values: list[float | None], unseen: list[bool] | None = None) -> TrendOut:
    """A trend of these values."""
    return TrendOut(
        measure="outage",
        unit=Unit.SECONDS,
        smaller_is_better=True,
        values=values,
        unseen=unseen or [False] * len(values),
        change=Change.UNKNOWN,
    )


@pytest.mark.parametrize(
    ("values", "unseen", "drawn", "said"),
    [
        ([0.0, 0.0], [False, False], "▁▁", "0ms"),
        ([0.0, 1.0, 2.0], [False] * 3, "▁▅█", "2s"),
        ([5.0, 5.0], [False, False], "██", "5s"),
        ([None, 1.0], [False, False], "·█", "1s"),
        ([1.0, None], [False, False], "█·", "–"),
        ([1.0, 9.0], [False, True], "▁↑", "≥ 9s"),
        ([-1.0, 1.0], [False, False], "▁█", "1s"),
    ],
)
def test_values_as_blocks(values: list[Any], unseen: list[bool], drawn: str, said: str) -> None:
    """From 0 up: what did not change does not look like a change; an end that was not seen points upwards."""
    assert (drawn, said) == (blocks(trend(values, unseen)), spoken(trend(values, unseen)))


@given(st.lists(st.one_of(st.none(), st.floats(-1e9, 1e9)), min_size=1, max_size=60))
def test_every_point_of_a_drawn_line_is_inside(values: list[float | None]) -> None:
    """The larger the value, the higher it stands, and the later it is, the further right."""
    points = place(values)
    known = [(value, at) for value, at in zip(values, points, strict=True) if value is not None]
    assert [each is None for each in values] == [each is None for each in points]
    for value, at in known:
        assert at is not None
        assert 0 <= at[0] <= WIDTH
        assert 0 <= at[1] <= HEIGHT
        assert all(other is not None and (each <= value or other[1] <= at[1]) for each, other in known)


def test_the_text_and_the_markdown_name_what_was_left_out() -> None:
    """And what a target is called can do nothing to the table."""
    runs = [found(1, "fail", {"lost_calls": 3.0}, target="<b>|x")]
    gathered = Gathered(Path("runs"), runs, [LeftOut("torn", "report.json is not JSON")])
    told = history(gathered)
    assert "left out: torn: report.json is not JSON" in text(told)
    assert "lost_calls  █  3" in text(told)
    assert "&lt;b&gt;\\|x" in markdown(told)
    assert "<b>" not in markdown(told)
    assert "- torn: report.json is not JSON" in markdown(told)
