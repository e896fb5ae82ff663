"""Children are heard, bounded, and never left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest
from banstorm.harness import launch
from banstorm.harness.errors import ChildFailedError, HarnessError
from banstorm.harness.launch import Child, Process, pick_port

CHILD = """
import sys, os, signal
from banstorm.harness.child import read_config, say
config = read_config()
{body}
"""


def _module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> str:
    """A module on the path of children, run with -P, whose body runs once it is configured."""
    (tmp_path / "child_under_test.py").write_text(CHILD.format(body=textwrap.dedent(body)))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return "child_under_test"


async def _spawned(tmp_path, monkeypatch, body) -> Child:
    child = Child("helper", _module(tmp_path, monkeypatch, body), tmp_path / "log")
    await child.spawn()
    return child


async def test_a_child_says_when_it_is_ready(tmp_path, monkeypatch):
    """The configuration goes in by one line, the ready event comes back with what the child chose."""
    child = await _spawned(tmp_path, monkeypatch, "say('ready', double=config['n'] * 2)\nsys.stdin.read()")
    assert 42 == (await child.configure({"n": 21}))["double"]
    await child.stop()
    assert child.stopping


FAILURES = {
    "says why": (
        "say('failed', what='the port is taken', where='127.0.0.1:1', next='free it'); sys.exit(1)",
        "port is taken",
    ),
    "exits": ("print('oh dear', file=sys.stderr); sys.exit(3)", "exited with code 3: oh dear"),
    "is killed": ("os.kill(os.getpid(), signal.SIGKILL)", "ended by SIGKILL"),
    "says nothing": ("sys.stdin.read()", "did not become ready"),
}


@pytest.mark.parametrize("case", FAILURES)
async def test_a_child_that_does_not_become_ready_is_told_in_three_lines(case, tmp_path, monkeypatch):
    """Whatever way it fails, the reason and the log's place reach the user."""
    body, what = FAILURES[case]
    child = await _spawned(tmp_path, monkeypatch, body)
    with pytest.raises(ChildFailedError) as caught:
        await child.configure({}, seconds=1.0 if case == "says nothing" else 20.0)
    assert what in str(caught.value)
    assert 3 == len(str(caught.value).splitlines())
    await child.stop(0.1)
    assert child.returncode is not None


async def test_a_child_that_ends_by_itself_is_noticed(tmp_path, monkeypatch):
    """An exit that nobody asked for reaches `on_exit`, with its code."""
    child = await _spawned(tmp_path, monkeypatch, "say('ready'); sys.stdin.readline(); sys.exit(7)")
    gone = asyncio.get_running_loop().create_future()
    child.on_exit = gone.set_result
    await child.configure({})
    await child.send({"command": "go"})
    assert child is await asyncio.wait_for(gone, 20)
    assert (7, False) == (child.returncode, child.stopping)
    await child.stop()


async def test_a_stubborn_child_and_its_own_children_are_killed(tmp_path, monkeypatch):
    """A child that ignores SIGTERM ends all the same, and so does what it started."""
    body = """
    import subprocess
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    inner = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    say('ready', inner=inner.pid)
    while True:
        signal.pause()
    """
    child = await _spawned(tmp_path, monkeypatch, body)
    inner = psutil.Process((await child.configure({}))["inner"])
    await child.stop(0.2)
    assert -signal.SIGKILL == child.returncode
    psutil.wait_procs([inner], timeout=20)
    assert not inner.is_running() or inner.status() == psutil.STATUS_ZOMBIE


async def test_a_child_ends_with_a_killed_harness(tmp_path):
    """A harness that is killed outright leaves no process behind, not even one that reads no commands."""
    code = f"""
    import asyncio, pathlib, sys
    from banstorm.harness.launch import Process
    async def main():
        child = Process("sleeper", pathlib.Path({str(tmp_path / "log")!r}))
        await child.start([sys.executable, "-c", "import time; time.sleep(600)"])
        print(child.pid, flush=True)
        await asyncio.sleep(600)
    asyncio.run(main())
    """
    harness = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-c", textwrap.dedent(code), stdout=asyncio.subprocess.PIPE
    )
    assert harness.stdout
    sleeper = psutil.Process(int(await harness.stdout.readline()))
    os.kill(harness.pid, signal.SIGKILL)
    await harness.wait()
    psutil.wait_procs([sleeper], timeout=20)
    assert not sleeper.is_running() or sleeper.status() == psutil.STATUS_ZOMBIE


async def test_a_child_s_log_is_bounded(tmp_path, monkeypatch):
    """A child that prints without end fills no disk, and is not blocked by it either."""
    monkeypatch.setattr(launch, "LOG_BYTES_MAX", 1000)
    process = Process("printer", tmp_path / "log")
    await process.start([sys.executable, "-c", "print('x' * 300_000)"])
    gone = asyncio.get_running_loop().create_future()
    process.on_exit = gone.set_result
    await asyncio.wait_for(gone, 20)
    await process.stop()
    assert 0 == process.returncode
    assert 1000 >= (tmp_path / "log").stat().st_size > 0


async def test_a_child_s_log_has_no_credentials(tmp_path):
    """What looks like a key is blanked out of what a process prints, also where a key came in two pieces."""
    process = Process("helper", tmp_path / "log")
    code = "import os\nfor part in (b'key sk-ant-api03-ab', b'cdefgh12 ', b'end\\nlast words'): os.write(2, part)"
    gone = asyncio.get_running_loop().create_future()
    process.on_exit = gone.set_result
    await process.start([sys.executable, "-c", code])
    await asyncio.wait_for(gone, 20)
    await process.stop()
    assert "key sk-ant-[redacted] end\nlast words" == process.log.read_text()


