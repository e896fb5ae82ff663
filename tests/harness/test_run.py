"""A whole run that passes, in each host: what it leaves behind, and how its witnesses join.

What is asserted is the exit code, the verdict and the ledger, never how long anything took.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import whole_run

pytestmark = [pytest.mark.lab, pytest.mark.alone]


@pytest.fixture(scope="module", params=["mitmproxy", "inline"])
def passed(request, tmp_path_factory) -> tuple[subprocess.CompletedProcess[str], Path]:
    """A run that passes, in each host."""
    tmp_path = tmp_path_factory.mktemp(request.param)
    inline = ["--inline"] if request.param == "inline" else []
    return whole_run.play(tmp_path, whole_run.scenario(tmp_path), *inline), whole_run.folder(tmp_path)


def test_the_reference_router_passes(passed):
    """The last lines are the verdict, the report's path, and the command that repeats the run."""
    done, folder = passed
    assert 0 == done.returncode, done.stdout + done.stderr
    *_, report, again = done.stdout.strip().splitlines()
    assert "PASS" in done.stdout
    assert f"report: {folder / 'report.html'}" == report
    assert again.startswith("again:  banstorm run ")
    assert "--seed 11" in again
    assert {"report.html", "report.json", "summary.md", "junit.xml", "run.json"} <= {
        path.name for path in folder.iterdir()
    }


def test_every_call_due_is_accounted_for(passed):
    """Each scheduled call has exactly one row of what its caller got, and no other call has one."""
    rows = whole_run.rows(passed[1])
    due = {row["call"] for row in rows["schedule"]}
    assert 150 < len(due)
    assert Counter(due) == Counter(row["call"] for row in rows["calls"])
    assert {"ok"} == {row["outcome"] for row in rows["calls"]}


def test_every_attempt_that_reached_a_fake_has_one_invoice(passed):
    """Attempts and invoices match one to one; attempts that a fault answered have none."""
    rows = whole_run.rows(passed[1])
    attempts = {row["attempt"]: row for row in rows["attempts"]}
    assert len(attempts) == len(rows["attempts"])
    reached = [row["attempt"] for row in rows["attempts"] if row["reached"]]
    assert Counter(reached) == Counter(row["attempt"] for row in rows["invoices"])
    refused = [row for row in rows["attempts"] if not row["reached"]]
    assert {"0:org_disabled"} == {row["fault"] for row in refused}
    assert {400} == {row["status"] for row in refused}


def test_every_good_call_joins_the_attempt_that_answered_it(passed):
    """The provider that the words name made an attempt for that call, and was paid for as many tokens as arrived."""
    rows = whole_run.rows(passed[1])
    invoices = {row["attempt"]: row for row in rows["invoices"]}
    answered = {
        (row["call"], row["provider"]): row for row in rows["attempts"] if row["status"] == 200 and row["reached"]
    }
    for call in rows["calls"]:
        attempt = answered[call["call"], call["provider"]]
        assert 8 == call["places"] == attempt["delivered_tokens"]
        assert invoices[attempt["attempt"]]["produced_tokens"] >= 8
    due = {row["call"] for row in rows["schedule"]}
    readiness = {row["call"] for row in rows["attempts"]} - due
    assert all(call is not None and call >= 900_000_000 for call in readiness)


def test_the_fault_s_window_and_bites_are_on_record(passed):
    """The window says when it was declared, when it really bit, and how often."""
    (window,) = whole_run.rows(passed[1])["faults"]
    bites = [row for row in whole_run.rows(passed[1])["attempts"] if row["fault"]]
    assert len(bites) == window["bites"] > 0
    assert all(window["declared_from_ns"] <= row["received_ns"] < window["declared_until_ns"] for row in bites)


def test_the_processes_were_sampled(passed):
    """CPU, memory and loop lag of every process of ours are in the ledger, and the router's own metrics."""
    samples = {(row["process"], row["name"]) for row in whole_run.rows(passed[1])["samples"]}
    processes = {process for process, name in samples if name == "cpu_share"}
    assert {"fakes", "load", "target"} <= processes
    lagging = {process for process, name in samples if name == "loop_lag_seconds"}
    assert lagging == processes - {"target", "machine"}  # a loop is ours
    assert ("target", "llm_requests_total") in samples


def test_the_report_can_be_made_again_from_the_folder_alone(passed, tmp_path):
    """`banstorm report` judges a copy of the folder as the run did."""
    done, folder = passed
    copy = tmp_path / "moved"
    subprocess.run(["cp", "-r", folder, copy], check=True)
    (copy / "report.html").unlink()
    again = subprocess.run(
        [sys.executable, "-P", "-m", "banstorm.harness.cli", "report", str(copy), "--no-charts"],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == again.returncode
    assert (copy / "report.html").is_file()
