"""The user's own terms on the command line, and what `banstorm report` makes of them and of a damaged folder."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from banstorm.harness.errors import HarnessError
from banstorm.harness.terms import parse_volume, terms, told
from banstorm.reports.render import report
from banstorm.reports.terms import Terms
from synthetic import Ledger, Story, simulate


@pytest.mark.parametrize(
    ("text", "calls"),
    [("2M/day", 2e6), ("1.5k/h", 36_000), ("60/s", 5_184_000), ("10/m", 14_400), ("30M/month", 1e6), ("1G / day", 1e9)],
)
def test_a_volume_is_calls_a_day(text: str, calls: float):
    """Of any unit that people write it in."""
    assert pytest.approx(calls) == parse_volume(text)


@pytest.mark.parametrize(
    ("slo", "volume", "outage", "where"),
    [
        ("100%", None, None, "--slo"),
        ("0%", None, None, "--slo"),
        ("often", None, None, "--slo"),
        (None, "2M", None, "--volume"),
        (None, "0/day", None, "--volume"),
        (None, "9999G/day", None, "--volume"),
        (None, None, "4", "--outage"),
        (None, None, "0s", "--outage"),
    ],
)
def test_a_term_that_is_none_is_told_in_three_lines(slo, volume, outage, where: str):
    """What, which option, and how to write it."""
    with pytest.raises(HarnessError) as caught:
        terms(slo, volume, outage)
    assert where == caught.value.where
    assert caught.value.advice.startswith("write it like ")


def test_terms_are_read():
    """All three, or what is given of them."""
    assert Terms(0.995, 2e6, 14_400.0) == terms("99.5%", "2M/day", "4h")
    assert Terms() == terms(None, None, None)


@pytest.fixture
def ledger() -> Ledger:
    """A run with a loss, whose money and budget the terms change."""
    return simulate(Story(rate=50, duration_s=8.0, at_s=2.0, until_s=4.0, fail_over_s=0.1))


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """`banstorm report` in a process of its own."""
    code = "from banstorm.harness.cli import main; main()"
    command = [sys.executable, "-P", "-c", code, "report", "--no-charts", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_report_is_told_in_the_users_terms(ledger: Ledger, tmp_path: Path):
    """Objective, volume and outage reach the error budget and the projection; run.json is left as it was."""
    folder = ledger.write(tmp_path / "run")
    before = (folder / "run.json").read_bytes()
    done = run(str(folder), "--slo", "99%", "--volume", "2M/day", "--outage", "4h")
    assert (1, "") == (done.returncode, done.stderr)
    result = json.loads((folder / "report.json").read_text())
    (budget,) = next(each for each in result["findings"] if each["key"] == "budget_spent")["values"]
    assert pytest.approx(5 / (0.01 * 60e6)) == budget["value"]
    (projection,) = result["money"]["projections"]
    assert (2e6, 14_400.0) == (projection["volume_per_day"], projection["outage_s"])
    assert before == (folder / "run.json").read_bytes()


def test_a_run_with_terms_is_told_as_report_tells_it_in_the_same_terms(ledger: Ledger, tmp_path: Path):
    """Whether `run` was given them, so that run.json has them, or `report` afterwards: all findings and all money."""
    words = told("99%", "2M/day", "4h")
    later = report(ledger.write(tmp_path / "later" / "run"), charts=False, terms=words.terms)
    ledger.manifest |= words.document
    at_once = report(ledger.write(tmp_path / "at_once" / "run"), charts=False)
    assert later.model_dump(mode="json") == at_once.model_dump(mode="json")
    assert at_once.money is not None
    assert (2e6, 14_400.0) == (at_once.money.projections[0].volume_per_day, at_once.money.projections[0].outage_s)


def test_a_damaged_folder_keeps_the_report_from_before(ledger: Ledger, tmp_path: Path):
    """Nothing is overwritten without --force; with it, what can be said is said and the rest is named."""
    folder = ledger.write(tmp_path / "run")
    assert 1 == run(str(folder)).returncode
    kept = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.suffix != ".ndjson"}
    path = folder / "ledger" / "load.ndjson"
    path.write_bytes(path.read_bytes()[:-200])
    refused = run(str(folder))
    assert 2 == refused.returncode
    assert 3 == len(refused.stderr.strip().splitlines())
    assert "--force" in refused.stderr
    assert kept == {each: each.read_bytes() for each in kept}
    assert 3 == run(str(folder), "--force").returncode
    result = json.loads((folder / "report.json").read_text())
    assert "inconclusive" == result["verdict"]
    assert any("load.ndjson line" in each["where"] for each in result["damage"])
