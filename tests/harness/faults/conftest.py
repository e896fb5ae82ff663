"""The real children over their real protocol, and a client on a raw socket that sees how a connection ends."""

from __future__ import annotations

import json
import os
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pytest
from banstorm.fakes.answer import Mark, Shape
from banstorm.fakes.dialects import find
from banstorm.scenarios.model import Scenario

from .nursery import start

RUN = "7f3a9c"
SEED = 20260104
WAIT_S = 20.0


def make_scenario(
    timeline: Sequence[dict[str, Any]] = (), providers: dict[str, str] | None = None, **pace: Any
) -> Scenario:
    """A scenario with these entries on providers of these dialects, fast unless `pace` says otherwise."""
    pace = {"ttft": "5ms", "tokens_per_second": 2000, "jitter": "0%", **pace}
    providers = providers or {"anthropic": "anthropic", "openai": "openai"}
    return Scenario.model_validate(
        {
            "version": 1,
            "title": "a test",
            "story": "none",
            "source": "none",
            "seed": SEED,
            "providers": {name: {"dialect": dialect, "model": "m", **pace} for name, dialect in providers.items()},
            "load": {"rate": "1/s", "duration": "1h"},
            "timeline": list(timeline),
            "expect": {"lost_calls": 0},
        }
    )


def make_request(dialect: str, call: int, *, stream: bool, words: int = 24, model: str = "m", **more: Any) -> bytes:
    """A whole HTTP request for a marked answer."""
    mark = Mark(RUN, call, Shape.TEXT, words).render()
    body = {"model": model, "stream": stream, "messages": [{"role": "user", "content": f"say {mark}"}], **more}
    key = find(dialect).key_example
    if dialect == "anthropic":
        body["max_tokens"] = 4096
        path, auth = "/v1/messages", f"x-api-key: {key}\r\nanthropic-version: 2023-06-01"
    else:
        path, auth = f"{find(dialect).base_path}/chat/completions", f"authorization: Bearer {key}"
    data = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n{auth}\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(data)}\r\n\r\n".encode() + data


@dataclass
class Got:
    """What came back on a connection. `ended` is complete, cut (closed too early), refused (no byte) or hung."""

    status: int | None = None
    reason: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    ended: str = "hung"
    first_byte_s: float | None = None
    last_byte_s: float = 0.0

    def header(self, name: str) -> str | None:
        """The last value of a header."""
        return dict(self.headers).get(name)


class Connection:
    """A kept-alive client connection."""

    def __init__(self, port: int, timeout_s: float = WAIT_S) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, request: bytes) -> None:
        """Send without waiting for anything."""
        self.socket.sendall(request)

    def read_until(self, found: bytes) -> bytes:
        """Read until `found` has come."""
        data = b""
        while found not in data:
            part = self.socket.recv(65536)
            assert part, f"the connection closed before {found!r}: {data!r}"
            data += part
        return data

    def ask(self, request: bytes) -> Got:
        """Send a request and read until its answer is complete, the connection closes, or nothing more comes."""
        started_s = time.monotonic()
        self.send(request)
        data, got = b"", Got()
        while True:
            try:
                part = self.socket.recv(65536)
            except TimeoutError:
                got.ended = "hung"
                break
            except ConnectionError:
                part = b""
            if not part:
                got.ended = "cut" if data else "refused"
                break
            data += part
            got.last_byte_s = time.monotonic() - started_s
            got.first_byte_s = got.first_byte_s or got.last_byte_s
            if _complete(data):
                got.ended = "complete"
                break
        _parse(data, got)
        return got


