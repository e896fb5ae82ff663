"""A whole run whose provider refuses connections: nothing of it shows on the wire, and yet it is proved."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent

import pytest
from whole_run import folder, play

SCENARIO = """\
    version: 1
    title: A provider that is gone
    story: Nobody listens for two seconds.
    source: made for this test
    seed: 11
    providers:
      anthropic: {dialect: anthropic, model: claude-sonnet-5, ttft: 20ms, tokens_per_second: 400}
      openai: {dialect: openai, model: gpt-5.4-mini, ttft: 20ms, tokens_per_second: 400}
    load: {rate: 20/s, callers: 5, warmup: 500ms, duration: 4s, answer: 8 tokens, deadline: 4s}
    timeline:
      - {at: 1s, until: 3s, on: anthropic, fault: connection_refused}
    expect: {silent_losses: 0}
"""


@pytest.mark.lab
@pytest.mark.alone
@pytest.mark.parametrize("arguments", [[], ["--inline"]], ids=["mitmproxy", "inline"])
def test_a_refused_provider_is_proved_by_canaries(tmp_path: Path, arguments: list[str]):
    """Our own connections were refused inside the window and taken behind it; the report finds that the entry bit."""
    path = tmp_path / "gone.yaml"
    path.write_text(dedent(SCENARIO))
    ended = play(tmp_path, path, *arguments)
    assert ended.returncode in {0, 1, 3}, ended.stderr
    run = json.loads((folder(tmp_path) / "run.json").read_text())
    assert [] == run["own_failures"]
    begin_ns, end_ns = run["t0_ns"] + 1_000_000_000, run["t0_ns"] + 3_000_000_000
    proofs = [each for each in run["canaries"] if each["entry"] == "0:connection_refused"]
    assert {("anthropic", "refused", "refused")} == {
        (each["provider"], each["found"], each["wanted"]) for each in proofs
    }
    assert all(begin_ns <= each["at_ns"] < end_ns for each in proofs)
    after = run["canaries"][-1]
    assert (None, "connected") == (after["entry"], after["found"])
    report = json.loads((folder(tmp_path) / "report.json").read_text())
    (check,) = [each for each in report["checks"] if each["name"] == "0:connection_refused bit"]
    assert check["ok"]
