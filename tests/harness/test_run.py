"""Whole runs: real processes from the callers to the fakes, and every way a run can end.

Each test plays a scenario of a few seconds. What ends how is asserted on the exit code, the verdict and the ledger,
never on how long anything took.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.lab

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


def _scenario(tmp_path: Path, *, at: str = "1s", until: str = "2500ms", duration: str = "4s") -> Path:
    path = tmp_path / "short.yaml"
    path.write_text(SCENARIO.format(at=at, until=until, duration=duration))
    return path


def _command(tmp_path: Path, *arguments: str | Path) -> list[str]:
    module = [sys.executable, "-P", "-m", "banstorm.harness.cli"]
    return [*module, "run", *map(str, arguments), "--out", str(tmp_path / "runs"), "--no-charts"]


def _play(tmp_path: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(_command(tmp_path, *arguments), check=False, capture_output=True, text=True, timeout=120)


def _folder(tmp_path: Path) -> Path:
    (folder,) = (tmp_path / "runs").iterdir()
    return folder


def _rows(folder: Path) -> dict[str, list[dict]]:
    tables: dict[str, list[dict]] = {}
    for path in (folder / "ledger").glob("*.ndjson"):
        for line in path.read_bytes().splitlines():
            row = json.loads(line)
            tables.setdefault(row.pop("table"), []).append(row)
    return tables


@contextlib.contextmanager
def _running(tmp_path: Path, *arguments: str | Path, line: str) -> Iterator[tuple[subprocess.Popen, Callable[[], str]]]:
    """A run under way: entered once it has printed `line`; the rest of its output comes from the function."""
    process = subprocess.Popen(
        _command(tmp_path, *arguments), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
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


def _children(process: subprocess.Popen) -> dict[str, psutil.Process]:
    """The run's own processes by the module they run."""
    found = {}
    for child in psutil.Process(process.pid).children(recursive=True):
        words = child.cmdline()
        if "-m" in words:
            found[words[words.index("-m") + 1].rpartition(".")[2]] = child
    return found


def _gone(processes: dict[str, psutil.Process]) -> bool:
    _, alive = psutil.wait_procs(list(processes.values()), timeout=20)
    return all(each.status() == psutil.STATUS_ZOMBIE for each in alive)


@pytest.fixture(scope="module", params=["mitmproxy", "inline"])
def passed(request, tmp_path_factory) -> tuple[subprocess.CompletedProcess[str], Path]:
    """A run that passes, in each host."""
    tmp_path = tmp_path_factory.mktemp(request.param)
    inline = ["--inline"] if request.param == "inline" else []
    return _play(tmp_path, _scenario(tmp_path), *inline), _folder(tmp_path)


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
    rows = _rows(passed[1])
    due = {row["call"] for row in rows["schedule"]}
    assert 150 < len(due)
    assert Counter(due) == Counter(row["call"] for row in rows["calls"])
    assert {"ok"} == {row["outcome"] for row in rows["calls"]}


def test_every_attempt_that_reached_a_fake_has_one_invoice(passed):
    """Attempts and invoices match one to one; attempts that a fault answered have none."""
    rows = _rows(passed[1])
    attempts = {row["attempt"]: row for row in rows["attempts"]}
    assert len(attempts) == len(rows["attempts"])
    reached = [row["attempt"] for row in rows["attempts"] if row["reached"]]
    assert Counter(reached) == Counter(row["attempt"] for row in rows["invoices"])
    refused = [row for row in rows["attempts"] if not row["reached"]]
    assert {"0:org_disabled"} == {row["fault"] for row in refused}
    assert {400} == {row["status"] for row in refused}


def test_every_good_call_joins_the_attempt_that_answered_it(passed):
    """The provider that the words name made an attempt for that call, and was paid for as many tokens as arrived."""
    rows = _rows(passed[1])
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
    (window,) = _rows(passed[1])["faults"]
    bites = [row for row in _rows(passed[1])["attempts"] if row["fault"]]
    assert len(bites) == window["bites"] > 0
    assert all(window["declared_from_ns"] <= row["received_ns"] < window["declared_until_ns"] for row in bites)


