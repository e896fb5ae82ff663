"""Doors: connections that are refused, or never answered, while a window is open, seen from a raw socket."""

from __future__ import annotations

import errno
import socket
import threading
import time

import pytest

HOSTS = [pytest.param("mitmproxy", marks=pytest.mark.lab), "inline"]
PATIENCE_S = 0.1
HUNG_S = 1.0
NS = 1_000_000_000


def knock(port: int) -> str:
    """What meets a caller that connects: an errno's name, "no answer", or "connected"; it leaves, and is seen off."""
    with socket.socket() as caller:
        caller.settimeout(PATIENCE_S)
        try:
            caller.connect(("127.0.0.1", port))
        except TimeoutError:
            return "no answer"
        except OSError as error:
            return errno.errorcode[error.errno]
        caller.shutdown(socket.SHUT_WR)
        end_of(caller)
        return "connected"


def end_of(connection: socket.socket) -> str:
    """How an open connection ends."""
    try:
        while connection.recv(65536):
            pass
    except TimeoutError:
        return "hung"
    except OSError as error:
        return errno.errorcode[error.errno]
    return "FIN"


@pytest.mark.parametrize("host_name", HOSTS)
@pytest.mark.parametrize(("fault", "seen"), [("connection_refused", "ECONNREFUSED"), ("unreachable", "no answer")])
def test_a_shut_door_is_shut_from_edge_to_edge(stage, scenario_of, host_name, fault, seen):
    """A caller connects before the window and after it, and meets the shut door throughout; a second provider is open.

    A knock that an edge falls into, or that began within 20 ms of one, says nothing.
    """
    entry = {"at": "300ms", "until": "1200ms", "on": "openai", "fault": fault}
    host = stage.host(host_name, scenario_of([entry]))
    found: list[tuple[int, int, str]] = []
    other: list[str] = []
    while time.monotonic_ns() < host.t0_ns + 1.6 * NS:
        began_ns = time.monotonic_ns()
        what = knock(host.ports["openai"])
        found.append((began_ns, time.monotonic_ns(), what))
        other.append(knock(host.ports["anthropic"]))
    host.stop()
    opened_ns, shut_ns = host.t0_ns + round(1.2 * NS), host.t0_ns + round(0.3 * NS)
    before = [what for _, ended_ns, what in found if ended_ns < shut_ns]
    inside = [what for began_ns, ended_ns, what in found if began_ns > shut_ns + 20e6 and ended_ns < opened_ns]
    after = [what for began_ns, _, what in found if began_ns > opened_ns + 20e6]
    assert {"connected"} == set(before)
    assert {seen} == set(inside)
    assert {"connected"} == set(after) == set(other)
    (window,) = host.child.rows("faults")
    assert window["bites"] > 0
    assert shut_ns <= window["first_bite_ns"] <= window["last_bite_ns"] < opened_ns
    canaries = [event for event in host.child.events if event["event"] == "canary"]
    proofs = [event for event in canaries if event["entry"] == f"0:{fault}"]
    assert len(proofs) == window["bites"]
    assert all(event["found"] == event["wanted"] for event in canaries)
    assert "connected" == canaries[-1]["wanted"]


@pytest.mark.parametrize("host_name", HOSTS)
def test_open_connections_are_reset_when_the_door_is_refused(stage, scenario_of, request_of, host_name):
    """An idle connection and one with a stream under way are both reset at the window's start; the attempt says why."""
    entry = {"at": "700ms", "until": "1h", "on": "openai", "fault": "connection_refused"}
    host = stage.host(host_name, scenario_of([entry], tokens_per_second=50))
    ends: dict[str, str] = {}
    with host.connect("openai") as idle, host.connect("openai") as busy, host.connect("anthropic") as other:
        assert "complete" == idle.ask(request_of("openai", 1, stream=False, words=1)).ended
        busy.send(request_of("openai", 2, stream=True, words=500))
        busy.read_until(b"~")
        threads = [
            threading.Thread(target=lambda name=name, each=each: ends.update({name: end_of(each.socket)}))
            for name, each in (("idle", idle), ("busy", busy))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert "complete" == other.ask(request_of("anthropic", 3, stream=True)).ended
    assert {"idle": "ECONNRESET", "busy": "ECONNRESET"} == ends
    row = host.child.wait_for_row("attempts", lambda row: row["call"] == 2)
    assert ("fault", "0:connection_refused", True) == (row["ended_by"], row["fault"], row["reached"])
    host.stop()
    assert 3 == len(host.child.rows("attempts")) == len(host.fakes.rows("invoices"))


@pytest.mark.parametrize("host_name", HOSTS)
def test_requests_on_open_connections_hang_while_a_provider_is_unreachable(stage, scenario_of, request_of, host_name):
    """A kept-alive connection doesn't get around the window."""
    entry = {"at": "0s", "until": "1h", "on": "openai", "fault": "unreachable"}
    host = stage.host(host_name, scenario_of([entry]), begin=False)
    with host.connect("openai", HUNG_S) as connection:
        assert "complete" == connection.ask(request_of("openai", 1, stream=False)).ended
        host.child.start(time.monotonic_ns())
        host.child.expect("canary", found="no answer")
        assert "hung" == connection.ask(request_of("openai", 2, stream=False)).ended
    row = host.child.wait_for_row("attempts", lambda row: row["call"] == 2)
    assert ("router", "0:unreachable", False) == (row["ended_by"], row["fault"], row["reached"])
    host.stop()


@pytest.mark.parametrize("host_name", HOSTS)
@pytest.mark.parametrize("fault", ["connection_refused", "unreachable"])
def test_a_run_that_ends_behind_a_shut_door_ends_well(stage, scenario_of, host_name, fault):
    """Stopping works while the door is shut, and the window's row is written."""
    entry = {"at": "0s", "on": "openai", "fault": fault}
    host = stage.host(host_name, scenario_of([entry]))
    host.child.expect("canary")
    host.stop()
    (window,) = host.child.rows("faults")
    assert window["bites"] >= 1


@pytest.mark.parametrize("host_name", HOSTS)
def test_a_door_that_flaps(stage, scenario_of, host_name):
    """A provider that goes away and comes back in periods is refused in each part of a period that is meant."""
    entry = {"at": "0s", "on": "openai", "fault": "connection_refused", "every": "600ms", "duty": "50%"}
    host = stage.host(host_name, scenario_of([entry]))
    met: dict[bool, set[str]] = {True: set(), False: set()}
    while (now_ns := time.monotonic_ns()) < host.t0_ns + 1.5 * NS:
        what = knock(host.ports["openai"])
        place_s = (now_ns - host.t0_ns) / NS % 0.6
        if time.monotonic_ns() - now_ns < 0.02 * NS and 0.02 < place_s % 0.3 < 0.26:
            met[place_s < 0.3].add(what)
    host.stop()
    assert {True: {"ECONNREFUSED"}, False: {"connected"}} == met
    bites = [row["bites"] for row in host.child.rows("faults") if row["armed_ns"] < row["disarmed_ns"]]
    assert len(bites) >= 3
    assert all(bites[:2])
