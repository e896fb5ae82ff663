"""What happens to connections through the proxy before there is a request: shut doors, broken TLS."""

from __future__ import annotations

import os
import select
import socket
import ssl
import time

import pytest

pytestmark = pytest.mark.lab


def entry(fault, **more):
    """An entry on OpenAI from the first moment on."""
    return {"at": "0s", "on": "openai", "fault": fault, **more}


def ask(connection, request):
    """Send a request; the first bytes of what comes."""
    connection.sendall(request)
    return connection.recv(65536)


def rest(connection):
    """All that still comes."""
    data = b""
    while part := connection.recv(65536):
        data += part
    return data


def rest_of_wire(connection):
    """The same below TLS: Python's own reading tells a reset as an end of file."""
    while select.select([connection], [], [], 20)[0] and os.read(connection.fileno(), 65536):
        pass


FLAWS = [
    ("expired", ssl.SSLCertVerificationError, "certificate has expired"),
    ("wrong_host", ssl.SSLCertVerificationError, "Hostname mismatch"),
    ("unknown_issuer", ssl.SSLCertVerificationError, "unable to get local issuer certificate"),
    ("handshake_failure", ssl.SSLError, "ALERT_HANDSHAKE_FAILURE|alert handshake failure"),
    ("close", ssl.SSLError, "EOF"),
    ("reset", ConnectionResetError, "reset by peer"),
]


@pytest.mark.parametrize("protocols", [["http/1.1"], ["h2", "http/1.1"]], ids=["http1", "http2"])
@pytest.mark.parametrize(("how", "error", "words"), FLAWS, ids=[each[0] for each in FLAWS])
def test_a_handshake_is_broken_as_asked(intercept, scenario_of, request_of, how, error, words, protocols):
    """Each way to break a handshake shows as what it is, is counted, and leaves other providers alone."""
    front = intercept(scenario_of([entry("tls_broken", **{"with": {"how": how}})]))
    for _ in range(3):
        with pytest.raises(error, match=words):
            front.tunnel("api.openai.com", protocols)
    front.tunnel("api.anthropic.com", protocols).close()
    assert "openai" == front.child.expect("bite")["provider"]
    front.stop()
    windows = {row["provider"]: row for row in front.child.rows("faults")}
    assert 3 == windows["openai"]["bites"]
    assert [] == front.child.rows("attempts")


def test_a_session_from_before_does_not_slip_through(intercept, scenario_of):
    """A client that would resume its TLS session shows no ticket that a broken handshake takes."""
    front = intercept(scenario_of([entry("tls_broken")]), begin=False)
    context = front.trust()
    connection, _ = front.connect("api.openai.com")
    before = context.wrap_socket(connection, server_hostname="api.openai.com")
    before.sendall(b"GET / HTTP/1.1\r\nHost: api.openai.com\r\n\r\n")
    before.recv(65536)  # the ticket comes with or before this
    session = before.session
    assert session.has_ticket
    front.child.start(time.monotonic_ns())
    front.child.expect("armed")
    connection, _ = front.connect("api.openai.com")
    with connection, pytest.raises(ssl.SSLError, match=r"(?i)handshake"):
        context.wrap_socket(connection, server_hostname="api.openai.com", session=session)
    before.close()
    front.stop()


def test_a_router_that_does_not_look_is_told_of(intercept, scenario_of, request_of):
    """Who calls a host whose certificate is broken has a hole in its defence, and the run says so."""
    front = intercept(scenario_of([entry("tls_broken", **{"with": {"how": "expired"}})]))
    with front.tunnel("api.openai.com", check_hostname=False, verify_mode=ssl.CERT_NONE) as careless:
        assert ask(careless, request_of("openai", 1, stream=False)).startswith(b"HTTP/1.1 200")
    assert "expired" in front.warned("api.openai.com although its certificate was broken")
    front.stop()


def test_idle_connections_end_when_handshakes_begin_to_fail(intercept, scenario_of, request_of):
    """A router with kept connections meets the fault, too: idle ones are closed, one that is busy after its answer."""
    front = intercept(scenario_of([entry("tls_broken")], ttft="500ms"), begin=False)
    with front.tunnel("api.openai.com") as idle, front.tunnel("api.openai.com") as busy:
        assert ask(idle, request_of("openai", 1, stream=False)).startswith(b"HTTP/1.1 200")
        idle.settimeout(20)
        busy.sendall(request_of("openai", 2, stream=True))
        begun = busy.recv(65536)  # its head: from now on it is under way
        front.child.start(time.monotonic_ns())
        rest(idle)
        answer = begun + rest(busy)
    assert b"[DONE]" in answer
    assert answer.endswith(b"0\r\n\r\n")
    front.stop()


def test_a_refused_door_is_what_a_proxy_says_of_a_dead_host(intercept, scenario_of, request_of):
    """No tunnel opens while the provider's door is shut, open ones are reset, and both count."""
    front = intercept(scenario_of([entry("connection_refused")]), begin=False)
    with front.tunnel("api.openai.com") as open_before:
        assert ask(open_before, request_of("openai", 1, stream=False)).startswith(b"HTTP/1.1 200")
        front.child.start(time.monotonic_ns())
        with pytest.raises(ConnectionResetError):
            rest_of_wire(open_before)
    connection, said = front.connect("api.openai.com")
    connection.close()
    assert said.startswith(b"HTTP/1.1 502 Bad Gateway")
    assert b"api.openai.com:443 refuses connections" in said
    front.tunnel("api.anthropic.com").close()
    front.stop()
    assert [] == front.child.rows("refusals")
    (window,) = [row for row in front.child.rows("faults") if row["provider"] == "openai"]
    assert window["bites"] >= 1


def test_an_unreachable_host_keeps_the_router_waiting_until_it_can_be_reached(intercept, scenario_of):
    """CONNECT gets no answer inside the window, and is let through after it."""
    front = intercept(scenario_of([entry("unreachable", until="1s")]))
    waiting = socket.create_connection(("127.0.0.1", front.door.port), timeout=20)
    with waiting:
        waiting.sendall(b"CONNECT api.openai.com:443 HTTP/1.1\r\n\r\n")
        front.child.expect("disarmed")
        answered = waiting.recv(65536)
    assert answered.startswith(b"HTTP/1.1 200")
    front.stop()


def test_a_router_that_gives_up_on_an_unreachable_host_is_let_go_of(intercept, scenario_of):
    """Nothing waits for a router that has left, and the injector ends well inside the window."""
    front = intercept(scenario_of([entry("unreachable")]))
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", front.door.port), timeout=20) as waiting:
            waiting.sendall(b"CONNECT api.openai.com:443 HTTP/1.1\r\n\r\n")
            waiting.settimeout(0.2)
            with pytest.raises(TimeoutError):
                waiting.recv(65536)
    front.stop()
