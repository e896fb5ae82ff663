"""Ten thousand malformed requests over real HTTP: the server stays healthy, and its memory flat."""

from __future__ import annotations

import json
import random
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import psutil
import pytest
from odd_requests import HEADERS, Asked, odd_request, right_requests, vendors

PATIENCE_S = 60  # nothing takes anywhere near it; a hang fails instead of hanging
WARM_UP = 2_000
REQUESTS = 10_000
BATCH = 20  # requests sent before their answers are read: otherwise two processes would mostly wait for one another
BODY_BYTES_MAX = 4_000  # of most bodies; longer ones are cut, which makes them no better
GARBAGE = (
    b"\x16\x03\x01\x02\x00",
    b"GET / HTTP/9.9\r\n\r\n",
    b"POST /v1 HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
    b"\0" * 64,
)
# The server's memory moves by some 300 KiB over as many requests, as its allocator sees fit. A server that kept each
# request's body grew by more than 7 MB. This bound, between the two, is 400 bytes a request.
GROWTH_BYTES_MAX = 3 * 2**20


@dataclass
class Server:
    """The child that serves, and where."""

    process: subprocess.Popen[str]
    ports: dict[str, int]

    def resident_bytes(self) -> int:
        """Its resident memory."""
        return int(psutil.Process(self.process.pid).memory_info().rss)


@pytest.fixture
def server() -> Iterator[Server]:
    """Every vendor's fake in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-P", str(Path(__file__).with_name("serve_all.py")), *vendors()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    yield Server(process, json.loads(process.stdout.readline()))
    if process.poll() is None:
        process.communicate(timeout=PATIENCE_S)


class Connection:
    """A connection that is kept, over which requests go out several at a time."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
        self._file = self._socket.makefile("rb")

    def ask(self, requests: list[Asked], chance: random.Random) -> list[tuple[int, bytes]]:
        """Status and body of each answer."""
        self._socket.sendall(b"".join(_written(each, chance) for each in requests))
        return [self._read(each.method) for each in requests]

    def close(self) -> None:
        """Go away."""
        self._file.close()
        self._socket.close()

    def _read(self, method: str) -> tuple[int, bytes]:
        status = self._file.readline()
        assert status, "the server hung up"
        headers: dict[bytes, bytes] = {}
        while (line := self._file.readline()) != b"\r\n":
            name, _, value = line.partition(b":")
            headers[name.lower()] = value.strip()
        return int(status.split()[1]), b"" if method == "HEAD" else self._read_body(headers)

    def _read_body(self, headers: dict[bytes, bytes]) -> bytes:
        if b"content-length" in headers:
            return self._file.read(int(headers[b"content-length"]))
        body = b""
        while (length := int(self._file.readline(), 16)) > 0:
            body += self._file.read(length)
            self._file.readline()
        self._file.readline()
        return body


def _written(asked: Asked, chance: random.Random) -> bytes:
    """The request's bytes; some bodies come in chunks, of unannounced length."""
    head = f"{asked.method} {asked.target} HTTP/1.1\r\nhost: x\r\n".encode()
    head += b"".join(f"{name}: {value}\r\n".encode("latin-1") for name, value in asked.headers.items())
    if not asked.body or chance.random() < 0.8:
        return head + b"content-length: %d\r\n\r\n" % len(asked.body) + asked.body
    half = len(asked.body) // 2
    chunks = [chunk for chunk in (asked.body[:half], asked.body[half:]) if chunk]
    return (
        head
        + b"transfer-encoding: chunked\r\n\r\n"
        + b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
        + b"0\r\n\r\n"
    )


def _malformed(name: str, chance: random.Random) -> Asked:
    asked = odd_request(name, chance)
    return Asked(name, asked.method, asked.target, asked.headers, asked.body[:BODY_BYTES_MAX])


def _storm(server: Server, count: int, seed: int) -> dict[int, int]:
    """So many requests, a batch to each vendor in turn; how many answers there were of each status."""
    chance = random.Random(seed)
    connections = {name: Connection(port) for name, port in server.ports.items()}
    found: dict[int, int] = {}
    names = list(connections)
    for batch in range(count // BATCH):
        name = names[batch % len(names)]
        for status, _ in connections[name].ask([_malformed(name, chance) for _ in range(BATCH)], chance):
            found[status] = found.get(status, 0) + 1
        if batch % 10 == 0:  # what is no request at all costs its connection, and nobody else's
            with socket.create_connection(("127.0.0.1", server.ports[name]), PATIENCE_S) as stray:
                stray.sendall(chance.choice(GARBAGE))
    for connection in connections.values():
        connection.close()
    return found


def _right_answer(port: int, name: str) -> tuple[int, Any]:
    method, target, document = right_requests(name)[0]
    body = b"" if document is None else orjson.dumps(document)
    connection = Connection(port)
    (answer,) = connection.ask([Asked(name, method, target, HEADERS, body)], random.Random(0))
    connection.close()
    return answer


def test_ten_thousand_malformed_requests(server: Server) -> None:
    """Each gets an answer below 500, the right answer comes afterwards as before, and no memory is kept."""
    before = {name: _right_answer(port, name) for name, port in server.ports.items()}
    assert {status for status, _ in before.values()} == {200}
    found = _storm(server, WARM_UP, 1)
    warm_bytes = server.resident_bytes()
    for status, count in _storm(server, REQUESTS - WARM_UP, 2).items():
        found[status] = found.get(status, 0) + count
    grown_bytes = server.resident_bytes() - warm_bytes
    assert sum(found.values()) == REQUESTS
    assert max(found) < 500
    assert sum(count for status, count in found.items() if status >= 400) > REQUESTS / 2
    for name, port in server.ports.items():
        status, body = _right_answer(port, name)
        assert (status, len(body)) == (200, len(before[name][1]))
    assert grown_bytes < GROWTH_BYTES_MAX
    _, said = server.process.communicate(timeout=PATIENCE_S)
    assert said == ""