def _head(data: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
    head, _, rest = data.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    pairs = [line.partition(":") for line in lines]
    return int(status.split()[1]), [(name.lower(), value.strip()) for name, _, value in pairs], rest


def _complete(data: bytes) -> bool:
    if b"\r\n\r\n" not in data:
        return False
    _, headers, rest = _head(data)
    if "chunked" in dict(headers).get("transfer-encoding", ""):
        return rest.endswith(b"0\r\n\r\n")
    return len(rest) >= int(dict(headers)["content-length"])


def _parse(data: bytes, got: Got) -> None:
    if b"\r\n\r\n" not in data:
        return
    got.status, got.headers, rest = _head(data)
    got.reason = data.partition(b"\r\n")[0].decode("latin-1").split(" ", 2)[2].strip()
    if "chunked" not in (got.header("transfer-encoding") or ""):
        got.body = rest
        return
    while b"\r\n" in rest:
        size, _, rest = rest.partition(b"\r\n")
        count = int(size, 16)
        got.body += rest[:count]
        rest = rest[count + 2 :]


class Child:
    """A child process of the harness, spoken to as the harness does."""

    def __init__(self, module: str, *, anew: bool = False) -> None:
        self.ledger = Path()
        self.events: list[dict[str, Any]] = []
        self._news: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self.process = start(module, anew=anew)
        self._errors: list[str] = []
        self._read_until: dict[Path, int] = {}
        self._rows: list[dict[str, Any]] = []
        threading.Thread(target=self._read, daemon=True).start()
        threading.Thread(target=self._read_errors, daemon=True).start()

    def configure(self, config: dict[str, Any]) -> None:
        """Send the configuration."""
        self.ledger = Path(config["ledger"])
        self.send(config)

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self._news.put(json.loads(line))
        self._news.put(None)

    def _read_errors(self) -> None:
        assert self.process.stderr
        self._errors.extend(line.decode() for line in self.process.stderr)

    def send(self, message: dict[str, Any]) -> None:
        """Send a line."""
        assert self.process.stdin
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()

    def expect(self, event: str, **fields: Any) -> dict[str, Any]:
        """Read events until one of that name with these fields."""
        while True:
            news = self._news.get(timeout=WAIT_S)
            assert news is not None, f"ended before {event!r} was said: {''.join(self._errors)}"
            self.events.append(news)
            if news["event"] == event and fields.items() <= news.items():
                return news

    def start(self, t0_ns: int) -> None:
        """Begin the timeline."""
        self.send({"command": "start", "t0_ns": t0_ns})

    def stop(self) -> int:
        """Ask it to end, and wait; its exit code."""
        if self.process.poll() is None:
            self.send({"command": "stop"})
            self.expect("bye")
        code = self.process.wait(WAIT_S)
        noise = [line for line in self._errors if "has no price" not in line]
        assert not noise, "".join(noise)
        return code

    def rows(self, table: str) -> list[dict[str, Any]]:
        """The rows of its ledger so far; each line is read once, however often one asks."""
        for path in self.ledger.glob("*.ndjson"):
            with path.open("rb") as file:
                file.seek(self._read_until.get(path, 0))
                whole, newline, _ = file.read().rpartition(b"\n")  # the last line may be on its way
            self._rows += [json.loads(line) for line in whole.splitlines()]
            self._read_until[path] = self._read_until.get(path, 0) + len(whole + newline)
        return [row for row in self._rows if row["table"] == table]

    def wait_for_row(self, table: str, found: Callable[[dict[str, Any]], bool] = lambda _: True) -> dict[str, Any]:
        """The first such row, once it is written."""
        until = time.monotonic() + WAIT_S
        while time.monotonic() < until:
            for row in self.rows(table):
                if found(row):
                    return row
            time.sleep(0.02)
        raise AssertionError(f"no such row in {table}: {self.rows(table)}")


@dataclass
class Host:
    """A fault host that runs: the children it consists of, and each provider's port."""

    name: str
    child: Child
    fakes: Child
    ports: dict[str, int]
    t0_ns: int = 0

    def connect(self, provider: str, timeout_s: float = WAIT_S) -> Connection:
        """A connection to a provider through the host."""
        return Connection(self.ports[provider], timeout_s)

    def ask(self, provider: str, request: bytes, timeout_s: float = WAIT_S) -> Got:
        """One request on a connection of its own."""
        with self.connect(provider, timeout_s) as connection:
            return connection.ask(request)

    def stop(self) -> None:
        """End the children; each must end well."""
        assert self.child.stop() == 0
        if self.fakes is not self.child:
            assert self.fakes.stop() == 0


class Stage:
    """Starts hosts, and ends what is left of them."""

    def __init__(self, folder: Path) -> None:
        self.anew = False
        """Whether children are processes of their own, and not forked from the nursery."""
        self._folder = folder
        self._children: list[Child] = []

    def config(self, scenario: Scenario, name: str, **more: Any) -> dict[str, Any]:
        """A child's configuration."""
        dump = scenario.model_dump(mode="json", by_alias=True)
        folder = self._folder / f"{name}{len(self._children)}"
        return {"run": RUN, "seed": SEED, "ledger": str(folder), "scenario": dump, **more}

    def spawn(self, module: str) -> Child:
        """Start a child that waits for its configuration."""
        child = Child(f"banstorm.harness.{module}", anew=self.anew)
        self._children.append(child)
        return child

    def child(self, module: str, config: dict[str, Any]) -> Child:
        """Start a child."""
        child = self.spawn(module)
        child.configure(config)
        return child

    def fakes(self, scenario: Scenario, *, inline: bool) -> tuple[Child, dict[str, int]]:
        """Start the fakes."""
        ports = dict.fromkeys(scenario.providers, 0)
        child = self.child("fakes_host", self.config(scenario, "fakes", ports=ports, inline=inline))
        return child, child.expect("ready")["ports"]

    def host(self, name: str, scenario: Scenario, *, begin: bool = True) -> Host:
        """Start the fakes behind mitmproxy or with inline faults; the timeline begins at once unless told otherwise."""
        injector = self.spawn("injector") if name == "mitmproxy" else None  # it imports while the fakes get ready
        fakes, ports = self.fakes(scenario, inline=injector is None)
        host = Host(name, fakes, fakes, ports)
        if injector is not None:
            injector.configure(self.config(scenario, "injector", upstreams=ports, ports=dict.fromkeys(ports, 0)))
            host.child, host.ports = injector, injector.expect("ready")["ports"]
        if begin:
            host.t0_ns = time.monotonic_ns()
            host.child.start(host.t0_ns)
            if scenario.timeline and scenario.timeline[0].at == 0:
                host.child.expect("armed")
        return host

    def injector(self, scenario: Scenario, upstreams: dict[str, int], **ports: int) -> Child:
        """Start an injector in front of these ports."""
        config = self.config(scenario, "injector", upstreams=upstreams, ports={**dict.fromkeys(upstreams, 0), **ports})
        return self.child("injector", config)

    def close(self) -> None:
        """End what still runs."""
        for child in self._children:
            if child.process.poll() is None:
                os.kill(child.process.pid, 9)
            child.process.wait(WAIT_S)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """Starts hosts for one test."""
    stage = Stage(tmp_path)
    yield stage
    stage.close()


@pytest.fixture(scope="module")
def long_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Starts hosts for the tests of one file."""
    stage = Stage(tmp_path_factory.mktemp("stage"))
    yield stage
    stage.close()


@pytest.fixture(scope="session")
def client() -> type[Connection]:
    """Opens a client connection to a port."""
    return Connection


@pytest.fixture(scope="session")
def scenario_of() -> Callable[..., Scenario]:
    """Makes scenarios, see `make_scenario`."""
    return make_scenario


@pytest.fixture(scope="session")
def request_of() -> Callable[..., bytes]:
    """Makes requests, see `make_request`."""
    return make_request