DAEMON = """
import os, subprocess, sys
argv = [sys.executable, "-c", "import time; time.sleep(600)"]
worker = subprocess.Popen(argv, start_new_session=True, stdin=subprocess.DEVNULL)
if os.fork() == 0:  # a second fork: its parent is gone at once
    os.setsid()
    if os.fork() == 0:
        orphan = subprocess.Popen(argv, stdin=subprocess.DEVNULL)
        sys.stderr.write(f"{worker.pid} {orphan.pid}\\n")
        sys.stderr.flush()
    os._exit(0)
worker.wait()
"""


@pytest.mark.parametrize("way", ["stop", "kill", "terminate"])
async def test_what_left_its_session_is_ended_too(way, tmp_path):
    """Workers of a supervisor and daemons that forked twice, whichever way the process is ended."""
    process = Process("router", tmp_path / "log")
    await process.start([sys.executable, "-c", DAEMON], env={"PATH": os.defpath})
    until = asyncio.get_running_loop().time() + 20
    while not process.tail():
        assert asyncio.get_running_loop().time() < until
        await asyncio.sleep(0.02)
    left = [psutil.Process(int(pid)) for pid in process.tail().split()]
    other = Process("other", tmp_path / "other")
    await other.start([sys.executable, "-c", "import time; time.sleep(600)"])
    await getattr(process, way)()
    psutil.wait_procs(left, timeout=20)
    assert [] == [each for each in left if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]
    assert other.returncode is None
    await process.stop()
    await other.stop()


async def test_a_stopped_process_leaves_no_pipe_to_the_loop(tmp_path):
    """Even if somebody who emptied his environment still holds the other end; the loop may end at once."""
    code = "import subprocess; subprocess.Popen(['/bin/sleep', '600'], env={}, start_new_session=True)"
    process = Process("router", tmp_path / "log")
    await process.start([sys.executable, "-c", f"{code}; print('x', flush=True); import time; time.sleep(600)"])
    until = asyncio.get_running_loop().time() + 20
    while not process.tail():
        assert asyncio.get_running_loop().time() < until
        await asyncio.sleep(0.02)
    sleepers = psutil.Process(process.pid).children()
    try:
        await process.stop()
        for number in range(3):
            assert process._process._transport.get_pipe_transport(number).is_closing()
    finally:
        for each in sleepers:
            each.kill()


def _no_start(folder: Path, case: str) -> tuple[list[str], Path | None]:
    """A command that can't be started, and the folder that it is started in."""
    (folder / "lost").write_text("#!/no/such/interpreter\n")
    (folder / "lost").chmod(0o755)
    (folder / "plain").write_text("#!/bin/sh\n")
    commands = {
        "no such runtime": ["no-such-runtime-here", "router.js"],
        "no such file": ["/nowhere/at/all"],
        "no interpreter": [str(folder / "lost")],
        "not executable": [str(folder / "plain")],
        "no such folder": [sys.executable],
    }
    return commands[case], folder / "gone" if case == "no such folder" else None


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("no such runtime", r"no-such-runtime-here is not installed\n.*the PATH\n.*install it"),
        ("no such file", r"No such file[^\n]*\n.*/nowhere/at/all\n.*check the command"),
        ("no interpreter", r"its first line names is not installed\n.*lost\n"),
        ("not executable", r"Permission denied\n.*plain\n.*chmod"),
        ("no such folder", r"No such file[^\n]*\n.*gone\n.*started in that folder"),
    ],
)
async def test_a_program_that_can_not_be_started_is_told(case, said, tmp_path):
    """What is missing, where, and what to do; not a traceback."""
    command, folder = _no_start(tmp_path, case)
    with pytest.raises(HarnessError, match=said):
        await Process("router", tmp_path / "log").start(command, cwd=folder)


def test_a_run_s_processes_may_open_as_many_files_as_the_system_lets_them():
    """The usual soft limit of 1,024 is raised to the hard one for us and for what we start."""
    code = """
import resource, subprocess, sys
from banstorm.harness.launch import allow_files
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 256))
allowed = allow_files()
child = "import resource; print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])"
print(allowed, subprocess.check_output([sys.executable, "-c", child], text=True).strip())
"""
    assert "256 256\n" == subprocess.check_output([sys.executable, "-P", "-c", code], text=True)


def test_a_picked_port_is_below_the_ephemeral_range():
    """No outgoing connection of the machine can take it before the target does."""
    assert 20_000 <= pick_port() < 32_000


async def test_a_child_whose_input_is_open_ends_with_its_own_exit_code(tmp_path, monkeypatch):
    """A thread that still waits for commands when the interpreter ends does not abort it."""
    body = """
    import asyncio
    from banstorm.harness.child import Commands
    async def main():
        commands = Commands()
        say('ready')
        say('heard', command=(await commands.next())['command'])
        say('heard', command=(await commands.next())['command'])
    asyncio.run(main())
    """
    child = await _spawned(tmp_path, monkeypatch, body)
    heard: list[str] = []
    child.on_event = lambda event: heard.append(event.get("command", ""))
    gone = asyncio.get_running_loop().create_future()
    child.on_exit = gone.set_result
    await child.configure({})
    await child.send({"command": "one"})
    await child.send({"command": "two"})
    await asyncio.wait_for(gone, 20)
    await child.stop()
    assert 0 == child.returncode
    assert ["", "one", "two"] == heard
