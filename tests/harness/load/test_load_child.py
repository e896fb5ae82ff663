"""The real load child: calls a router's stand-in and writes what came of it."""

import json
import signal
import socket
import time

import pytest

pytestmark = [pytest.mark.lab, pytest.mark.alone]

STREAMED = {
    "good": ("ok", 200, None),
    "done_then_hang": ("ok", 200, None),
    "status_500": ("error", 500, "server_is_overloaded"),
    "redirect": ("error", 302, "http_302"),
    "error_in_stream": ("error", 200, "server_is_overloaded"),
    "no_done": ("truncated", 200, None),
    "shortened": ("shortened", 200, None),
    "foreign": ("foreign", 200, None),
    "malformed_event": ("corrupted", 200, "malformed"),
    "cut": ("refused", 200, "closed_mid_response"),
    "reset": ("refused", 200, "connection_reset"),
    "close": ("refused", None, "closed_before_response"),
    "garbage": ("refused", None, "not_http"),
    "hang": ("hung", None, "gave_up"),
    "half_then_hang": ("hung", 200, "gave_up"),
}
PLAIN = {
    "good": ("ok", 200, None),
    "status_500": ("error", 500, "server_is_overloaded"),
    "plain_truncated": ("truncated", 200, None),
    "plain_shortened": ("shortened", 200, None),
    "plain_foreign": ("foreign", 200, None),
    "empty": ("truncated", 200, None),
    "html": ("corrupted", 200, "malformed"),
    "half_body": ("refused", 200, "closed_mid_response"),
    "close": ("refused", None, "closed_before_response"),
    "garbage": ("refused", None, "not_http"),
    "hang": ("hung", None, "gave_up"),
}


@pytest.mark.parametrize("client", ["http", "openai_sdk"])
@pytest.mark.parametrize(("stream", "behaviours"), [("100%", STREAMED), ("0%", PLAIN)], ids=["streamed", "plain"])
def test_each_behaviour_of_a_router_has_its_outcome(stub_router, load_child, client, stream, behaviours):
    """Whatever a router does to a call, the ledger says what the caller got; the official SDK's calls say the same."""
    names = list(behaviours)
    url = stub_router({str(call): name for call, name in enumerate(names, 1)})
    clients = {"http": int(client == "http"), "openai_sdk": int(client != "http")}
    load = {"stream": stream, "clients": clients, "deadline": "1s", "give_up": "1s", "answer": "6 tokens"}
    calls = load_child(url, load).play()
    got = {name: calls[call] for call, name in enumerate(names, 1)}
    assert {name: (row["outcome"], row["status"]) for name, row in got.items()} == {
        name: (outcome, status) for name, (outcome, status, _) in behaviours.items()
    }
    for name, (outcome, _, error) in behaviours.items():
        row = got[name]
        assert (row["error"] or "").startswith(error or ""), name
        assert (row["error"] is None) == (error is None), name
        assert (
            (row["outcome"] == "ok")
            or (row["evidence"] is not None)
            or name in {"hang", "close", "redirect", "garbage"}
        ), name
        if outcome == "hung":
            assert row["ended_ns"] - row["sent_ns"] >= 0.9e9
        assert row["sent_ns"] <= row["ended_ns"]
        assert (row["first_token_ns"] is not None) == ((stream == "100%" and row["places"] > 0) or name == "foreign"), (
            name
        )
    assert got["good"]["tokens_reported"] == 6
    assert got["good"]["model_reported"] == "stub-1"
    assert got["good"]["provider"] == "stub"
    assert got["good"]["terminated"] is True
    assert got["good"]["evidence"] is None


def test_every_shape_streamed_and_plain_comes_back_right(stub_router, load_child):
    """Text, JSON and tools, half of them streamed, by both clients: all ok, each with a row in schedule and calls."""
    load = {"shapes": {"text": 1, "json": 1, "tools": 1}, "clients": {"http": 1, "openai_sdk": 1}, "duration": "1s"}
    child = load_child(stub_router(), load)
    calls = child.play()
    schedule = {row["call"]: row for row in child.rows("schedule")}
    assert set(schedule) == set(calls)
    assert {row["outcome"] for row in calls.values()} == {"ok"}
    assert len({(row["shape"], row["stream"], row["client"]) for row in schedule.values()}) == 12
    assert all(calls[call]["sent_ns"] >= row["scheduled_ns"] for call, row in schedule.items())


def test_a_right_answer_past_the_deadline_is_late(stub_router, load_child):
    """The deadline counts from the scheduled instant; a late answer is still awaited."""
    child = load_child(stub_router(), {"deadline": "10us", "give_up": "10s"})
    assert {row["outcome"] for row in child.play().values()} == {"late"}