def test_the_processes_were_sampled(passed):
    """CPU, memory and loop lag of every process of ours are in the ledger, and the router's own metrics."""
    samples = {(row["process"], row["name"]) for row in _rows(passed[1])["samples"]}
    processes = {process for process, name in samples if name == "cpu_share"}
    assert {"fakes", "load", "target"} <= processes
    lagging = {process for process, name in samples if name == "loop_lag_seconds"}
    assert lagging == processes - {"target"}
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


def test_without_fallback_and_breaker_the_run_fails(tmp_path):
    """The router that protects nobody loses calls, and that expectation is named first."""
    done = _play(tmp_path, _scenario(tmp_path), "--set", "fallback=false", "--set", "breaker.enabled=false")
    assert 1 == done.returncode, done.stdout + done.stderr
    assert "FAIL" in done.stdout
    result = json.loads((_folder(tmp_path) / "report.json").read_text())
    assert "lost_calls" in result["sentence"] or result["first_broken"].startswith("lost_calls")


def test_a_fault_that_never_bit_makes_the_run_inconclusive(tmp_path):
    """A window after the end of the load proves nothing, however well the calls went."""
    done = _play(tmp_path, _scenario(tmp_path, at="20s", until="30s", duration="2s"))
    assert 3 == done.returncode, done.stdout + done.stderr
    assert "INCONCLUSIVE" in done.stdout


def test_a_model_without_a_price_is_named(tmp_path):
    """Any model name is accepted; one without a price is billed at zero, and the reader is told."""
    path = _scenario(tmp_path, duration="2s", at="500ms", until="1s")
    path.write_text(path.read_text().replace("gpt-5.4-mini", "house-model-1"))
    done = _play(tmp_path, path, "--inline")
    assert "warning: the model 'house-model-1' has no price" in done.stdout
    folder = _folder(tmp_path)
    assert any("house-model-1" in each for each in json.loads((folder / "run.json").read_text())["warnings"])
    assert "house-model-1" in (folder / "report.html").read_text()


@pytest.mark.parametrize("victim", ["injector", "fakes_host", "load"])
def test_a_killed_part_of_ours_makes_the_run_inconclusive(victim, tmp_path):
    """Every process ends, the ledger so far is kept, and the verdict blames nobody."""
    with _running(tmp_path, _scenario(tmp_path, duration="60s"), line="bit anthropic") as (process, rest):
        children = _children(process)
        assert {"injector", "fakes_host", "load", "router"} <= set(children)
        children[victim].kill()
        output = rest()
        assert 3 == process.wait(30), output
    assert "was ended by SIGKILL" in output
    assert _gone(children)
    rows = _rows(_folder(tmp_path))
    assert rows["schedule"]
    assert rows["calls"]


def test_a_part_of_ours_that_can_not_write_its_last_rows_makes_the_run_inconclusive(tmp_path):
    """One that had to be killed in the end leaves a ledger with gaps: what the rest of it says is no pass."""
    with _running(tmp_path, _scenario(tmp_path), line="disarmed on anthropic") as (process, rest):
        children = _children(process)
        children["injector"].suspend()
        output = rest()
        assert 3 == process.wait(60), output
    assert "while it wrote its last rows" in (_folder(tmp_path) / "run.json").read_text()
    assert _gone(children)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_ends_everything_and_keeps_its_ledger(signum, tmp_path):
    """Ctrl-C ends with 130, no process left, and a report of what there is."""
    with _running(tmp_path, _scenario(tmp_path, duration="60s"), line="bit anthropic") as (process, rest):
        children = _children(process)
        process.send_signal(signum)
        output = rest()
        assert 130 == process.wait(30), output
    assert "INTERRUPTED" in output
    assert "Traceback" not in output
    assert _gone(children)
    folder = _folder(tmp_path)
    assert "inconclusive" == json.loads((folder / "report.json").read_text())["verdict"]
    assert _rows(folder)["calls"]


