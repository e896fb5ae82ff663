"""Annotations of a job page: what failed, escaped, and no more than a forge shows."""

from __future__ import annotations

from pathlib import Path

import pytest
from banstorm.reports.annotations import CHARS_MAX, LINES_MAX, annotations_of
from banstorm.reports.result import Result
from synthetic import Story, judged, simulate

EXPECT = {"time_to_fail_over": "<= 250ms", "lost_calls": 0, "availability": ">= 50%"}


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """A run that breaks two of its three limits, the second of them first."""
    story = Story(rate=50, duration_s=8.0, at_s=2.0, until_s=4.0, fail_over_s=0.4, detect_s=0.5, expect=EXPECT)
    return judged(simulate(story), tmp_path_factory.mktemp("run"))


def test_a_pass_says_nothing(tmp_path: Path) -> None:
    """Where every limit held there is nothing to annotate."""
    assert annotations_of(judged(simulate(Story(rate=50, duration_s=8.0, at_s=2.0, until_s=4.0)), tmp_path)) == []


def test_each_broken_limit_is_an_error_and_the_first_to_break_comes_first(failed: Result) -> None:
    """Found against wanted, what would help, and with the first the command that repeats the run; no met limit."""
    first, second = annotations_of(failed)
    assert first == (
        "::error title=synthetic on simulated%3A lost_calls::How many calls got no right answer in time? 20, "
        "wanted none. To do: Leave anthropic sooner. This broke first. Repeat it: banstorm run synthetic --seed 7"
    )
    assert second.startswith("::error title=synthetic on simulated%3A time_to_fail_over::")
    assert "Repeat it" not in second


def test_a_run_that_proves_nothing_is_one_error(tmp_path: Path) -> None:
    """An inconclusive run ends the step with a code that is not 0; its annotation says why, and no limit is blamed."""
    ledger = simulate(Story(rate=50, duration_s=8.0, at_s=2.0, until_s=4.0, fail_over_s=0.4, detect_s=0.5))
    ledger.manifest["own_failures"] = ["injector was killed by signal 9"]
    (line,) = annotations_of(judged(ledger, tmp_path))
    assert line.startswith("::error title=synthetic on simulated%3A inconclusive::")
    assert "injector was killed by signal 9" in line


def test_a_router_that_left_is_one_error(tmp_path: Path) -> None:
    """No limit broke, the target exited: that is what failed."""
    ledger = simulate(Story(rate=50, duration_s=8.0, at_s=2.0, until_s=4.0))
    ledger.manifest["target_exit"] = {
        "code": 3,
        "signal": None,
        "at_ns": ledger.manifest["t0_ns"] + 10**9,
        "ours": False,
    }
    (line,) = annotations_of(judged(ledger, tmp_path))
    assert line.startswith("::error title=synthetic on simulated%3A fail::")
    assert "exited with code 3" in line


def test_a_router_that_left_is_what_failed_whatever_else_broke(tmp_path: Path) -> None:
    """Its end is the first error and has the command; the limits that broke with it are told, none of them as first."""
    story = Story(rate=50, duration_s=8.0, at_s=2.0, until_s=4.0, fail_over_s=0.4, detect_s=0.5, expect=EXPECT)
    ledger = simulate(story)
    at_ns = ledger.manifest["t0_ns"] + 10**9
    ledger.manifest["target_exit"] = {"code": 3, "signal": None, "at_ns": at_ns, "ours": False}
    gone, *limits = annotations_of(judged(ledger, tmp_path))
    assert gone.startswith("::error title=synthetic on simulated%3A fail::")
    assert "exited with code 3" in gone
    assert "Repeat it" in gone
    assert len(limits) == 2
    assert not any("broke first" in each or "Repeat it" in each for each in limits)


def test_what_others_said_starts_no_command_of_its_own(failed: Result) -> None:
    """Line ends, percent signs and the marks of a title are escaped, and a message has a limit."""
    hostile = "x\r\n::error title=forged::gone %0A" + "y" * 5000
    expectations = [each.model_copy(update={"note": hostile}) for each in failed.expectations]
    run = failed.run.model_copy(update={"target": "a:b,c\nd"})
    lines = annotations_of(failed.model_copy(update={"expectations": expectations, "run": run}))
    assert all("\n" not in each and "\r" not in each for each in lines)
    assert lines[0].startswith("::error title=synthetic on a%3Ab%2Cc%0Ad%3A lost_calls::")
    assert "x%0D%0A::error title=forged::gone %250A" in lines[0]
    assert max(map(len, lines)) < CHARS_MAX + 200


def test_there_are_never_more_than_a_forge_shows(failed: Result) -> None:
    """The last line says how many more are broken."""
    broken = failed.expectations[1]
    many = [broken.model_copy(update={"measure": f"{broken.measure}.{n}"}) for n in range(30)]
    lines = annotations_of(failed.model_copy(update={"expectations": [broken, *many]}))
    assert len(lines) == LINES_MAX
    assert lines[-1].endswith("::22 more limits are broken, see the report.")
