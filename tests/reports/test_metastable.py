"""Metastability: not recovered although the fault is over, and long enough watched to say so."""

from __future__ import annotations

from pathlib import Path

import pytest
from synthetic import Ledger, Story, found, judged
from told import Told, run_of, steady

STORY = Story(rate=20, duration_s=40.0, at_s=2.0, until_s=4.0, expect={"metastable": 0})


def ban(*after: Told, until_s: float = 40.0) -> Ledger:
    """A ban of 2 s, then these calls."""
    bitten = [
        Told(
            2 + n / 20, 2.02 + n / 20, None, "error", 502, attempts=[("anthropic", 2.002 + n / 20, 2.01 + n / 20, True)]
        )
        for n in range(40)
    ]
    story = Story(rate=20, duration_s=until_s, at_s=2.0, until_s=4.0, expect={"metastable": 0})
    return run_of(story, [*steady(0, 2, 0.05), *bitten, *after])


def dead(until_s: float) -> list[Told]:
    """Lost calls, two attempts each, from the ban's end on."""
    found_calls = []
    for n in range(round((until_s - 4) * 20)):
        due = 4 + n / 20
        attempts = [("anthropic", due + 0.001, due + 0.01, False), ("anthropic", due + 0.02, due + 0.03, False)]
        found_calls.append(Told(due, due + 0.04, None, "error", 503, attempts=attempts))
    return found_calls


def test_a_router_that_stays_down_for_30_s_is_metastable(tmp_path: Path) -> None:
    """36 s after the ban every call is still lost, with two attempts each: the expectation is broken."""
    result = judged(ban(*dead(40)), tmp_path)
    each = found(result, "metastable")
    assert each.value == 1
    assert "2 attempts a call" in (each.reason or "")
    assert (each.rows.total if each.rows else 0) == 720
    assert result.expectations[0].state == "broken"


def test_less_load_than_30_s_can_not_tell(tmp_path: Path) -> None:
    """With 20 s of bad calls it may yet recover: no value, the expectation is undecided, and why."""
    result = judged(ban(*dead(24), until_s=24), tmp_path)
    each = found(result, "metastable")
    assert each.value is None
    assert each.reason == "not recovered in the 20s of load that followed; to call it metastable needs 30s"
    assert result.expectations[0].state == "unknown"


@pytest.mark.parametrize("down_until", [4.0, 12.0])
def test_a_router_that_recovers_is_not(tmp_path: Path, down_until: float) -> None:
    """At once, or after 8 s: slow is not metastable."""
    result = judged(ban(*dead(down_until), *steady(down_until, 40, 0.05)), tmp_path)
    assert found(result, "metastable").value == 0
    assert result.expectations[0].state == "met"


def test_without_a_baseline_nobody_knows(tmp_path: Path) -> None:
    """What recovered means is told by the baseline."""
    story = Story(rate=20, duration_s=40.0, at_s=0.5, until_s=4.0)
    calls = [*steady(0, 0.5, 0.05), Told(0.5, 0.52, None, "error", 502, attempts=[("anthropic", 0.502, 0.51, True)])]
    result = judged(run_of(story, [*calls, *steady(0.55, 40, 0.05)]), tmp_path)
    each = found(result, "metastable")
    assert (each.value, each.reason) == (None, "the baseline has 10 good calls, needs 20")
