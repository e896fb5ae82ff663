"""Children of the harness without their imports' cost: forked from one process that has made the imports.

Most of what a fault host costs is starting it (mitmproxy alone imports for a second), and a hundred of them are
started here. The nursery imports what they import, once, and forks; what is forked then runs the child's module as
`python -m` does, with the very pipes and environment that it would have had. `start` begins a real process instead
where the environment says what Python imports; test_hosts.py begins real ones, too.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

MODULES = ("banstorm.harness.injector", "banstorm.harness.fakes_host")
"""What is forked."""
MORE = ("banstorm.harness.injector_front", "banstorm.harness.injector_intercept")
"""What some of them import when they begin."""
REQUEST_BYTES_MAX = 1 << 18
SAID_S = 20.0
"""Longest wait for the nursery to start a child."""


@dataclass
class Forked:
    """A child of the nursery, spoken to like a `subprocess.Popen`."""

    stdin: IO[bytes]
    stdout: IO[bytes]
    stderr: IO[bytes]
    report: IO[bytes]
    """Its pid, and once it has ended its exit code; a line each."""
    pid: int = field(init=False)
    returncode: int | None = None

    def __post_init__(self) -> None:
        """Wait for its beginning."""
        self.pid = int(self.report.readline())

    def poll(self) -> int | None:
        """Its exit code, None while it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, once it has ended.

        Raises:
            subprocess.TimeoutExpired: when it goes on for longer than `timeout` seconds.
        """
        if self.returncode is None:
            if not select.select([self.report], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0.0)
            self.returncode = int(self.report.readline())
        return self.returncode


class Nursery:
    """The process that forks; it ends with the tests."""

    def __init__(self) -> None:
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-P", __file__, str(theirs.fileno())], pass_fds=[theirs.fileno()]
        )
        theirs.close()
        atexit.register(self.close)

    def fork(self, module: str) -> Forked:
        """Start a child."""
        pipes = [os.pipe() for _ in range(4)]
        (stdin_r, stdin_w), (stdout_r, stdout_w), (stderr_r, stderr_w), (report_r, report_w) = pipes
        theirs = [stdin_r, stdout_w, stderr_w, report_w]
        asked = json.dumps({"module": module, "environment": dict(os.environ), "folder": str(Path.cwd())}).encode()
        assert len(asked) < REQUEST_BYTES_MAX
        with self._lock:
            socket.send_fds(self._ours, [asked], theirs)
        for each in theirs:
            os.close(each)
        report = os.fdopen(report_r, "rb", 0)  # unbuffered, so that `select` tells what is left to be read
        return Forked(os.fdopen(stdin_w, "wb"), os.fdopen(stdout_r, "rb"), os.fdopen(stderr_r, "rb"), report)

    def close(self) -> None:
        """End it; it waits for children that still run."""
        self._ours.close()
        self._process.wait(SAID_S)


_AT_FIRST = os.environ.get("PYTHONPATH")
_made: list[Nursery] = []


def start(module: str, *, anew: bool = False) -> Any:
    """A child that runs `module`: forked, unless `anew` or the environment asks for a Python of its own."""
    if anew or module not in MODULES or os.environ.get("PYTHONPATH") != _AT_FIRST:
        pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        return subprocess.Popen([sys.executable, "-P", "-m", module], **pipes)
    if not _made:
        _made.append(Nursery())
    return _made[0].fork(module)


def _serve(wire: socket.socket) -> None:
    """Fork whenever asked, until the tests have ended; in a child, return to run what was asked for."""
    guards = 0
    while True:
        asked, theirs, _, _ = socket.recv_fds(wire, REQUEST_BYTES_MAX, 4)
        while guards and os.waitpid(-1, os.WNOHANG)[0]:
            guards -= 1
        if not asked:
            break
        if os.fork() == 0:
            wire.close()
            _guard(json.loads(asked), theirs)
        guards += 1
        for each in theirs:
            os.close(each)
    while guards:
        os.waitpid(-1, 0)
        guards -= 1


def _guard(asked: dict[str, Any], theirs: list[int]) -> None:
    """Fork the child, and tell its pid and its exit code."""
    *pipes, report = theirs
    pid = os.fork()
    if pid == 0:
        os.close(report)
        _become(asked, pipes)
    for each in pipes:
        os.close(each)
    os.write(report, b"%d\n" % pid)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with contextlib.suppress(BrokenPipeError):
        os.write(report, b"%d\n" % code)
    os._exit(0)


def _become(asked: dict[str, Any], pipes: list[int]) -> None:
    """Run the module as the main one, and end as Python would."""
    for number, pipe in enumerate(pipes):
        os.dup2(pipe, number)
        os.close(pipe)
    os.environ.clear()
    os.environ.update(asked["environment"])
    os.chdir(asked["folder"])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    runpy.run_module(asked["module"], run_name="__main__", alter_sys=True)
    sys.exit(0)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the tests
    for name in (*MODULES, *MORE):
        importlib.import_module(name)
    importlib.import_module("banstorm.harness.registry").registry()  # every fault and dialect
    for name in MODULES:
        del sys.modules[name]  # the child runs it anew, as its main module
    gc.freeze()
    _serve(socket.socket(fileno=int(sys.argv[1])))
