"""The injector as a forward proxy, and clients that believe to call the vendors."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from banstorm.harness.intercept_environment import Door
from banstorm.harness.intercept_hosts import host_map
from banstorm.scenarios.model import Scenario

MODULE = "injector"


def _whole(said: bytes) -> bool:
    head, end, body = said.partition(b"\r\n\r\n")
    lengths = [int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return bool(end) and len(body) >= sum(lengths)


@dataclass
class Front:
    """An injector that is a forward proxy, in front of fakes."""

    child: Any
    fakes: Any
    ports: dict[str, int]
    door: Door
    told: list[dict[str, Any]] = field(default_factory=list)

    @property
    def variables(self) -> dict[str, str]:
        """What a router is started with, beyond what a bare system has."""
        return {"PATH": "/usr/bin:/bin", **self.door.variables()}

    def trust(self, **flags: Any) -> ssl.SSLContext:
        """A client's TLS, as strict as Python's newest, that trusts the authority and nobody else."""
        context = ssl.create_default_context(cafile=str(self.door.authority))
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        for name, value in flags.items():
            setattr(context, name, value)
        return context

    def connect(self, host: str, port: int = 443) -> tuple[socket.socket, bytes]:
        """Ask for a tunnel: the connection, and what the proxy says, whole."""
        connection = socket.create_connection(("127.0.0.1", self.door.port), timeout=20)
        connection.sendall(f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
        said = b""
        while not _whole(said):
            part = connection.recv(65536)
            assert part, said
            said += part
        return connection, said

    def tunnel(self, host: str, protocols: Sequence[str] = (), **flags: Any) -> ssl.SSLSocket:
        """A TLS connection to a host, through the proxy."""
        connection, said = self.connect(host)
        assert said.startswith(b"HTTP/1.1 200"), said
        context = self.trust(**flags)
        if protocols:
            context.set_alpn_protocols(list(protocols))
        try:
            return context.wrap_socket(connection, server_hostname=host)
        except OSError:
            connection.close()
            raise

    def run(self, code: str, *, python: str = sys.executable, **more: str) -> dict[str, Any]:
        """Run a Python program as a router is run; gives the JSON that it prints."""
        done = subprocess.run(
            [python, "-P", "-c", code],
            env={**self.variables, **more},
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def warned(self, words: str) -> str:
        """The warning that says so, once it was told."""
        for event in self.child.events:
            if event["event"] == "warning" and words in event["what"]:
                return str(event["what"])
        while True:
            what = str(self.child.expect("warning")["what"])
            if words in what:
                return what

    def stop(self) -> None:
        """End both; each must end well."""
        assert self.child.stop() == 0
        assert self.fakes.stop() == 0


@pytest.fixture
def intercept(stage: Any, tmp_path: Path) -> Iterator[Callable[..., Front]]:
    """Starts a proxy: ``intercept(scenario)``; its timeline begins at once unless told otherwise."""
    return maker(stage, tmp_path)


@pytest.fixture(scope="module")
def long_intercept(long_stage: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Front]:
    """The same for the tests of one file."""
    return maker(long_stage, tmp_path_factory.mktemp("front"))


def maker(stage: Any, folder: Path) -> Callable[..., Front]:
    """What the fixtures give."""

    def make(
        scenario: Scenario,
        maps: Mapping[str, str] | None = None,
        *,
        upstreams: Mapping[str, int] | None = None,
        begin: bool = True,
    ) -> Front:
        child = stage.spawn(MODULE)
        fakes, ports = stage.fakes(scenario, inline=False)
        wanted = {"port": 0, "folder": str(folder / f"ca{ports}"), "hosts": host_map(scenario, maps or {}).names}
        config = stage.config(scenario, MODULE, upstreams={**ports, **(upstreams or {})}, ports={}, intercept=wanted)
        child.configure(config)
        ready = child.expect("ready")
        proxy = ready["proxy"]
        front = Front(
            child, fakes, ready["ports"], Door(proxy["port"], Path(proxy["authority"]), Path(proxy["bundle"]))
        )
        if begin:
            child.start(time.monotonic_ns())
            if scenario.timeline and scenario.timeline[0].at == 0:
                child.expect("armed")
        return front

    return make
