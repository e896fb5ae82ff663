"""What only mitmproxy's host can get wrong."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

pytestmark = pytest.mark.lab


@contextmanager
def upstream(answers):
    """A provider by hand: plays `answers(connection)` for each connection; gives its port and what it accepted."""
    accepted = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept():
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                accepted.append(connection)
                threading.Thread(target=answers, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1], accepted
        server.shutdown(socket.SHUT_RDWR)
    for connection in accepted:
        connection.close()


def _read_request(connection) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65536)
        if not part:
            return b""
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    while len(body) < length:
        body += connection.recv(65536)
    return head


STREAM = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nX-Banstorm-Attempt: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
)


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def _injector(stage, scenario, port):
    child = stage.injector(scenario, {"openai": port})
    from_ready = child.expect("ready")["ports"]["openai"]
    child.start(time.monotonic_ns())
    return child, from_ready


@pytest.fixture
def connect():
    """Opens client connections."""
    from contextlib import ExitStack

    with ExitStack() as stack:

        def make(port):
            connection = socket.create_connection(("127.0.0.1", port), timeout=20)
            return stack.enter_context(connection)

        yield make


def test_upstream_connections_are_reused(stage, scenario_of, request_of, client):
    """A router that keeps its connection alive meets one connection at the provider, faulted requests in between."""
    entry = {"at": "0s", "on": "openai", "fault": "overloaded", "model": "bad"}

    def answer(connection):
        while _read_request(connection):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    with upstream(answer) as (port, accepted):
        child, ours = _injector(stage, scenario_of([entry]), port)
        child.expect("armed")
        with client(ours) as connection:
            for call in range(30):
                bad = call % 3 == 0
                got = connection.ask(request_of("openai", call, stream=False, model="bad" if bad else "m"))
                assert got.status == (503 if bad else 200)
        assert child.stop() == 0
    assert len(accepted) == 1


@pytest.mark.parametrize("filtered", [False, True])
def test_an_event_is_passed_on_before_the_next_exists(stage, scenario_of, request_of, connect, filtered):
    """Nothing is held back: the provider sends the next event only after the router has read the one before."""
    entry = {"at": "0s", "on": "openai", "fault": "field_renamed", "with": {"field": "content", "to": "contents"}}
    read = threading.Semaphore(1)

    def answer(connection):
        _read_request(connection)
        connection.sendall(STREAM)
        for place in range(5):
            assert read.acquire(timeout=10)
            connection.sendall(_chunk(b'data: {"content":"~%d"}\n\n' % place))
        connection.sendall(b"0\r\n\r\n")

    with upstream(answer) as (port, _):
        child, ours = _injector(stage, scenario_of([entry] if filtered else []), port)
        if filtered:
            child.expect("armed")
        router = connect(ours)
        router.sendall(request_of("openai", 1, stream=True))
        data = b""
        for place in range(5):
            while b'"~%d"' % place not in data:
                data += router.recv(65536)
            read.release()
        while not data.endswith(b"0\r\n\r\n"):
            data += router.recv(65536)
        assert child.stop() == 0
    assert (b'"contents"' if filtered else b'"content"') in data
    assert b"anstorm" not in data.lower()
    assert child.rows("attempts")[0]["delivered_tokens"] == 5


def test_a_provider_that_fails_is_told_apart(stage, scenario_of, request_of, connect):
    """A provider that breaks off mid-stream, hangs up without a word, or isn't there ends the attempt itself."""

    def answer(connection):
        head = _read_request(connection)
        if b"x-banstorm-attempt: 7f3a9c-1" in head:
            connection.sendall(STREAM + _chunk(b"data: ~\n\n"))
        connection.shutdown(socket.SHUT_RDWR)

    with upstream(answer) as (port, _):
        child, ours = _injector(stage, scenario_of(), port)
        for call in (1, 2):
            router = connect(ours)
            router.sendall(request_of("openai", call, stream=True))
            while router.recv(65536):
                pass
    router = connect(ours)
    router.sendall(request_of("openai", 3, stream=True))
    assert router.recv(65536).startswith(b"HTTP/1.1 502")
    assert child.stop() == 0
    rows = child.rows("attempts")
    assert [("provider", 200, 1, True), ("provider", 502, 0, True), ("provider", 502, 0, False)] == [
        (row["ended_by"], row["status"], row["delivered_tokens"], row["reached"]) for row in rows
    ]


