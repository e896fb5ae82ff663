"""One fault, two hosts, the same bytes."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from banstorm.fakes.dialects import find
from banstorm.harness import faults
from banstorm.harness.faults.base import Host

pytestmark = pytest.mark.lab

DIALECTS = ("anthropic", "openai", "groq")
PARAMETERS: dict[str, dict[str, Any]] = {
    "brownout": {"refused": "100%", "delay": "10ms", "full_after": "1ms"},
    "drift": {
        "operations": [{"op": "rename", "path": "/usage", "to": "used"}, {"op": "add", "path": "/new", "value": 1}],
        "events": [{"number": 1, "before": [{"payload": {"type": "odd"}}], "drop": True}],
        "headers": [{"op": "add", "name": "x-new", "value": "1"}, {"op": "remove", "name": "server"}],
    },
    "rate_limited": {"retry_after": "2s"},
    "slow_first_token": {"delay": "150ms"},
    "slow_tokens": {"every": "5ms"},
    "slow_upload": {"rate": "100KB/s"},
    "stream_cut": {"after": "5 tokens"},
    "stream_stall": {"after": "5 tokens"},
    "trickle": {"every": "1m", "after": "3 tokens"},
    "timeout": {"after": "20ms"},
}
ENDINGS = {
    "connection_reset": ("refused", "refused"),
    "hang": ("hung", "hung"),
    "hang_after_headers": ("hung", "hung"),
    "reset_mid_body": ("cut", "cut"),
    "stream_cut": ("complete", "cut"),
    "stream_stall": ("complete", "hung"),
    "trickle": ("hung", "hung"),
}
"""How a plain and a streamed answer end; complete where nothing is said."""
HANG_S = 1.5
PLAYABLE = [
    (fault, name)
    for fault in faults.names()
    for name in DIALECTS
    if faults.find(fault).door is None  # those act on connections, see test_doors.py
    and not faults.refusals(fault, find(name), Host.INLINE)
]
BY_DESIGN = {"date", "connection", "transfer-encoding"}
"""Headers of one hop or of the moment."""


def _timeless(data: bytes) -> bytes:
    """Without the second in which it was made, and those that count from it."""
    data = re.sub(rb'"(created|created_at|resets_at)":\d+', b'"moment":0', data)
    return re.sub(rb"\d{4}-\d\d-\d\dT[\d:]+Z", b"a moment", data)


def _own(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    kept = [(name, value) for name, value in headers if name not in BY_DESIGN]
    return [(name, re.sub(r"^(\d{4}-\d\d-\d\dT[\d:]+Z|1[6-9]\d{8})$", "a moment", value)) for name, value in kept]


def _case(row: dict[str, Any]) -> tuple[str, bool]:
    """Which case an attempt belongs to."""
    return f"{row['provider']}-{row['model']}", row["stream"]


@pytest.fixture(scope="module")
def answers(long_stage, scenario_of, request_of):
    """What each host answers to each case: a model of its own for each fault, all asked at once."""
    timeline, cases = [], []
    for fault, dialect in PLAYABLE:
        entry = {"at": "0s", "on": dialect, "fault": fault, "with": PARAMETERS.get(fault, {}), "model": fault}
        timeline.append(entry)
        cases += [(f"{dialect}-{fault}", False), (f"{dialect}-{fault}", True)]
    scenario = scenario_of(timeline, {name: name for name in DIALECTS})
    found = {}
    for host_name in ("mitmproxy", "inline"):
        host = long_stage.host(host_name, scenario)

        def ask(case, host=host):
            name, stream = case
            dialect, _, fault = name.partition("-")
            wait_s = HANG_S if ENDINGS.get(fault, ("", ""))[stream] == "hung" else 20.0
            return host.ask(dialect, request_of(dialect, cases.index(case), stream=stream, model=fault), wait_s)

        with ThreadPoolExecutor(8) as pool:
            found[host_name] = dict(zip(cases, pool.map(ask, cases), strict=True))
        for case in cases:  # the hosts have noticed that the callers of the hangs have left
            host.child.wait_for_row("attempts", lambda row, case=case: case == _case(row))
        host.stop()
        found[host_name, "attempts"] = {_case(row): row for row in host.child.rows("attempts")}
        rows = host.child.rows("faults")
        found[host_name, "faults"] = {f"{row['provider']}-{row['fault']}": row for row in rows}
    return found


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize(("fault", "dialect"), PLAYABLE)
def test_hosts_are_equal(answers, fault, dialect, stream):
    """Status line, headers, bytes, order of events and the connection's end are the same in both hosts."""
    case = (f"{dialect}-{fault}", stream)
    seen, inline = answers["mitmproxy"][case], answers["inline"][case]
    expected = ENDINGS.get(fault, ("complete", "complete"))[stream]
    assert expected == seen.ended == inline.ended
    assert (seen.status, seen.reason) == (inline.status, inline.reason)
    assert _own(seen.headers) == _own(inline.headers)
    assert _timeless(seen.body) == _timeless(inline.body)
    if fault == "slow_first_token":
        assert seen.first_byte_s >= 0.15
        assert inline.first_byte_s >= 0.15


@pytest.mark.parametrize("fault", sorted({fault for fault, _ in PLAYABLE}))
def test_hosts_write_the_same_rows(answers, fault):
    """The attempts and faults rows of both hosts agree in everything but times."""
    same = ("call", "credential", "model", "path", "status", "fault", "reached", "ended_by", "delivered_tokens")
    compared = 0
    for dialect in DIALECTS:
        for stream in (False, True):
            case = (f"{dialect}-{fault}", stream)
            if case not in answers["inline"]:
                continue
            seen, inline = answers["mitmproxy", "attempts"][case], answers["inline", "attempts"][case]
            assert {key: seen[key] for key in same} == {key: inline[key] for key in same}
            windows = [answers[host, "faults"][case[0]] for host in ("mitmproxy", "inline")]
            assert windows[0]["bites"] == windows[1]["bites"]
            assert windows[0]["matched"] == windows[1]["matched"] == 2
            compared += 1
    assert compared > 0
