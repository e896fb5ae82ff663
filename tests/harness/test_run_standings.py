"""Whole runs of standings: money that is spent by the calls themselves, and a quota that nobody uses up."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from whole_run import folder, play, rows

pytestmark = [pytest.mark.lab, pytest.mark.alone]

SCENARIO = """\
version: 1
title: Spent
story: The first provider's balance runs dry; the second one's price doubles meanwhile.
source: made for this test
seed: 11
providers:
  anthropic: {dialect: anthropic, model: claude-sonnet-5, ttft: 20ms, tokens_per_second: 400}
  openai: {dialect: openai, model: gpt-5.4-mini, ttft: 20ms, tokens_per_second: 400}
load: {rate: 40/s, callers: 20, warmup: 500ms, duration: 4s, answer: 8 tokens, deadline: 4s,
       shapes: {text: 3, json: 1, tools: 1}}
timeline:
  - {at: 500ms, until: 3s, on: anthropic, standing: balance, with: {usd: 0.003}}
  - {at: 1s, until: 3s, on: openai, standing: price_changed, with: {factor: 2}}
MORE
expect:
  lost_calls: 0
  silent_losses: 0
"""


def _scenario(tmp_path: Path, more: str = "") -> Path:
    path = tmp_path / "spent.yaml"
    path.write_text(SCENARIO.replace("MORE\n", more), "utf-8")
    return path


@pytest.mark.parametrize("host", [[], ["--inline"]], ids=["mitmproxy", "inline"])
def test_what_is_spent_by_the_calls_themselves_is_gone(tmp_path: Path, host):
    """The ban comes when the bills of the ledger reach the balance, and the router lives through it."""
    done = play(tmp_path, _scenario(tmp_path), *host)
    assert done.returncode in {0, 3}, done.stdout + done.stderr  # a busy machine may be too late to prove it
    run = folder(tmp_path)
    tables = rows(run)
    windows = {row["entry"]: row for row in tables["faults"]}
    assert {"0:balance", "1:price_changed"} == windows.keys()
    assert all(row["bites"] for row in windows.values())
    attempts = sorted(tables["attempts"], key=lambda row: row["received_ns"])
    refused = [row for row in attempts if row["fault"] == "0:balance"]
    assert {400} == {row["status"] for row in refused}
    assert all("credit balance" in row["evidence"] for row in refused)
    usd = {row["attempt"]: row for row in tables["invoices"]}
    window = windows["0:balance"]
    spent = sum(
        usd[row["attempt"]]["usd"]
        for row in attempts
        if row["provider"] == "anthropic"
        and window["armed_ns"] <= usd[row["attempt"]]["at_ns"] <= window["disarmed_ns"]
    )
    assert spent >= 0.003  # and hardly more: only answers that were under way came after it
    assert all(usd[row["attempt"]]["usd"] == 0 for row in refused)
    dear = [usd[row["attempt"]] for row in attempts if row["fault"] == "1:price_changed"]
    doubled = [(0.75 * row["input_tokens"] + 4.5 * row["produced_tokens"]) * 2 / 1e6 for row in dear]
    assert [row["usd"] for row in dear if row["at_ns"] < windows["1:price_changed"]["disarmed_ns"]] == pytest.approx(
        doubled[: sum(row["at_ns"] < windows["1:price_changed"]["disarmed_ns"] for row in dear)]
    )
    report = json.loads((run / "report.json").read_text("utf-8"))
    assert {"0:balance bit": True, "1:price_changed bit": True} == {
        check["name"]: check["ok"] for check in report["checks"] if check["name"].endswith(" bit")
    }
    assert 0 == report["outcomes"][0]["silent"]
    assert {"ok"} == {each["outcome"] for each in report["outcomes"]}


def test_a_quota_that_nobody_uses_up_proves_nothing(tmp_path: Path):
    """All went well, and the run is inconclusive: it says which entry was never met."""
    quota = "  - {at: 1s, until: 3s, on: openai, standing: quota, with: {requests_per_minute: 100000}}\n"
    done = play(tmp_path, _scenario(tmp_path, quota))
    assert 3 == done.returncode, done.stdout + done.stderr
    assert "2:quota bit" in done.stdout
    assert "INCONCLUSIVE" in done.stdout
