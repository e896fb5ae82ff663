"""Plays whole runs for the tests beside it: real processes from the callers to the fakes, in a few seconds."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

SCENARIO = """\
version: 1
title: A short ban
story: The first provider is disabled for a second and a half.
source: made for this test
seed: 11
providers:
  anthropic: {{dialect: anthropic, model: claude-sonnet-5, ttft: 20ms, tokens_per_second: 400}}
  openai: {{dialect: openai, model: gpt-5.4-mini, ttft: 20ms, tokens_per_second: 400}}
load: {{rate: 40/s, callers: 20, warmup: 500ms, duration: {duration}, answer: 8 tokens, deadline: 4s,
       shapes: {{text: 3, json: 1, tools: 1}}}}
timeline:
  - {{at: {at}, until: {until}, on: anthropic, fault: org_disabled}}
expect:
  lost_calls: 0
  silent_losses: 0
"""


def scenario(tmp_path: Path, *, at: str = "1s", until: str = "2500ms", duration: str = "4s") -> Path:
    """A short scenario as a file."""
    path = tmp_path / "short.yaml"
    path.write_text(SCENARIO.format(at=at, until=until, duration=duration))
    return path


def command(tmp_path: Path, *arguments: str | Path) -> list[str]:
    """The command line of a run."""
    module = [sys.executable, "-P", "-m", "banstorm.harness.cli"]
    return [*module, "run", *map(str, arguments), "--out", str(tmp_path / "runs"), "--no-charts"]


def play(tmp_path: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run to the end."""
    return subprocess.run(command(tmp_path, *arguments), check=False, capture_output=True, text=True, timeout=120)


def folder(tmp_path: Path) -> Path:
    """The only run's folder."""
    (folder,) = (tmp_path / "runs").iterdir()
    return folder


def rows(folder: Path) -> dict[str, list[dict]]:
    """The ledger's rows by table."""
    tables: dict[str, list[dict]] = {}
    for path in (folder / "ledger").glob("*.ndjson"):
        for line in path.read_bytes().splitlines():
            row = json.loads(line)
            tables.setdefault(row.pop("table"), []).append(row)
    return tables


@contextlib.contextmanager
def running(tmp_path: Path, *arguments: str | Path, line: str) -> Iterator[tuple[subprocess.Popen, Callable[[], str]]]:
    """A run under way: entered once it has printed `line`; the rest of its output comes from the function."""
    process = subprocess.Popen(
        command(tmp_path, *arguments), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout
    guard = threading.Timer(120, process.kill)
    guard.start()
    seen: list[str] = []
    try:
        for each in process.stdout:
            seen.append(each)
            if line in each:
                break
        else:
            pytest.fail(f"{line!r} was never printed: {''.join(seen)}")
        yield process, lambda: "".join([*seen, process.stdout.read() if process.stdout else ""])
    finally:
        guard.cancel()
        process.kill()
        process.wait()


def children(process: subprocess.Popen) -> dict[str, psutil.Process]:
    """The run's own processes by the module they run."""
    found = {}
    for child in psutil.Process(process.pid).children(recursive=True):
        words = child.cmdline()
        if "-m" in words:
            found[words[words.index("-m") + 1].rpartition(".")[2]] = child
    return found


def gone(processes: dict[str, psutil.Process]) -> bool:
    """Whether all of them have ended."""
    _, alive = psutil.wait_procs(list(processes.values()), timeout=20)
    return all(each.status() == psutil.STATUS_ZOMBIE for each in alive)
