"""A target that others kept from working is not blamed for its delays; for anything else it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from banstorm.reports.advice import advice
from banstorm.reports.result import Result, Verdict
from synthetic import Ledger, Story, judged, ns, simulate

LONG = {"rate": 50, "duration_s": 8.0, "at_s": 2.0, "until_s": 4.0}
LATE = {"fail_over_s": 0.4, "detect_s": 0.5}
IN_TIME = {"time_to_fail_over": "<= 250ms"}


def run(
    tmp_path: Path, *, expect: dict[str, Any] | None = None, cpu: tuple[float, float, float], **story: Any
) -> Result:
    """A run whose target worked, waited, and whose machine worked so many CPUs, from its begin to its end."""
    ledger = simulate(Story(**{**LONG, **LATE, "expect": expect or IN_TIME, **story}))
    sample(ledger, *cpu)
    return judged(ledger, tmp_path)


def sample(ledger: Ledger, worked: float, waited: float, machine: float, until_s: float = 8.0) -> None:
    """The samples that the harness takes, every 0.5 s, in its order."""
    told = [("target", "cpu_share", worked), ("machine", "cpu_share", machine), ("target", "cpu_waiting_share", waited)]
    for step in range(round(until_s * 2) + 1):
        for number, (process, name, value) in enumerate(told):
            at_ns = ns(step / 2) + number
            row = {"at_ns": at_ns, "process": process, "name": name, "labels": {}, "value": value}
            ledger.tables["samples"].append(row)


def short(result: Result) -> list[str]:
    """Names of the checks that fell short."""
    return [each.name for each in result.checks if not each.ok and "CPU it asked for" in each.name]


@pytest.mark.parametrize(
    ("cpu", "verdict"),
    [
        ((0.4, 0.0, 1.9), Verdict.FAIL),  # it had all that it asked for
        ((0.4, 0.15, 1.9), Verdict.FAIL),  # 27 % of it was denied: less than a third
        ((0.4, 0.3, 1.9), Verdict.INCONCLUSIVE),  # 43 %
        ((0.02, 0.08, 1.9), Verdict.FAIL),  # 80 %, but of next to nothing
        ((1.9, 9.0, 2.0), Verdict.FAIL),  # its threads wait for one another: nobody else works
        ((0.9, 9.0, 2.0), Verdict.INCONCLUSIVE),  # others work as much as it does
    ],
)
def test_a_starved_target_is_not_blamed_for_its_delays(cpu, verdict, tmp_path: Path):
    """Worked, waited, the machine's work, in CPUs: only what others took counts, and only if it was a lot."""
    assert verdict is run(tmp_path, cpu=cpu).verdict


STARVED = (0.3, 0.6, 1.9)


@pytest.mark.parametrize(
    ("expect", "story", "verdict"),
    [
        (IN_TIME, {}, Verdict.INCONCLUSIVE),
        ({"lost_calls": 0}, {}, Verdict.FAIL),  # the errors were passed on, not late
        (IN_TIME | {"lost_calls": 0}, {}, Verdict.FAIL),  # one of the two is no matter of time
        ({"lost_calls": 0}, {"lost_outcome": "late", "lost_status": 200}, Verdict.INCONCLUSIVE),
        ({"lost_calls": 0}, {"lost_outcome": "hung", "lost_status": 200}, Verdict.INCONCLUSIVE),
        (IN_TIME, {"fail_over_s": 0.0, "detect_s": 0.1}, Verdict.PASS),
    ],
)
def test_only_what_slowness_can_break_is_excused(expect, story, verdict, tmp_path: Path):
    """A time limit, and calls that came too late; a pass stays one."""
    assert verdict is run(tmp_path, expect=expect, cpu=STARVED, **story).verdict


def test_an_attempt_given_up_may_be_a_matter_of_time(tmp_path: Path):
    """A router that cuts its attempts short makes errors out of slowness."""
    ledger = simulate(Story(**LONG, **LATE, expect={"lost_calls": 0}))
    sample(ledger, *STARVED)
    ledger.tables["attempts"][120]["ended_by"] = "router"
    assert Verdict.INCONCLUSIVE is judged(ledger, tmp_path).verdict


def test_it_is_told_where_it_starved_and_what_to_do(tmp_path: Path):
    """A check a phase that was sampled, in its scope, with what was used and waited for."""
    ledger = simulate(Story(**LONG, **LATE, expect=IN_TIME))
    sample(ledger, *STARVED, until_s=1.5)
    result = judged(ledger, tmp_path)
    assert ["target had the CPU it asked for, baseline"] == short(result)
    check = next(each for each in result.checks if each.name in short(result))
    assert "67% of it was taken by others (0.30 CPUs used, 0.60 waited for)" == check.found
    assert ("baseline", "evidence") == (check.scope, check.kind)
    assert "quieter machine" in advice(result)[0].title


def test_a_ledger_without_such_samples_is_judged_as_ever(tmp_path: Path):
    """A router that banstorm did not start, another kernel, an older run: no check, and no excuse."""
    result = judged(simulate(Story(**LONG, **LATE, expect=IN_TIME)), tmp_path)
    assert Verdict.FAIL is result.verdict
    assert not [each for each in result.checks if "CPU" in each.name]
