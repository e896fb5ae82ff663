"""What both fault hosts do, as real processes: streaming through, endings, joins, stopping."""

from __future__ import annotations

import os
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

HOSTS = [pytest.param("mitmproxy", marks=pytest.mark.lab), "inline"]
BOTH = {"anthropic": "anthropic", "openai": "openai"}


@pytest.mark.parametrize("host_name", HOSTS)
def test_streams_stream_through(stage, scenario_of, request_of, host_name):
    """The first tokens arrive long before the last is produced, each about when it is due."""
    host = stage.host(host_name, scenario_of(tokens_per_second=50))
    with host.connect("openai") as connection:
        started_s = time.monotonic()
        connection.send(request_of("openai", 1, stream=True, words=24))
        connection.read_until(b".3.24.")
        third_s = time.monotonic() - started_s
        connection.read_until(b"0\r\n\r\n")
        last_s = time.monotonic() - started_s
    assert last_s >= 23 / 50
    assert third_s < last_s / 2
    host.stop()
    (row,) = host.child.rows("attempts")
    assert row["delivered_tokens"] == 24
    assert row["received_ns"] < row["first_byte_ns"] < row["ended_ns"]


@pytest.mark.parametrize("host_name", HOSTS)
@pytest.mark.parametrize(
    ("fault", "parameters", "reached"),
    [
        ("noop", {}, True),
        ("field_renamed", {}, True),
        ("hang", {}, False),
        ("slow_first_token", {"delay": "1m"}, False),
    ],
)
def test_the_router_leaves(stage, scenario_of, request_of, host_name, fault, parameters, reached):
    """A router that disconnects, mid-stream or while it is held, is what ended the attempt; nothing leaks."""
    entry = {"at": "0s", "on": "openai", "fault": fault, "with": parameters}
    host = stage.host(host_name, scenario_of([entry], tokens_per_second=50))
    with host.connect("openai") as connection:
        connection.send(request_of("openai", 1, stream=True, words=500))
        if reached:
            connection.read_until(b"~")
        else:
            host.child.expect("stats", providers=_counts(host, openai=1, active=[f"0:{fault}"]))
    row = host.child.wait_for_row("attempts")
    assert ("router", reached) == (row["ended_by"], row["reached"])
    if reached:
        invoice = host.fakes.wait_for_row("invoices")
        assert invoice["attempt"] == row["attempt"]
        assert not invoice["completed"]
        assert invoice["produced_tokens"] < 500
    host.stop()
    assert int(reached) == len(host.fakes.rows("invoices"))
    assert len(host.child.rows("attempts")) == 1


def _counts(host, active, **attempts):
    counts = {"attempts": 0, "faulted": 0, "errors": 0, "active": [], "p95_ms": None}  # none has ended
    return {
        name: counts | ({"attempts": attempts[name], "active": active} if name in attempts else {})
        for name in host.ports
    }


@pytest.mark.parametrize("host_name", HOSTS)
def test_attempts_and_invoices_join(stage, scenario_of, request_of, host_name):
    """Under mixed traffic each attempt that reached the fake has exactly one invoice, and no other has one."""
    timeline = [
        {"at": "0s", "on": "anthropic", "fault": "org_disabled", "share": "30%"},
        {"at": "0s", "on": ["anthropic", "openai"], "fault": "stream_cut", "share": "40%"},
        {"at": "0s", "on": "openai", "fault": "field_renamed", "stream": False},
        {"at": "0s", "on": "openai", "fault": "slow_first_token", "with": {"delay": "20ms"}, "share": "50%"},
    ]
    host = stage.host(host_name, scenario_of(timeline))

    def caller(first: int) -> int:
        done = 0
        for call in range(first, first + 25):
            for provider in BOTH:
                with host.connect(provider) as connection:
                    for _ in range(2):
                        got = connection.ask(request_of(provider, call, stream=call % 2 == 0))
                        done += 1
                        assert got.ended in {"complete", "cut"}
                        if got.ended != "complete":
                            break
        return done

    with ThreadPoolExecutor(6) as pool:
        asked = sum(pool.map(caller, range(0, 150, 25)))
    host.stop()
    attempts = host.child.rows("attempts")
    invoices = [row["attempt"] for row in host.fakes.rows("invoices")]
    assert asked == len(attempts) == len({row["attempt"] for row in attempts})
    assert sorted(row["attempt"] for row in attempts if row["reached"]) == sorted(invoices)
    billed = {row["attempt"]: row for row in host.fakes.rows("invoices")}
    for row in attempts:
        fault = row["fault"] or ""
        assert row["ended_by"] == ("fault" if "stream_cut" in fault else "complete")
        assert row["reached"] == ("org_disabled" not in fault)
        assert row["status"] == (200 if row["reached"] else 400)
        if row["reached"]:
            assert row["delivered_tokens"] == (8 if "stream_cut" in fault else 24)
            assert row["delivered_tokens"] <= billed[row["attempt"]]["produced_tokens"]
    windows = host.child.rows("faults")
    assert len(windows) == 5
    for window in windows:
        bitten = [row for row in attempts if window["entry"] in (row["fault"] or "").split("+")]
        assert window["bites"] == len([row for row in bitten if row["provider"] == window["provider"]]) > 0
    assert {row["process"] for row in host.child.rows("samples")} == {
        "injector" if host_name == "mitmproxy" else "fakes"
    }


