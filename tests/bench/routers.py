"""Measures the reference router beside other people's, in one run, on one core each, before the same fake providers.

    python tests/bench/routers.py [--seconds 4] [--rounds 2] [--only NAME,…]

Every router is given the same two providers, Anthropic first and OpenAI to fall back to, by its target's own public
code (`banstorm.harness.targets`); what isn't installed is installed into the cache, and a router that can't be is left
out with its reason. All routers run at once on one core and are measured in turn, so those that wait cost next to
nothing; fakes, wrk and the generator have the other core. Rounds alternate, and the best round of each router counts.

- Throughput: wrk with 10 and with 50 connections, plain calls. A status other than 200 makes the figure void.
- Latency: 100 calls/s in open loop, whatever the answers do; from a request's writing to its answer's last byte, less
  the same quantile of the fake asked directly in the same round. (A timer is a millisecond late now and then; counting
  from the writing keeps that out, and the departures don't wait for answers, so a router that stalls still shows it.)
- Streams: so many at once through the reference router, 40 tokens/s each, and how late their tokens come.

Routers that speak OpenAI's chat completions translate; claude-code-router speaks Anthropic's messages to its callers
and passes them on, so it is compared with the reference router doing the same.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
from banstorm.harness.errors import HarnessError
from banstorm.harness.launch import Process, pick_port
from banstorm.harness.targets import find
from banstorm.harness.targets.base import Endpoint, Options, ProviderAt, Target
from banstorm.scenarios.model import Scenario
from open_loop import TOKENS_PER_SECOND, TTFT_S, Where, latency, streams

CORE, OTHERS_CORE = 1, 0
"""The core of the routers, and that of fakes, wrk and generator."""
CONNECTIONS = (10, 50)
RATE = 100
"""Calls/s of the latency rounds."""
STREAMS = 200
LATE_S = 0.05
"""Two tokens' time: later than that at the 99th percentile, and streams aren't held."""
READY_S, INSTALL_S, WARM_UP_S = 40.0, 400.0, 2.0
CHAT, MESSAGES = "chat", "messages"
PATHS = {CHAT: "/chat/completions", MESSAGES: "/messages"}
PEERS = {"litellm": CHAT, "portkey": CHAT, "tensorzero": CHAT, "claude_code_router": MESSAGES}
GOALS = (("litellm", 10.0), ("portkey", 1.5), ("claude_code_router", 1.0), ("tensorzero", None))
"""How many times a peer's throughput the reference router is meant to have; TensorZero shows the limit."""
MODELS = {"anthropic": "claude-sonnet-5", "openai": "gpt-5.4-mini"}
SCENARIO = {
    "version": 1,
    "title": "Bench",
    "story": "Nothing happens.",
    "source": "made for the bench",
    "seed": 1,
    "providers": {name: {"dialect": name, "model": model} for name, model in MODELS.items()},
    "load": {"rate": f"{RATE}/s", "duration": "1s", "deadline": "10s"},
    "timeline": [],
    "expect": {"lost_calls": 0},
}
"""What targets are configured by; it is never played."""
LUA = """
wrk.method = "POST"
wrk.body = %s
%s
done = function(summary, latency, requests)
  local errors = summary.errors
  local bad = errors.status + errors.read + errors.write + errors.connect + errors.timeout
  io.write(string.format("MEASURED %%.1f %%d %%d\\n", summary.requests / summary.duration * 1e6, summary.requests, bad))
end
"""


@dataclass(slots=True)
class Row:
    """A router by one of its fronts, and what was found.

    Attributes:
        name: As the table shows it.
        where: Where and how it is asked.
        pid: Its process; None for the fake asked directly.
        rates: Calls/s by connections, the best round.
        cpu_us: Microseconds of processor time a call, the best round with few connections.
        added_s: The median's and the 99th percentile's surplus over the direct way, the best rounds, in seconds.
        void: Why its figures don't count.
    """

    name: str
    where: Where
    pid: int | None = None
    rates: dict[int, float] = field(default_factory=dict)
    cpu_us: float = float("inf")
    added_s: tuple[float, float] = (float("inf"), float("inf"))
    void: str = ""


def row(name: str, front: str, endpoint: Endpoint, pid: int | None) -> Row:
    """A router's row for one front."""
    headers = {"content-type": "application/json", **endpoint.headers}
    key = endpoint.api_key or "sk-bench"
    if front == MESSAGES:
        headers |= {"x-api-key": key, "anthropic-version": "2023-06-01"}
    else:
        headers["authorization"] = f"Bearer {key}"
    return Row(name, Where(endpoint.base_url + PATHS[front], headers, endpoint.model), pid)


