"""Every fault through the proxy: over TLS, HTTP/1.1 and HTTP/2, it does what it does at a provider's listener."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from banstorm.fakes.dialects import find
from banstorm.harness import faults
from banstorm.harness.faults.base import Host

pytestmark = pytest.mark.lab

HOSTS = {"anthropic": "api.anthropic.com", "openai": "api.openai.com"}
PARAMETERS: dict[str, dict[str, Any]] = {
    "brownout": {"refused": "100%", "delay": "10ms", "full_after": "1ms"},
    "drift": {"operations": [{"op": "rename", "path": "/usage", "to": "used"}]},
    "slow_first_token": {"delay": "50ms"},
    "slow_tokens": {"every": "5ms"},
    "slow_upload": {"rate": "100KB/s"},
    "stream_cut": {"after": "5 tokens"},
    "stream_stall": {"after": "5 tokens"},
    "timeout": {"after": "20ms"},
    "trickle": {"every": "1m", "after": "3 tokens"},
}
HUNG_S = 2.0
"""Seconds after which a request that should hang is given up."""
HANGS = frozenset({"hang", "hang_after_headers", "stream_stall", "trickle"})
PLAYABLE = [
    (fault, name)
    for fault in faults.names()
    for name in HOSTS
    if faults.find(fault).door is None and not faults.refusals(fault, find(name), Host.MITMPROXY)
]
CASES = [(fault, name, stream) for fault, name in PLAYABLE for stream in (False, True)]


async def over_http2(client: httpx.AsyncClient, host: str, request: bytes, timeout_s: float) -> tuple[int | None, str]:
    """Send a request on a connection that others share: the status, and how the answer ended."""
    head, _, body = request.partition(b"\r\n\r\n")
    line, *rest = head.decode().split("\r\n")
    headers = [each.split(": ", 1) for each in rest if not each.startswith(("host:", "content-length:"))]
    status = None
    try:
        async with client.stream(
            "POST", f"https://{host}{line.split()[1]}", content=body, headers=headers, timeout=timeout_s
        ) as response:
            assert response.http_version == "HTTP/2"
            status = response.status_code
            async for _ in response.aiter_raw():
                pass
    except httpx.ReadTimeout:
        return status, "hung"
    except httpx.RemoteProtocolError:
        return status, "refused" if status is None else "cut"
    return status, "complete"


@pytest.fixture(scope="module")
def seen(long_intercept, scenario_of, request_of, client):
    """What each way sees of each case, and the attempts' rows: a model of its own for each fault, all asked at once."""
    timeline = [
        {"at": "0s", "on": name, "fault": fault, "with": PARAMETERS.get(fault, {}), "model": fault}
        for fault, name in PLAYABLE
    ]
    front = long_intercept(scenario_of(timeline, {name: name for name in HOSTS}))

    def ask(number):
        fault, name, stream = CASES[number // 3]
        request = request_of(name, number, stream=stream, model=fault)
        wait_s = HUNG_S if fault in HANGS else 20.0
        with client(front.door.port if number % 3 else front.ports[name], wait_s) as connection:
            if number % 3:
                connection.socket.close()
                connection.socket = front.tunnel(HOSTS[name])
                connection.socket.settimeout(wait_s)
            got = connection.ask(request)
        return got.status, got.ended

    async def ask_all():
        gate = asyncio.Semaphore(8)

        def http2():
            return httpx.AsyncClient(http2=True, proxy=front.door.url, verify=front.trust(), trust_env=False)

        async def one(number):
            fault, name, stream = CASES[number // 3]
            request = request_of(name, number, stream=stream, model=fault)
            async with gate:
                if fault not in HANGS:
                    return await over_http2(shared, HOSTS[name], request, 20.0)
                async with http2() as own:  # when one request of a connection times out, httpx lets all of them fail
                    return await over_http2(own, HOSTS[name], request, HUNG_S)

        async with http2() as shared:
            return await asyncio.gather(*(one(number) for number in range(2, 3 * len(CASES), 3)))

    with ThreadPoolExecutor(8) as pool:
        alone = list(pool.map(ask, [number for number in range(3 * len(CASES)) if number % 3 < 2]))
    together = asyncio.run(ask_all())
    found = [each for index, one in enumerate(together) for each in (*alone[2 * index : 2 * index + 2], one)]
    rows = [
        front.child.wait_for_row("attempts", lambda row, number=number: row["call"] == number)
        for number in range(3 * len(CASES))
    ]
    front.stop()
    return found, rows


@pytest.mark.parametrize("case", CASES, ids=[f"{fault}-{name}-{stream}" for fault, name, stream in CASES])
def test_a_fault_does_the_same_whatever_the_way(seen, case):
    """Status, the answer's end and the rows agree; HTTP/2 ends a stream where HTTP/1.1 ends a connection."""
    found, rows = seen
    first = 3 * CASES.index(case)
    plain, tunnelled, shared = found[first : first + 3]
    assert plain == tunnelled
    assert plain == shared
    kept = ("provider", "credential", "model", "path", "status", "fault", "reached", "ended_by", "delivered_tokens")
    told = [{key: row[key] for key in kept} for row in rows[first : first + 3]]
    assert told[0] == told[1]
    assert told[0] == told[2]