@pytest.mark.parametrize("line", ["draining", "writing the report"])
def test_ctrl_c_pressed_again_changes_nothing(line, tmp_path):
    """While processes end or the report is written, Ctrl-C is no crash and no verdict: 130, and nothing is left."""
    with _running(tmp_path, _scenario(tmp_path, duration="60s"), line="bit anthropic") as (process, rest):
        children = _children(process)
        process.send_signal(signal.SIGINT)
        assert process.stdout
        while line not in (said := process.stdout.readline()):
            assert said, "it ended too soon"
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        output = rest()
        assert 130 == process.wait(30), output
    assert "INTERRUPTED" in output
    assert "Traceback" not in output
    assert _gone(children)
    assert json.loads((_folder(tmp_path) / "run.json").read_text())["interrupted"]


def test_a_router_that_dies_by_itself_has_failed(tmp_path):
    """A target that exits after it was ready is a fail, whatever its calls were."""
    with _running(tmp_path, _scenario(tmp_path), line="load: about") as (process, rest):
        router = _children(process)["router"]
        # SIGTERM to it alone makes the reference router exit by itself, with its own exit code.
        router.terminate()
        output = rest()
        assert 1 == process.wait(60), output
    assert "the target exited with code 0" in output


def test_a_router_that_someone_else_killed_is_inconclusive(tmp_path):
    """A signal that neither we nor the router sent says nothing about the router."""
    with _running(tmp_path, _scenario(tmp_path), line="load: about") as (process, rest):
        _children(process)["router"].kill()
        output = rest()
        assert 3 == process.wait(60), output


def test_a_reader_that_goes_away_does_not_touch_the_run(tmp_path):
    """`banstorm run … | head -1`: the run goes on unseen, and its exit code is its verdict."""
    with _running(tmp_path, _scenario(tmp_path), line="starting") as (process, _):
        children = psutil.Process(process.pid).children(recursive=True)
        assert process.stdout
        process.stdout.close()
        code = process.wait(60)
    assert _gone({str(each.pid): each for each in children})
    verdict = json.loads((_folder(tmp_path) / "report.json").read_text())["verdict"]
    assert (code, verdict) in {(0, "pass"), (3, "inconclusive")}
    assert [] == json.loads((_folder(tmp_path) / "run.json").read_text())["own_failures"]


def test_an_output_that_knows_ascii_only_is_no_error(tmp_path, monkeypatch):
    """A sign that the terminal's encoding lacks is shown as another one."""
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    done = _play(tmp_path, _scenario(tmp_path))
    assert "report: " in done.stdout, done.stderr
    assert [] == json.loads((_folder(tmp_path) / "run.json").read_text())["own_failures"]