def test_cutting_a_stream_lets_the_provider_know(stage, scenario_of, request_of, connect):
    """After a cut the provider's side is closed at once too, though it had more to say."""
    entry = {"at": "0s", "on": "openai", "fault": "stream_cut", "with": {"after": "2 tokens"}}
    closed = threading.Event()

    def answer(connection):
        _read_request(connection)
        connection.sendall(STREAM + _chunk(b"data: ~1\n\n") + _chunk(b"data: ~2\n\ndata: ~3\n\n"))
        if connection.recv(100) == b"":
            closed.set()

    with upstream(answer) as (port, _):
        child, ours = _injector(stage, scenario_of([entry]), port)
        child.expect("armed")
        router = connect(ours)
        router.sendall(request_of("openai", 1, stream=True))
        data = b""
        while part := router.recv(65536):
            data += part
        assert closed.wait(10)
        assert child.stop() == 0
    assert data.endswith(b"data: ~2\n\n\r\n")
    assert b"~3" not in data
    assert [("fault", 2)] == [(row["ended_by"], row["delivered_tokens"]) for row in child.rows("attempts")]


def test_a_cut_holds_even_if_everything_comes_at_once(stage, scenario_of, request_of, connect):
    """When a whole stream arrives in one piece, what follows the cut is dropped, its proper ending included."""
    entry = {"at": "0s", "on": "openai", "fault": "stream_cut", "with": {"after": "2 tokens"}}
    whole = STREAM + b"".join(_chunk(b"data: ~%d\n\n" % place) for place in range(9)) + b"0\r\n\r\n"

    def answer(connection):
        while _read_request(connection):
            connection.sendall(whole)

    with upstream(answer) as (port, _):
        child, ours = _injector(stage, scenario_of([entry]), port)
        child.expect("armed")
        for call in range(20):
            router = connect(ours)
            router.sendall(request_of("openai", call, stream=True))
            data = b""
            while part := router.recv(65536):
                data += part
            assert data.endswith(b"~1\n\n\r\n")
        assert child.stop() == 0
    assert [("fault", 2)] * 20 == [(row["ended_by"], row["delivered_tokens"]) for row in child.rows("attempts")]


def test_a_large_plain_answer_is_held_back_only_to_be_changed(stage, scenario_of, request_of, connect):
    """An untouched body of megabytes streams through; a filtered one is held, changed, and gets its length anew."""
    entry = {"at": "0s", "on": "openai", "fault": "field_renamed", "model": "drift"}
    filler = b"x" * 3_000_000
    body = b'{"content":"' + filler + b'"}'

    def answer(connection):
        while _read_request(connection):
            head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
            connection.sendall(head + body)

    with upstream(answer) as (port, _):
        child, ours = _injector(stage, scenario_of([entry]), port)
        child.expect("armed")
        for model, expected in (("m", body), ("drift", b'{"content_v2":"' + filler + b'"}')):
            router = connect(ours)
            router.sendall(request_of("openai", 1, stream=False, model=model))
            data = b""
            while not data.endswith(b'"}'):
                data += router.recv(1 << 20)
            head, _, got = data.partition(b"\r\n\r\n")
            assert expected == got
            assert b"content-length: %d" % len(expected) in head.lower()
        assert child.stop() == 0


def test_nothing_is_written_to_the_users_home(stage, scenario_of, request_of, tmp_path, monkeypatch):
    """Mitmproxy's own folder, keys and certificates are never made; its temporary one is gone afterwards."""
    home, temporary = tmp_path / "home", tmp_path / "temporary"
    home.mkdir()
    temporary.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("TMPDIR", str(temporary))
    host = stage.host("mitmproxy", scenario_of())
    assert host.ask("openai", request_of("openai", 1, stream=False)).status == 200
    host.stop()
    assert [] == list(home.iterdir())
    assert [] == list(temporary.iterdir())


def test_it_listens_on_loopback_only(stage, scenario_of):
    """Every socket the injector listens on is bound to 127.0.0.1."""
    host = stage.host("mitmproxy", scenario_of())
    inodes = set()
    for link in Path(f"/proc/{host.child.process.pid}/fd").iterdir():
        target = str(link.readlink())
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    lines = [
        line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]
    ]
    listening = [fields[1] for fields in lines if fields[3] == "0A" and fields[9] in inodes]
    assert len(listening) == 2
    assert all(address.startswith("0100007F:") for address in listening)
    host.stop()


def test_a_provider_is_told_where_a_request_comes_from(stage, scenario_of, request_of, connect):
    """The provider, whose every connection is ours, learns the router's address; what the router says is not it."""
    heads = []

    def answer(connection):
        heads.append(_read_request(connection))
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    request = request_of("openai", 1, stream=False)
    with upstream(answer) as (port, _):
        child, ours = _injector(stage, scenario_of(), port)
        router = connect(ours)
        router.sendall(request.replace(b"\r\nhost:", b"\r\nx-forwarded-for: 203.0.113.9\r\nhost:"))
        assert router.recv(65536).startswith(b"HTTP/1.1 200")
        assert child.stop() == 0
    [head] = heads
    told = [line for line in head.lower().split(b"\r\n") if line.startswith(b"x-forwarded-for")]
    assert told == [b"x-forwarded-for: 127.0.0.1"]