@asynccontextmanager
async def fakes(folder: Path) -> AsyncIterator[tuple[dict[str, ProviderAt], Callable[[dict[str, Any]], None]]]:
    """The fake providers; gives where they are, and what sets their pace."""
    ports, control = {name: pick_port() for name in MODELS}, pick_port()
    told = ",".join(f"{name}={port}" for name, port in ports.items())
    process = Process("fakes", folder / "fakes.log")
    environment = {**os.environ, "BANSTORM_CONTROL_TOKEN": "bench"}
    banstorm = str(Path(sys.executable).parent / "banstorm")
    command = [banstorm, "serve", *MODELS, "--ports", told, "--control-port", str(control)]
    await process.start(command, env=environment)

    def pace(latency: dict[str, Any]) -> None:
        url = f"http://127.0.0.1:{control}/v1/providers/anthropic/latency"
        httpx.put(url, json=latency, headers={"authorization": "Bearer bench"}).raise_for_status()

    try:
        roots = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
        bases = {"anthropic": roots["anthropic"], "openai": roots["openai"] + "/v1"}
        yield {name: ProviderAt(name, MODELS[name], bases[name], "sk-bench") for name in MODELS}, pace
    finally:
        await process.stop()


async def ready(row: Row) -> None:
    """Wait until a call is answered.

    Raises:
        HarnessError: It never was.
    """
    until, said = time.monotonic() + READY_S, ""
    async with httpx.AsyncClient() as client:
        while time.monotonic() < until:
            try:
                answer = await client.post(row.where.url, content=row.where.body, headers=row.where.headers, timeout=10)
                said = answer.text[:200]
                if answer.status_code == 200:
                    return
            except httpx.TransportError as error:
                said = repr(error)
            await asyncio.sleep(0.1)
    raise HarnessError(f"{row.name} answers no call in {READY_S:.0f} s: {said}", row.where.url, "read its log")


async def start(name: str, providers: dict[str, ProviderAt], folder: Path, stack: AsyncExitStack) -> list[Row]:
    """Install and start a router on its core; its rows, one a front.

    Raises:
        HarnessError: It can't be.
        TimeoutError: Its installation took too long.
    """
    target: Target = find(name)(Options())
    scenario = Scenario.model_validate(SCENARIO)
    target.check(scenario)
    (folder / name).mkdir()
    async with asyncio.timeout(INSTALL_S):
        await target.prepare(lambda line: print(f"  {line}", flush=True))
    # Inherited: threads that a program starts before it could be pinned would run elsewhere.
    os.sched_setaffinity(0, {CORE})
    try:
        endpoint = await target.start(scenario, providers, folder / name)
    finally:
        os.sched_setaffinity(0, {OTHERS_CORE})
    process = target.process
    assert process is not None
    stack.push_async_callback(process.stop)
    if name == "reference":
        rows = [row(f"reference, {front}", front, endpoint, process.pid) for front in PATHS]
    else:
        rows = [row(name, PEERS[name], endpoint, process.pid)]
    for each in rows:
        await ready(each)
    return rows


def cpu_s(pid: int) -> float:
    """Processor time of a process and its children so far, in seconds."""
    top = psutil.Process(pid)
    return sum(sum(each.cpu_times()[:2]) for each in [top, *top.children(recursive=True)])


async def throughput(row: Row, connections: int, seconds: float, folder: Path, *, counts: bool) -> None:
    """One round of wrk; a round that doesn't count warms up: caches fill, and compilers compile."""
    script = folder / "wrk.lua"
    headers = "\n".join(
        f"wrk.headers[{json.dumps(name)}] = {json.dumps(value)}" for name, value in row.where.headers.items()
    )
    script.write_text(LUA % (json.dumps(row.where.body.decode()), headers))
    words = ["-t1", f"-c{connections}", f"-d{seconds:g}s", "--timeout", "10s", "-s", str(script), row.where.url]
    assert row.pid is not None
    before = cpu_s(row.pid)
    wrk = await asyncio.create_subprocess_exec("wrk", *words, stdout=asyncio.subprocess.PIPE)
    said = (await wrk.communicate())[0].decode()
    measured = re.search(r"MEASURED (\S+) (\d+) (\d+)", said)
    if measured is None or measured[3] != "0" or (counts and measured[2] == "0"):
        found = f"{measured[3]} bad answers of {measured[2]}" if measured else said[-200:]
        row.void = f"{connections} connections: {found}"
        return
    if not counts:
        return
    row.rates[connections] = max(row.rates.get(connections, 0.0), float(measured[1]))
    if connections == CONNECTIONS[0]:
        row.cpu_us = min(row.cpu_us, (cpu_s(row.pid) - before) / int(measured[2]) * 1e6)


