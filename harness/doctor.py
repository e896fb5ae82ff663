"""What `banstorm doctor` checks: can this machine and installation run a crash test?"""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Final

from ..scenarios import library
from ..scenarios.problems import ScenarioError
from .command_run import LAB, need
from .errors import HarnessError
from .launch import allow_files, pick_port
from .manifest import version
from .registry import registry

FILES_MIN: Final = 4096
"""Open files that a run with a few hundred calls under way may need, in one process."""


def examine() -> tuple[bool, list[str]]:
    """Whether all is well, and a line a check."""
    checks: list[tuple[str, Callable[[], str]]] = [
        ("python", _python),
        ("lab extra", _lab),
        ("openai sdk", _sdk),
        ("clock", _clock),
        ("loopback", _loopback),
        ("open files", _files),
        ("cores", _cores),
        ("scenarios", _scenarios),
    ]
    healthy = True
    lines: list[str] = []
    for name, check in checks:
        try:
            lines.append(f"ok    {name:<11} {check()}")
        except (HarnessError, ScenarioError, OSError) as error:
            healthy = False
            lines.append(f"BAD   {name:<11} " + str(error).replace("\n", "\n" + " " * 18))
    return healthy, lines


def _python() -> str:
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        raise HarnessError(
            f"Python {sys.version.split()[0]} is not supported", sys.executable, "use Python 3.11 to 3.13"
        )
    return sys.version.split()[0]


def _lab() -> str:
    need(LAB, "lab")
    return ", ".join(f"{each} {version(each)}" for each in ("mitmproxy", "locust", "pandas"))


def _sdk() -> str:
    found = version("openai")
    return f"openai {found}" if found else "not installed; only --openai-sdk needs it (pip install 'banstorm[sdk]')"


def _clock() -> str:
    if not sys.platform.startswith("linux"):
        raise HarnessError(
            f"{sys.platform} is not supported",
            "time.monotonic_ns",
            "run banstorm on Linux: its processes share one clock there",
        )
    readings = [time.monotonic_ns() for _ in range(1000)]
    smallest = min((b - a for a, b in pairwise(readings) if b > a), default=0)
    return f"CLOCK_MONOTONIC, shared by processes, resolution {smallest} ns or better"


def _loopback() -> str:
    port = pick_port()
    with (
        socket.create_server(("127.0.0.1", port)) as server,
        socket.create_connection(("127.0.0.1", port), 1) as client,
    ):
        server.accept()[0].close()
        return f"127.0.0.1 accepts connections (tried port {client.getpeername()[1]})"


def _files() -> str:
    allowed = allow_files()  # as a run does
    if allowed < FILES_MIN:
        raise HarnessError(
            f"only {allowed} open files are allowed", "ulimit -Hn", f"let the system allow {FILES_MIN} or more"
        )
    return f"{allowed} allowed"


def _cores() -> str:
    cores = len(os.sched_getaffinity(0))
    if cores < 2:
        raise HarnessError(
            "one core only", "sched_getaffinity", "give it two: the load generator would wait for the router"
        )
    return f"{cores} usable"


def _scenarios() -> str:
    paths = library.paths()
    for path in paths.values():
        library.load(path, registry())
    return f"{len(paths)} in the library, all valid"
