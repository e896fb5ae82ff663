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


async def test_a_program_that_is_not_there_is_told(tmp_path):
    """A command that can't be started ends in three lines, not in a traceback."""
    with pytest.raises(HarnessError, match="No such file"):
        await Process("router", tmp_path / "log").start(["/nowhere/at/all"])


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
