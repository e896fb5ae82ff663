"""Runs beside each other, the user's own router, and what can't begin: told in three lines."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from collections import Counter

import psutil
import pytest
import whole_run

pytestmark = [pytest.mark.lab, pytest.mark.alone]


def test_two_runs_side_by_side_do_not_disturb_each_other(tmp_path):
    """Ports, folders and marks are each run's own."""
    scenario = whole_run.scenario(tmp_path)
    runs = [
        subprocess.Popen(whole_run.command(tmp_path, scenario, "--inline"), stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    outputs = [run.communicate(timeout=120)[0] for run in runs]
    assert [0, 0] == [run.returncode for run in runs], "\n".join(outputs)
    assert 2 == len(list((tmp_path / "runs").iterdir()))


def test_a_taken_port_is_told_in_three_lines(tmp_path):
    """A fixed port that something else listens on is named, before any load."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        done = whole_run.play(tmp_path, whole_run.scenario(tmp_path), "--ports", f"anthropic={port}")
    assert 2 == done.returncode
    assert str(port) in done.stderr
    assert 3 == len(done.stderr.strip().splitlines())


def test_one_port_for_two_providers_is_told_in_three_lines(tmp_path):
    """The second listener can't have it: nothing starts, rather than a run whose providers answer for each other."""
    from banstorm.harness.launch import pick_port

    port = pick_port()
    done = whole_run.play(tmp_path, whole_run.scenario(tmp_path), "--ports", f"anthropic={port},openai={port}")
    assert 2 == done.returncode
    assert str(port) in done.stderr
    assert 3 == len(done.stderr.strip().splitlines())


def test_a_small_limit_of_open_files_is_not_held_against_the_router(tmp_path):
    """Two connections a call go through the injector: every process gets as many files as the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))
    try:
        with whole_run.running(tmp_path, whole_run.scenario(tmp_path), line="load: about") as (process, _):
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            children = whole_run.children(process)
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
    done = whole_run.play(tmp_path, whole_run.scenario(tmp_path), *arguments)
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
    done = whole_run.play(tmp_path, whole_run.scenario(tmp_path))
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
        done = whole_run.play(
            tmp_path, whole_run.scenario(tmp_path), "--target", target, "--ports", ports, "--openai-sdk", "30%"
        )
        assert router.poll() is None
    finally:
        router.terminate()
        router.wait(30)
    assert 0 == done.returncode, done.stdout + done.stderr
    assert f"http://127.0.0.1:{anthropic}" in done.stdout
    clients = Counter(row["client"] for row in whole_run.rows(whole_run.folder(tmp_path))["schedule"])
    assert clients["openai_sdk"] > 20