def test_a_refused_connection_is_refused(load_child):
    """Nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}/v1"
        rows = load_child(url, {"clients": {"http": 1, "openai_sdk": 1}}).play().values()
    assert {(row["outcome"], row["error"]) for row in rows} == {("refused", "connection_refused")}


def test_beyond_the_in_flight_cap_a_call_is_unsent(stub_router, load_child):
    """The cap is ours, so a call beyond it is recorded as ours and never sent."""
    child = load_child(stub_router({"*": "hang"}), {"deadline": "1s", "give_up": "1s"}, in_flight_max=3)
    rows = child.play()
    assert [row["outcome"] for row in rows.values()].count("hung") == 3
    unsent = [row for row in rows.values() if row["outcome"] == "unsent"]
    assert len(unsent) == len(rows) - 3
    assert all(row["sent_ns"] is None for row in unsent)


def test_the_schedule_is_in_the_ledger_before_the_first_call_leaves(stub_router, load_child):
    """A row that never came is countable: the whole schedule stands in the file while the first call is in flight."""
    child = load_child(stub_router({"*": "hang"}), {"duration": "30s", "rate": "20/s"})
    child.until("ready")
    t0_ns = child.start()
    child.until("stats", lambda said: said["sent"] > 0)
    tables = child.tables()
    assert len(tables["schedule"]) == 600
    assert tables["schedule"][0]["scheduled_ns"] == t0_ns
    assert tables["calls"] == []


def test_probes_are_made_before_the_start_and_leave_no_row(stub_router, load_child):
    """Readiness calls answer with their outcome, a bad one with its error and evidence."""
    child = load_child(stub_router({"900000001": "status_500"}), {"clients": {"http": 1, "openai_sdk": 1}})
    child.until("ready")
    kinds = [("text", False, "http"), ("text", True, "http"), ("tool", True, "openai_sdk"), ("json", False, "http")]
    calls = [{"call": 900_000_000 + n, "shape": s, "stream": t, "client": c} for n, (s, t, c) in enumerate(kinds)]
    child.send({"command": "probe", "calls": calls})
    results = child.until("probe_result")["results"]
    assert [each["call"] for each in results] == [each["call"] for each in calls]
    assert [each["outcome"] for each in results] == ["ok", "error", "ok", "ok"]
    assert (results[1]["status"], results[1]["error"]) == (500, "server_is_overloaded")
    assert "server_is_overloaded" in results[1]["evidence"]
    child.send({"command": "stop"})
    child.until("bye")
    assert child.end() == 0
    assert child.rows("calls") == []


def test_stop_abandons_what_is_in_flight_and_says_so(stub_router, load_child):
    """Abandoned calls are `unknown`, stopped; calls not yet due have no row; the child ends well and soon."""
    child = load_child(stub_router({"*": "hang"}), {"duration": "60s"})
    child.until("ready")
    child.start()
    child.until("stats", lambda said: said["in_flight"] >= 5)
    before = time.monotonic()
    child.send({"command": "stop"})
    child.until("bye")
    assert child.end() == 0
    assert time.monotonic() - before < 10  # nowhere near the 20 s that callers would wait
    rows = child.rows("calls")
    assert len(rows) >= 5
    assert {(row["outcome"], row["error"]) for row in rows} == {("unknown", "stopped")}
    assert len(rows) < len(child.rows("schedule"))


@pytest.mark.parametrize("how", ["eof", "sigterm"])
def test_the_child_ends_when_the_harness_is_gone_or_says_so_by_signal(stub_router, load_child, how):
    """The end of standard input means the harness is gone; SIGTERM means stop; SIGINT is the harness's own."""
    child = load_child(stub_router({"*": "hang"}), {"duration": "60s"})
    child.until("ready")
    child.start()
    child.until("stats", lambda said: said["in_flight"] >= 3)
    child.process.send_signal(signal.SIGINT)
    child.until("stats", lambda said: said["in_flight"] >= 6)
    if how == "eof":
        child.process.stdin.close()
    else:
        child.process.terminate()
    child.until("bye")
    assert child.end() == 0
    assert {row["error"] for row in child.rows("calls")} == {"stopped"}


def test_a_killed_child_leaves_a_readable_ledger(stub_router, load_child):
    """A kill -9 loses at most what was not flushed; what is there can be read."""
    child = load_child(stub_router(), {"duration": "60s"})
    child.until("ready")
    child.start()
    said = child.until("stats", lambda said: said["ended"] >= 20)
    child.process.kill()
    child.process.wait()
    tables = child.tables()
    assert len(tables["schedule"]) == 2400
    assert len(tables["calls"]) >= said["ended"] - 10  # 100 ms at 40 calls/s, and the stats' own lead


def test_the_loops_lag_is_sampled(stub_router, load_child):
    """Rule 5 needs to know whether this process was a good witness."""
    child = load_child(stub_router(), {"duration": "1500ms"})
    child.play()
    samples = child.rows("samples")
    assert len(samples) >= 2
    assert {(row["process"], row["name"]) for row in samples} == {("load", "loop_lag_seconds")}
    assert all(0 <= row["value"] < 10 for row in samples)


@pytest.mark.parametrize("key", ["sk-proj-0123456789abcdef", "open sesame"], ids=["a scheme", "no scheme"])
def test_keys_and_headers_are_sent_and_no_key_reaches_the_ledger(load_child, key):
    """What the target asks for is sent with every request; evidence and a router's own words are redacted."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        child = load_child(
            f"http://127.0.0.1:{server.getsockname()[1]}/v1",
            {"rate": "1/s", "duration": "500ms", "stream": "0%"},
            api_key=key,
            headers={"X-Team": "blue"},
        )
        child.until("ready")
        child.start()
        connection, _ = server.accept()
        with connection:
            request = b""
            while not request.endswith(b"}"):
                request += connection.recv(65536)
            body = json.dumps({"error": f"wrong key {key}"}).encode()
            connection.sendall(b"HTTP/1.1 401 No\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
            child.until("done")
    head = request.split(b"\r\n\r\n")[0].decode()
    assert head.startswith("POST /v1/chat/completions HTTP/1.1\r\n")
    assert f"Authorization: Bearer {key}" in head
    assert "X-Team: blue" in head
    assert "Accept-Encoding: identity" in head
    assert child.rows("calls")[0]["error"].startswith("wrong key ")
    assert key not in (child.folder / "load.ndjson").read_text()
