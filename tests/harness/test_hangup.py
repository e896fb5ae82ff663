"""A terminal that goes away ends a run as Ctrl-C does, and nothing stays behind; under nohup it goes on."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

PATIENCE_S = 60.0
"""Longest that a harness of these tests lives, in seconds."""

HARNESS = """\
import asyncio, sys
from pathlib import Path
from banstorm.harness.command_run import drive
from banstorm.harness.launch import Process

async def execute():
    words = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(words), sys.stdin)
    target = Process("target", Path(sys.argv[1]))
    try:
        await target.start(["sh", "-c", 'sleep 77 & echo $! > "$0.part"; mv "$0.part" "$0"; wait', sys.argv[2]])
        print("up", flush=True)
        while word := await words.readline():
            print(word.decode().strip(), flush=True)
    finally:
        await target.stop()

drive(execute)
"""
"""A target whose own child sleeps, under a harness that repeats what it is told until its input ends."""


@contextlib.contextmanager
def harness(tmp_path: Path, *, nohup: bool) -> Iterator[subprocess.Popen[str]]:
    """The harness, once its target was started; what is left of it and its descendants is ended."""
    trap = "trap '' HUP" if nohup else "trap - HUP"
    process = subprocess.Popen(
        [
            "sh",
            "-c",
            f'{trap}; exec "$0" "$@"',
            sys.executable,
            "-P",
            "-c",
            HARNESS,
            tmp_path / "log",
            tmp_path / "pid",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    guard = threading.Timer(PATIENCE_S, process.kill)
    guard.start()
    try:
        assert process.stdout
        assert "up\n" == process.stdout.readline()
        yield process
    finally:
        guard.cancel()
        process.kill()
        process.wait()


def grandchild(tmp_path: Path, process: subprocess.Popen[str]) -> psutil.Process:
    """What the target has started, as soon as it has."""
    while not (tmp_path / "pid").exists():
        assert process.poll() is None
    return psutil.Process(int((tmp_path / "pid").read_text()))


def said(process: subprocess.Popen[str], word: str) -> str:
    """What the harness answers to a word."""
    assert process.stdin
    assert process.stdout
    process.stdin.write(f"{word}\n")
    process.stdin.flush()
    return process.stdout.readline().strip()


@pytest.mark.alone
@pytest.mark.usefixtures("hangups")
@pytest.mark.parametrize("signum", [signal.SIGHUP, signal.SIGTERM, signal.SIGINT])
def test_whatever_ends_the_harness_ends_what_the_target_started(signum, tmp_path):
    """A closed terminal is as Ctrl-C: the target has a session of its own, and its children would live on."""
    with harness(tmp_path, nohup=False) as process:
        left = grandchild(tmp_path, process)
        try:
            process.send_signal(signum)
            process.wait()
            psutil.wait_procs([left], timeout=PATIENCE_S / 6)
            assert not left.is_running() or left.status() == psutil.STATUS_ZOMBIE
        finally:
            with contextlib.suppress(psutil.NoSuchProcess):
                left.kill()


@pytest.mark.alone
def test_under_nohup_the_run_goes_on(tmp_path):
    """A hang-up that whoever started the run has ignored ends nothing: it still answers, and its target is there."""
    with harness(tmp_path, nohup=True) as process:
        left = grandchild(tmp_path, process)
        try:
            process.send_signal(signal.SIGHUP)
            assert ["one", "two", "three"] == [said(process, word) for word in ("one", "two", "three")]
            assert left.is_running()
            assert process.stdin
            process.stdin.close()
            assert 0 == process.wait()
        finally:
            with contextlib.suppress(psutil.NoSuchProcess):
                left.kill()