def test_two_runs_side_by_side_do_not_disturb_each_other(tmp_path):
    """Ports, folders and marks are each run's own."""
    scenario = _scenario(tmp_path)
    runs = [
        subprocess.Popen(_command(tmp_path, scenario, "--inline"), stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    outputs = [run.communicate(timeout=120)[0] for run in runs]
    assert [0, 0] == [run.returncode for run in runs], "\n".join(outputs)
    assert 2 == len(list((tmp_path / "runs").iterdir()))


def test_a_taken_port_is_told_in_three_lines(tmp_path):
    """A fixed port that something else listens on is named, before any load."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        done = _play(tmp_path, _scenario(tmp_path), "--ports", f"anthropic={port}")
    assert 2 == done.returncode
    assert str(port) in done.stderr
    assert 3 == len(done.stderr.strip().splitlines())


def test_one_port_for_two_providers_is_told_in_three_lines(tmp_path):
    """The second listener can't have it: nothing starts, rather than a run whose providers answer for each other."""
    from banstorm.harness.launch import pick_port

    port = pick_port()
    done = _play(tmp_path, _scenario(tmp_path), "--ports", f"anthropic={port},openai={port}")
    assert 2 == done.returncode
    assert str(port) in done.stderr
    assert 3 == len(done.stderr.strip().splitlines())


def test_a_small_limit_of_open_files_is_not_held_against_the_router(tmp_path):
    """Two connections a call go through the injector: every process gets as many files as the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))
    try:
        with _running(tmp_path, _scenario(tmp_path), line="load: about") as (process, _):
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            children = _children(process)
            allowed = {name: each.rlimit(psutil.RLIMIT_NOFILE)[0] for name, each in children.items()}
            process.send_signal(signal.SIGINT)
            process.wait(30)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert {"injector", "fakes_host", "load", "router"} <= set(allowed)
    assert all(each > 200 for each in allowed.values()), allowed


NEVER_READY = {
    "exits": (["--set", "breaker.nonsense=1"], "exited with code 2 before it was ready"),
    "is not there": (["--target", "http://127.0.0.1:9", "--ready-timeout", "1s"], "not ready after 1 s"),
}


@pytest.mark.parametrize("case", NEVER_READY)
def test_a_target_that_never_becomes_ready_is_told_in_three_lines(case, tmp_path):
    """Nothing can be said of it, so the run is inconclusive, and the reason is told at once."""
    arguments, what = NEVER_READY[case]
    done = _play(tmp_path, _scenario(tmp_path), *arguments)
    assert 3 == done.returncode
    assert what in done.stderr
    assert 3 == len(done.stderr.strip().splitlines())


def test_a_folder_that_is_no_run_is_told_in_three_lines(tmp_path):
    """`banstorm report` on another folder says what it wants."""
    command = [sys.executable, "-P", "-m", "banstorm.harness.cli", "report", str(tmp_path)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert 2 == done.returncode
    assert "not a run's folder" in done.stderr
    assert 3 == len(done.stderr.strip().splitlines())


def test_an_unwritable_folder_is_told_in_three_lines(tmp_path):
    """A folder for runs that can't be made ends before anything starts."""
    (tmp_path / "runs").write_text("a file")
    done = _play(tmp_path, _scenario(tmp_path))
    assert 2 == done.returncode
    assert "can't be written" in done.stderr
    assert 3 == len(done.stderr.strip().splitlines())


def test_a_router_of_the_user_s_own_is_judged_by_its_url(tmp_path):
    """Ports fixed with --ports, the router started by hand, its address given: the same verdict as for our own."""
    from banstorm.harness.launch import pick_port

    anthropic, openai, front = pick_port(), pick_port(), pick_port()
    config = {
        "listen": {"host": "127.0.0.1", "port": front},
        "providers": [
            {
                "name": "a",
                "dialect": "anthropic",
                "base_url": f"http://127.0.0.1:{anthropic}",
                "model": "claude-sonnet-5",
            },
            {"name": "b", "dialect": "openai", "base_url": f"http://127.0.0.1:{openai}/v1", "model": "gpt-5.4-mini"},
        ],
    }
    for provider in config["providers"]:
        provider["api_key_env"] = "K"
    (tmp_path / "router.yaml").write_text(json.dumps(config))
    router = subprocess.Popen(
        [sys.executable, "-P", "-m", "banstorm.router", "--config", str(tmp_path / "router.yaml")],
        env={**os.environ, "K": "sk-test-0123456789"},
        stderr=subprocess.DEVNULL,
    )
    try:
        ports = f"anthropic={anthropic},openai={openai}"
        target = f"http://127.0.0.1:{front}"
        done = _play(tmp_path, _scenario(tmp_path), "--target", target, "--ports", ports, "--openai-sdk", "30%")
        assert router.poll() is None
    finally:
        router.terminate()
        router.wait(30)
    assert 0 == done.returncode, done.stdout + done.stderr
    assert f"http://127.0.0.1:{anthropic}" in done.stdout
    clients = Counter(row["client"] for row in _rows(_folder(tmp_path))["schedule"])
    assert clients["openai_sdk"] > 20
