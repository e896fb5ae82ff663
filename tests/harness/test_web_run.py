"""`banstorm run --web`, whole: the page is there before the first call, and its end is the saved report."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from whole_run import command, folder, scenario

pytestmark = [pytest.mark.lab, pytest.mark.alone]

WATCH = "watch it: "
WAIT_S = 60.0
"""Longest wait for a line of the run, in seconds."""


@contextlib.contextmanager
def _run(tmp_path: Path, path: Path, line: str, *more: str) -> Iterator[tuple[subprocess.Popen, Path, str]]:
    """A run under way that has printed `line`: its process, the file that it prints to, and the page's address."""
    out = tmp_path / "out.txt"
    with out.open("wb") as file:
        process = subprocess.Popen(command(tmp_path, path, "--web", *more), stdout=file, stderr=subprocess.STDOUT)
    try:
        give_up = time.monotonic() + WAIT_S
        while line not in (text := out.read_text("utf-8")):
            assert process.poll() is None, text
            assert time.monotonic() < give_up, text
            time.sleep(0.05)
        yield process, out, next(each for each in text.splitlines() if each.startswith(WATCH)).removeprefix(WATCH)
    finally:
        process.kill()
        process.wait()


def _read(answer: httpx.Response, phases: list[str]) -> dict:
    """The last whole document of a stream; the phases seen on the way are noted."""
    document: dict = {}
    for line in answer.iter_lines():
        if not line.startswith("data: "):
            continue
        data = json.loads(line.removeprefix("data: "))
        now = (data["run"] or {}).get("now") if "run" in data else data["now"]
        if now and now["phase"] not in phases:
            phases.append(now["phase"])
        document = data if "run" in data else document
        if document.get("over"):
            break
    return document


def test_the_page_follows_a_run_to_its_report(tmp_path: Path):
    """A page that is open from the start sees every phase; what it is led to is the report in the run's folder."""
    phases: list[str] = []
    with _run(tmp_path, scenario(tmp_path), "starting providers") as (process, out, url):
        with httpx.Client(timeout=60, trust_env=False) as client, client.stream("GET", url + "events") as answer:
            document = _read(answer, phases)
            report = client.get(url + f"runs/{document['ended'][0]['number']}/report.html").content
        code = process.wait(timeout=20)
    # draining may be over between two updates
    assert ["running", "reporting"] == [each for each in phases if each not in {"starting", "draining"}]
    assert (folder(tmp_path) / "report.html").read_bytes() == report
    assert {"pass": 0, "fail": 1, "inconclusive": 3}[document["ended"][0]["verdict"]] == code
    assert document["ended"][0]["sentence"] in out.read_text("utf-8")
    assert "--web" not in document["ended"][0]["command"]


def test_an_interrupted_run_ends_its_page(tmp_path: Path):
    """Ctrl-C ends the run as ever, its page is told, and nothing of it goes on."""
    with _run(tmp_path, scenario(tmp_path, duration="20s"), "fault 0:org_disabled bit") as (process, _, url):
        with httpx.Client(timeout=60, trust_env=False) as client, client.stream("GET", url + "events") as answer:
            process.send_signal(signal.SIGINT)
            document = _read(answer, [])
        assert 130 == process.wait(timeout=30)
        with pytest.raises(httpx.TransportError):
            httpx.get(url, trust_env=False)
    assert document["ended"][0]["report"]


def test_the_page_follows_a_repeat_to_what_its_runs_say_together(tmp_path: Path):
    """Each run in turn on one page, its report as soon as it is there, and at the end the summary that was written."""
    phases: list[str] = []
    path = scenario(tmp_path, duration="3s")
    with _run(tmp_path, path, WATCH, "--inline", "--repeat", "2") as (process, out, url):
        with httpx.Client(timeout=60, trust_env=False) as client, client.stream("GET", url + "events") as answer:
            document = _read(answer, phases)
            reports = [client.get(url + f"runs/{each['number']}/report.html") for each in document["ended"]]
        code = process.wait(timeout=20)
    assert code in {0, 3}, out.read_text("utf-8")  # a busy machine may be late
    assert [11, 12] == [each["seed"] for each in document["ended"]]
    assert [200, 200] == [each.status_code for each in reports]
    (written,) = (tmp_path / "runs").glob("*/repeat.md")
    assert str(written) == document["together"]["file"]
    assert document["together"]["command"].endswith("--repeat 2")
    assert 2 == document["planned"]