async def measure(rows: list[Row], direct: Row, rounds: int, seconds: float, folder: Path) -> None:
    """All rounds."""
    for number in range(rounds + 1):
        for connections in CONNECTIONS:
            for each in rows:
                if not each.void:
                    span = seconds if number else WARM_UP_S
                    await throughput(each, connections, span, folder, counts=bool(number))
        if not number:
            continue
        base = await latency(direct.where, RATE, 2 * seconds)
        for each in rows:
            if each.void:
                continue
            try:
                p50, p99 = await latency(each.where, RATE, 2 * seconds)
            except OSError as error:
                each.void = f"at {RATE} calls/s: {error}"
                continue
            each.added_s = (min(each.added_s[0], p50 - base[0]), min(each.added_s[1], p99 - base[1]))
        print(f"  round {number} of {rounds} done", flush=True)


def report(rows: list[Row]) -> None:
    """The table, and the goals."""
    few, many = CONNECTIONS
    print(f"{'router':<22} {f'{few} conn.':>9} {f'{many} conn.':>9} {'µs CPU':>7} {'added p50':>10} {'added p99':>10}")
    for each in rows:
        if each.void:
            print(f"{each.name:<22} void: {each.void}")
            continue
        rates = " ".join(f"{each.rates[number]:7.0f}/s" for number in CONNECTIONS)
        p50, p99 = (1000 * value for value in each.added_s)
        print(f"{each.name:<22} {rates} {each.cpu_us:7.0f} {p50:7.2f} ms {p99:7.2f} ms")
    found = {each.name: each for each in rows if not each.void}
    for peer, times in GOALS:
        ours = found.get(f"reference, {PEERS[peer]}")
        if ours is None or peer not in found:
            continue
        ratios = [ours.rates[number] / found[peer].rates[number] for number in CONNECTIONS]
        shown = " and ".join(f"{ratio:.2f}" for ratio in ratios)
        goal = "" if times is None else f" (goal {times:g}: {'met' if min(ratios) >= times else 'MISSED'})"
        print(f"{shown} x {peer}'s throughput with {few} and {many} connections{goal}")
    ours = found.get(f"reference, {CHAT}")
    if ours is not None:
        print(
            f"added p50 {ours.added_s[0] * 1000:.2f} ms (goal 1.5: {'met' if ours.added_s[0] < 0.0015 else 'MISSED'})"
        )
        if "portkey" in found:
            goal = "met" if ours.added_s[1] <= found["portkey"].added_s[1] else "MISSED"
            print(f"added p99 {ours.added_s[1] * 1000:.2f} ms (goal: at most portkey's: {goal})")


async def run(wanted: argparse.Namespace, folder: Path) -> None:
    """Measure what is asked for."""
    names = ["reference", *PEERS] if wanted.only is None else wanted.only.split(",")
    rows: list[Row] = []
    async with AsyncExitStack() as stack:
        providers, pace = await stack.enter_async_context(fakes(folder))
        at = Endpoint(providers["anthropic"].base_url + "/v1", MODELS["anthropic"], {}, "sk-bench")
        direct = row("direct", MESSAGES, at, None)
        await ready(direct)
        for name in names:
            try:
                rows += await start(name, providers, folder, stack)
            except (HarnessError, TimeoutError) as error:
                print(f"{name} is left out: {error or f'not installed within {INSTALL_S:.0f} s'}", flush=True)
        await measure(rows, direct, wanted.rounds, wanted.seconds, folder)
        report(rows)
        ours = next((each for each in rows if each.name == f"reference, {CHAT}"), None)
        if ours is not None:
            pace({"ttft_s": TTFT_S, "tokens_per_second": TOKENS_PER_SECOND})
            whole, p50, p99 = await streams(ours.where, STREAMS)
            held = "held" if whole == STREAMS and p99 < LATE_S else "NOT held"
            figures = f"tokens p50 {p50 * 1000:.1f}, p99 {p99 * 1000:.1f} ms late"
            print(f"{STREAMS} streams at {TOKENS_PER_SECOND} tokens/s: {whole} whole, {figures}: {held}")


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--seconds", type=float, default=4.0, help="seconds a round of wrk; latency takes twice as long"
    )
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--only", help="routers, separated by commas: reference and others")
    wanted = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("wrk is not installed: apt-get install wrk")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.sched_setaffinity(0, {OTHERS_CORE})
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(wanted, Path(folder)))


if __name__ == "__main__":
    main()
