"""The real load child over its standard input and output, and a router's stand-in for it to call."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections import defaultdict
from pathlib import Path

import pytest
from banstorm.scenarios.model import Scenario

HERE = Path(__file__).parent
PATIENCE_S = 40.0  # a child that says nothing for this long is killed; tests wait for what it says, not for this


def make_scenario(**load):
    """A scenario with this load."""
    return Scenario.model_validate(
        {
            "version": 1,
            "title": "t",
            "story": "s",
            "source": "x",
            "seed": 7,
            "providers": {"stub": {"dialect": "openai", "model": "m"}},
            "load": {"rate": "40/s", "warmup": "0s", "duration": "500ms", "arrivals": "constant", "deadline": "10s"}
            | load,
            "expect": {"lost_calls": 0},
        }
    )


class Child:
    """A running load child."""

    def __init__(self, folder: Path, config: dict, command: list[str]) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder
        )
        self.events: list[dict] = []
        self._watchdog = threading.Timer(PATIENCE_S, self.process.kill)
        self._watchdog.start()
        self.send(config)

    def send(self, line: dict) -> None:
        """A command."""
        self.process.stdin.write(json.dumps(line).encode() + b"\n")
        self.process.stdin.flush()

    def until(self, event: str, where=lambda _: True) -> dict:
        """Read events until one called `event` that satisfies `where`."""
        for line in self.process.stdout:
            said = json.loads(line)
            self.events.append(said)
            if said["event"] == event and where(said):
                return said
        raise AssertionError(
            f"no {event!r}; said {self.events[-3:]}; log: {self.process.stderr.read().decode()[-3000:]}"
        )

    def start(self, in_s: float = 0.2) -> int:
        """Say start; returns time 0."""
        t0_ns = time.monotonic_ns() + round(in_s * 1e9)
        self.send({"command": "start", "t0_ns": t0_ns})
        return t0_ns

    def play(self) -> dict[int, dict]:
        """Play everything and stop; returns the rows of `calls` by number."""
        self.until("ready")
        self.start()
        self.until("done")
        self.send({"command": "stop"})
        self.until("bye")
        assert self.end() == 0
        return {row["call"]: row for row in self.rows("calls")}

    def end(self) -> int:
        """Wait for the process's end; its exit code."""
        self.process.stdout.read()
        return self.process.wait()

    def close(self) -> None:
        """Leave nothing behind."""
        self._watchdog.cancel()
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            try:
                pipe.close()
            except BrokenPipeError:
                continue

    def tables(self) -> dict[str, list[dict]]:
        """The ledger so far; a torn last line is left out."""
        tables = defaultdict(list)
        for line in (self.folder / "load.ndjson").read_bytes().split(b"\n")[:-1]:
            row = json.loads(line)
            tables[row.pop("table")].append(row)
        return tables

    def rows(self, table: str) -> list[dict]:
        """One table's rows so far."""
        return self.tables()[table]


@pytest.fixture
def stub_router():
    """Start router stand-ins: ``stub_router({"3": "hang", "*": "good"})`` gives a base URL."""
    started = []

    def start(plan=None, program="stub_router.py"):
        command = [sys.executable, str(HERE / program), json.dumps(plan or {})]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        started.append(process)
        return f"http://127.0.0.1:{int(process.stdout.readline())}/v1"

    yield start
    for process in started:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()


@pytest.fixture
def load_child(tmp_path):
    """Start load children: ``load_child(base_url, load={...}, **config)``."""
    started = []

    def start(base_url, load=None, command=None, timeline=(), **config):
        scenario = make_scenario(**(load or {})).model_dump(mode="json", by_alias=True) | {"timeline": list(timeline)}
        known = {"run": "7f3a9c", "seed": 7, "ledger": str(tmp_path), "scenario": scenario, "base_url": base_url}
        known |= {"model": "banstorm", "headers": {}, "api_key": None, "in_flight_max": None}
        child = Child(tmp_path, known | config, command or [sys.executable, "-P", "-m", "banstorm.harness.load"])
        started.append(child)
        return child

    yield start
    for child in started:
        child.close()