@pytest.mark.parametrize("host_name", HOSTS)
def test_the_edges_of_a_window(stage, scenario_of, request_of, host_name):
    """Nothing before a window's start is bitten, everything inside is, and the harness hears of both edges."""
    entry = {"at": "400ms", "until": "800ms", "on": "openai", "fault": "overloaded"}
    host = stage.host(host_name, scenario_of([entry]))
    with host.connect("openai") as connection:
        call = 0
        while time.monotonic_ns() < host.t0_ns + 1_000_000_000:
            connection.ask(request_of("openai", call, stream=False))
            call += 1
    for event, offset_ns in (("armed", 400_000_000), ("disarmed", 800_000_000)):
        assert host.child.expect(event)["at_ns"] == host.t0_ns + offset_ns
    host.stop()
    rows = host.child.rows("attempts")
    assert {row["fault"] for row in rows} == {None, "0:overloaded"}
    for row in rows:
        inside = 400_000_000 <= row["received_ns"] - host.t0_ns < 800_000_000
        assert inside == (row["fault"] is not None) == (row["status"] == 503)
    first = next(event for event in host.child.events if event["event"] == "bite")
    assert first["at_ns"] == min(row["received_ns"] for row in rows if row["fault"])


@pytest.mark.parametrize("host_name", HOSTS)
def test_a_held_request_holds_up_nobody(stage, scenario_of, request_of, host_name):
    """While many requests hang, others are answered as fast as ever, and stopping lets go of all of them."""
    entry = {"at": "0s", "on": "openai", "fault": "hang", "model": "slow"}
    host = stage.host(host_name, scenario_of([entry]))
    held = [host.connect("openai") for _ in range(40)]
    for call, connection in enumerate(held):
        connection.send(request_of("openai", call, stream=False, model="slow"))
    host.child.expect("stats", providers=_counts(host, openai=40, active=["0:hang"]))
    assert host.ask("openai", request_of("openai", 99, stream=True)).ended == "complete"
    started_s = time.monotonic()
    host.stop()
    assert time.monotonic() - started_s < 4
    for connection in held:
        assert connection.socket.recv(100) == b""
        connection.socket.close()
    ended = sorted(row["ended_by"] for row in host.child.rows("attempts"))
    assert ended == ["complete"] + ["run"] * 40


@pytest.mark.parametrize("host_name", HOSTS)
def test_requests_that_are_no_calls(stage, scenario_of, request_of, host_name):
    """What can't be understood passes through and is recorded as background, as the provider refused it."""
    host = stage.host(host_name, scenario_of())
    junk = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer sk-proj-abcdefgh\r\n"
    got = host.ask("openai", junk + b"content-length: 4\r\n\r\n{{{{")
    assert (400, "complete") == (got.status, got.ended)
    got = host.ask("openai", b"GET /v1/models?key=sk-proj-abcdefgh HTTP/1.1\r\nhost: x\r\n\r\n")
    assert got.status == 401
    host.stop()
    bad, listing = host.child.rows("attempts")
    assert (None, None, True, 400) == (bad["call"], bad["model"], bad["reached"], bad["status"])
    assert "JSON" in bad["evidence"]
    assert listing["path"] == "/v1/models"
    assert not any("abcdefgh" in path.read_text() for path in host.child.ledger.glob("*.ndjson"))


@pytest.mark.parametrize("host_name", HOSTS)
def test_no_header_of_ours_reaches_the_router(stage, scenario_of, request_of, host_name):
    """The router sees the vendor's headers only; the fake learns the attempt's id."""
    host = stage.host(host_name, scenario_of())
    got = host.ask("anthropic", request_of("anthropic", 1, stream=False))
    host.stop()
    assert got.status == 200
    assert not [name for name, _ in got.headers if "banstorm" in name or "mitm" in name]
    assert [row["attempt"] for row in host.fakes.rows("invoices")] == ["7f3a9c-1"]


@pytest.mark.parametrize("module", [pytest.param("injector", marks=pytest.mark.lab), "fakes_host"])
@pytest.mark.parametrize("how", ["stop", "end of input", "SIGTERM"])
def test_a_child_ends_when_it_should(stage, scenario_of, module, how):
    """Stop, the end of standard input and SIGTERM each end a child at once, with its rows written and a goodbye."""
    entry = {"at": "0s", "on": "openai", "fault": "hang"}
    scenario = scenario_of([entry])
    stage.anew = True
    if module == "injector":
        child = stage.injector(scenario, {"anthropic": 1, "openai": 2})
        child.expect("ready")
    else:
        child, _ = stage.fakes(scenario, inline=True)
    os.kill(child.process.pid, signal.SIGINT)  # Ctrl-C is the harness's to act on
    child.start(time.monotonic_ns())
    child.expect("armed")
    if how == "stop":
        child.send({"command": "stop"})
    elif how == "SIGTERM":
        os.kill(child.process.pid, signal.SIGTERM)
    else:
        child.process.stdin.close()
    child.expect("bye")
    assert child.process.wait(5) == 0
    (window,) = child.rows("faults")
    assert (0, 0) == (window["matched"], window["bites"])
    assert window["armed_ns"] <= window["disarmed_ns"] < window["declared_until_ns"]


@pytest.mark.parametrize("module", [pytest.param("injector", marks=pytest.mark.lab), "fakes_host"])
def test_a_taken_port_is_told(stage, scenario_of, module):
    """A child that can't have its port says what, where and what next, and ends with 1."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        config = stage.config(
            scenario_of(), module, ports={"openai": port}, upstreams={"anthropic": 1, "openai": 2}, inline=False
        )
        stage.anew = True
        child = stage.child(module, config)
        failed = child.expect("failed")
        assert child.process.wait(5) == 1
    assert str(port) in failed["where"]
    assert failed["what"]
    assert failed["next"]
