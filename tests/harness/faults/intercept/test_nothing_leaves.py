"""Whatever a router asks of the proxy: no name is looked up, and no address called but the fakes'."""

from __future__ import annotations

import json
import os
import socket
import ssl
from pathlib import Path

import httpx
import pytest

pytestmark = pytest.mark.lab

WATCH = """
import asyncio, json, sys, types

uvloop = types.ModuleType("uvloop")  # its sockets are made in C, where nobody can listen
uvloop.new_event_loop = asyncio.new_event_loop
sys.modules["uvloop"] = uvloop
log = open({path!r}, "a", buffering=1)

def listen(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        log.write(json.dumps([event, str(arguments[1])]) + "\\n")
    elif event.startswith("socket.get") and event not in ("socket.gethostname",):
        log.write(json.dumps([event, str(arguments[0])]) + "\\n")
    elif event in ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn"):
        log.write(json.dumps([event, str(arguments[0])]) + "\\n")

sys.addaudithook(listen)
"""


@pytest.fixture
def watched(tmp_path, monkeypatch, intercept, scenario_of):
    """A proxy whose every connection and look-up is written down, and what was."""
    log = tmp_path / "calls.ndjson"
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(WATCH.format(path=str(log)))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"), prepend=os.pathsep)
    front = intercept(scenario_of(), {"mapped.example.com": "openai", "*.example.org": "openai"})
    return front, log


def _calls(log: Path) -> list[tuple[str, str]]:
    return [tuple(json.loads(line)) for line in log.read_text().splitlines()]


def _raw(front, data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", front.door.port), timeout=20) as connection:
        connection.sendall(data)
        return connection.recv(65536)


STRAYS = (
    b"CONNECT example.com:443 HTTP/1.1\r\nHost: api.openai.com\r\n\r\n",
    b"CONNECT 93.184.216.34:443 HTTP/1.1\r\n\r\n",
    b"CONNECT [2606:2800:220:1::1]:443 HTTP/1.1\r\n\r\n",
    b"CONNECT localhost:22 HTTP/1.1\r\n\r\n",
    b"GET http://example.com/ HTTP/1.1\r\nHost: api.openai.com\r\n\r\n",
    b"GET https://example.com/ HTTP/1.1\r\nHost: example.com\r\n\r\n",
    b"GET ftp://example.com/ HTTP/1.1\r\nHost: example.com\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: example.com\r\n\r\n",
)


def test_nothing_leaves_this_machine(watched, request_of):
    """Mapped or not, by name or address, in request line, Host header, SNI or :authority: only fakes are called."""
    front, log = watched
    for stray in STRAYS:
        assert _raw(front, stray).split(b" ", 2)[1] in {b"400", b"403"}
    request = request_of("openai", 1, stream=False)
    for host in ("api.openai.com", "mapped.example.com", "any.example.org"):  # example.com and .org exist
        with front.tunnel(host) as tunnel:
            tunnel.sendall(request.replace(b"host: 127.0.0.1", b"host: example.com"))
            assert tunnel.recv(65536).startswith(b"HTTP/1.1 200")
        with front.tunnel(host) as tunnel:  # a tunnel is no way to another proxy
            tunnel.sendall(b"GET http://example.com/ HTTP/1.1\r\nhost: example.com\r\n\r\n")
            assert tunnel.recv(65536).startswith(b"HTTP/1.1 4")
        with front.tunnel(host) as tunnel:
            tunnel.sendall(b"CONNECT example.com:443 HTTP/1.1\r\nhost: example.com\r\n\r\n")
            assert tunnel.recv(65536).startswith(b"HTTP/1.1 4")
    connection, _ = front.connect("api.openai.com")  # one host for the tunnel, another inside it
    with connection, pytest.raises(ssl.SSLCertVerificationError):
        front.trust().wrap_socket(connection, server_hostname="example.com")
    plain = request.replace(b"POST /", b"POST http://mapped.example.com:8080/", 1)
    assert _raw(front, plain).startswith(b"HTTP/1.1 200")
    with httpx.Client(http2=True, proxy=front.door.url, verify=front.trust(), trust_env=False) as client:
        headers = {"host": "example.com", "authorization": "Bearer sk-proj-test"}
        assert client.get("https://api.openai.com/v1/models", headers=headers).status_code == 200
        upgrade = {
            "connection": "upgrade",
            "upgrade": "websocket",
            "sec-websocket-key": "x",
            "sec-websocket-version": "13",
        }
        assert client.get("https://mapped.example.com/v1/realtime", headers=upgrade).status_code >= 400
    front.stop()
    calls = _calls(log)
    called = {where for event, where in calls if event == "socket.connect"}
    fake = front.child.events[0]["ports"]["openai"]
    assert called, "the watch saw nothing"
    assert all(where.startswith("('127.0.0.1', ") for where in called)
    assert f"('127.0.0.1', {fake})" not in called  # our own listener: it is not called in a circle
    assert 1 == len(called)  # OpenAI's fake, and nothing besides
    looked_up = [each for each in calls if each[0] != "socket.connect"]
    assert {where for _, where in looked_up} <= {"127.0.0.1", "None"}
