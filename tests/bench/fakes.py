"""Measures one fake provider on one core, beside aimock (npm) in the same run.

    python -P tests/bench/fakes.py [--seconds 8] [--requests 1000000] [--only plain|streams|memory]

Servers are pinned to one core and the client to another, so that threads don't flatter. The client is a bare one on
uvloop that keeps `--connections` connections busy and looks at each response: a status other than 200 ends the bench.

- `plain`: chat completions, as fast as they are answered: first 2,000 questions that take turns, then one over and over
  (which our fakes remember). Ours runs as `banstorm serve openai` with a known key, limits for that key, and an invoice
  for each request; aimock answers the same prompts from a fixture. Rounds alternate, and the figure is each server's
  best round; the ratio is of these.
- `streams`: streams of 40 tokens/s at once; how late each token reaches the client, against its due time from the
  request on. 250 streams first, then the largest number for which the 99th percentile stays under 25 ms.
- `memory`: resident memory of the fake over a million plain requests.

aimock is installed by npm into build/bench; without npm its rows are left out, and no ratio is printed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path

import httpx
import psutil
import uvloop

AIMOCK = "@copilotkit/aimock@1.43.0"
FOLDER = Path(__file__).parents[2] / "build" / "bench"
SERVER_CORE, CLIENT_CORE = 0, 1
KEY = "sk-proj-bench-0123456789"
PROMPT = "hello there, how are you?"
QUESTIONS = 2000
"""Different requests that take turns: more than a fake remembers, so that each is read and composed anew."""
SAID = "Hello! This answer of some twenty words stands in for what a model would have said here, more or less."
RATE, TTFT_S, TOKENS = 40, 0.1, 200
LATE_S = 0.025
STREAMS = 250
ANSWER = re.compile(rb"HTTP/1\.1 (\d+)")


class Busy(asyncio.Protocol):
    """A connection that asks again as soon as it is answered."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask."""
        self.transport = transport
        transport.write(self.load.request())

    def data_received(self, data: bytes) -> None:
        """Ask again once the answer is whole."""
        self.buffer = self.buffer + data if self.buffer else data
        if not whole(self.buffer):
            return
        if not self.buffer.startswith(b"HTTP/1.1 200"):
            self.load.fail(self.buffer[:300])
            return
        self.buffer = b""
        self.load.count += 1
        if self.load.go_on():
            self.transport.write(self.load.request())
        else:
            self.transport.close()
            self.load.closed()


def whole(data: bytes) -> bool:
    """Whether a response is complete: by its length, or by the last chunk."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return False
    at = data.find(b"ontent-length: ", 0, end)
    if at < 0:
        at = data.find(b"ontent-Length: ", 0, end)
    if at < 0:
        return data.endswith(b"\r\n0\r\n\r\n")
    return len(data) >= end + 4 + int(data[at + 15 : data.index(b"\r", at)])


class Load:
    """Plain requests over some connections, for some time or number."""

    def __init__(
        self, port: int, connections: int, *, seconds: float = 1e9, requests: float = 1e12, questions: int = QUESTIONS
    ) -> None:
        self.request = cycle([post(port, question(number)) for number in range(questions)]).__next__
        self.port, self.connections = port, connections
        self.seconds, self.requests = seconds, requests
        self.count = 0
        self.left = connections

    async def run(self) -> float:
        """Requests a second."""
        loop = asyncio.get_running_loop()
        self.over = loop.create_future()
        self.began_s = loop.time()
        self.until_s = self.began_s + self.seconds
        for _ in range(self.connections):
            await loop.create_connection(lambda: Busy(self), "127.0.0.1", self.port)
        await self.over
        return self.count / (loop.time() - self.began_s)

    def go_on(self) -> bool:
        """Whether to ask again."""
        return self.count < self.requests and time.monotonic() < self.until_s

    def closed(self) -> None:
        """A connection is done."""
        self.left -= 1
        if not self.left and not self.over.done():
            self.over.set_result(None)

    def fail(self, seen: bytes) -> None:
        """A response that isn't a 200."""
        if not self.over.done():
            self.over.set_exception(RuntimeError(f"not answered with 200: {seen!r}"))


class Stream(asyncio.Protocol):
    """One stream: notes how late each token comes."""

    def __init__(self, request: bytes, lates: list[float], ended: asyncio.Future[None]) -> None:
        self.request, self.lates, self.ended = request, lates, ended
        self.tokens = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask."""
        self.transport = transport
        self.began_s = time.monotonic()
        transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        """Some tokens."""
        now_s = time.monotonic()
        for _ in range(data.count(b"~")):
            self.lates.append(now_s - self.began_s - TTFT_S - self.tokens / RATE)
            self.tokens += 1
        if b"[DONE]" in data:
            self.transport.close()

    def connection_lost(self, _: Exception | None) -> None:
        """It is over."""
        if self.ended.done():
            return
        if self.tokens == TOKENS:
            self.ended.set_result(None)
        else:
            self.ended.set_exception(RuntimeError(f"a stream broke off after {self.tokens} of {TOKENS} tokens"))


async def stream(port: int, number: int) -> tuple[float, float, float]:
    """Median, 99th percentile and largest lateness of a token, in seconds, with `number` streams at once."""
    from banstorm.fakes.answer import Mark, Shape

    loop = asyncio.get_running_loop()
    lates: list[float] = []
    ends = []
    for each in range(number):
        mark = Mark("bec400", each, Shape.TEXT, TOKENS).render()
        document = {"model": "gpt-5.4-mini", "stream": True, "messages": [{"role": "user", "content": mark}]}
        ended = loop.create_future()
        ends.append(ended)
        request = post(port, json.dumps(document).encode())
        await loop.create_connection(lambda: Stream(request, lates, ended), "127.0.0.1", port)  # noqa: B023 - called at once
        await asyncio.sleep(1 / RATE / 8)  # streams don't begin in step
    await asyncio.gather(*ends)
    lates.sort()
    return lates[len(lates) // 2], lates[int(len(lates) * 0.99)], lates[-1]


def question(number: int) -> bytes:
    """The body of a request, one a number."""
    content = f"{PROMPT} This is number {number:05d}."
    return json.dumps({"model": "gpt-5.4-mini", "messages": [{"role": "user", "content": content}]}).encode()


def post(port: int, body: bytes) -> bytes:
    """A request."""
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nauthorization: Bearer {KEY}\r\n"
    return head.encode() + b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body


@contextmanager
def pinned(command: list[str], port: int) -> Iterator[int]:
    """A server on its core; gives its process id once it listens."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        psutil.Process(process.pid).cpu_affinity([SERVER_CORE])  # before it has started any thread
        try:
            until_s = time.monotonic() + 60
            while not listens(port):
                if process.poll() is not None or time.monotonic() > until_s:
                    log.seek(0)
                    raise RuntimeError(f"{command[0]} does not listen: {log.read()[-2000:].decode()}")
                time.sleep(0.05)
            yield process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def listens(port: int) -> bool:
    """Whether something listens at a port."""
    import socket

    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def fake(*, paced: bool = False) -> Iterator[tuple[int, int]]:
    """`banstorm serve openai` with a known key that has limits; gives its process id and port."""
    port, control = pick(), pick()
    os.environ["BANSTORM_CONTROL_TOKEN"] = "bench"
    banstorm = str(Path(sys.executable).parent / "banstorm")
    command = [banstorm, "serve", "openai", "--ports", f"openai={port}", "--control-port", str(control)]
    with pinned(command, port) as process:
        control_it(control, "POST", "keys", {"key": KEY, "organisation": "bench"})
        limits = {"key": KEY, "requests_per_minute": 1e9, "tokens_per_minute": 1e12, "spend_usd": 1e9}
        control_it(control, "PUT", "quota", limits)
        if paced:
            control_it(control, "PUT", "latency", {"ttft_s": TTFT_S, "tokens_per_second": RATE})
        yield process, port


def control_it(port: int, method: str, what: str, body: dict) -> None:
    """Tell the control API something."""
    url = f"http://127.0.0.1:{port}/v1/providers/openai/{what}"
    httpx.request(method, url, json=body, headers={"authorization": "Bearer bench"}).raise_for_status()


@contextmanager
def aimock() -> Iterator[tuple[int, int] | None]:
    """The peer with one fixture; None without npm."""
    npm = shutil.which("npm")
    if npm is None:
        print("npm is not installed: aimock is not measured", flush=True)
        yield None
        return
    folder = FOLDER / "aimock"
    program = folder / "node_modules" / ".bin" / "llmock"
    if not program.exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run([npm, "install", "--silent", "--no-fund", "--no-audit", "--prefix", folder, AIMOCK], check=True)
    fixture = folder / "bench.json"
    fixture.write_text(json.dumps({"fixtures": [{"match": {"userMessage": "hello"}, "response": {"content": SAID}}]}))
    port = pick()
    with pinned([str(program), "-p", str(port), "-f", str(fixture), "--log-level", "silent"], port) as process:
        yield process, port


def pick() -> int:
    """A free port."""
    from banstorm.harness.launch import pick_port

    return pick_port()


def plain(seconds: float, connections: int) -> None:
    """Both servers in turn, asked other things each time and then the same over and over."""
    with aimock() as peer, fake() as ours:
        for questions, told in ((QUESTIONS, "each other than the last"), (1, "the same over and over")):
            print(f"plain chat completions, {told}:", flush=True)
            compare(peer, ours, seconds, connections, questions)


def compare(
    peer: tuple[int, int] | None,
    ours: tuple[int, int],
    seconds: float,
    connections: int,
    questions: int,
    rounds: int = 3,
) -> None:
    """Both servers in turn."""
    best: dict[str, float] = {}
    for number in range(rounds):
        for name, server in (("aimock", peer), ("banstorm", ours)):
            if server is None:
                continue
            process = psutil.Process(server[0])
            before = sum(process.cpu_times()[:2])
            load = Load(server[1], connections, seconds=seconds, questions=questions)
            rate = uvloop.run(load.run())
            used = (sum(process.cpu_times()[:2]) - before) / load.count * 1e6
            if number:  # the first round warms up
                best[name] = max(best.get(name, 0.0), rate)
            print(f"  plain  {name:<9} {rate:8.0f}/s  {used:5.1f} µs of CPU a request", flush=True)
    ratio = f", {best['banstorm'] / best['aimock']:.2f} x aimock's" if "aimock" in best else ""
    print(f"  {best['banstorm']:.0f}/s with key, limits and invoices{ratio}", flush=True)


def streams() -> None:
    """Lateness of tokens, and how many streams hold the limit."""

    def trial(number: int) -> bool:
        p50, p99, worst = uvloop.run(stream(port, number))
        figures = f"p50 {p50 * 1000:.1f}, p99 {p99 * 1000:.1f}, max {worst * 1000:.1f} ms late"
        print(f"  streams  {number:4d} at {RATE} tokens/s: {figures}", flush=True)
        return p99 < LATE_S

    with fake(paced=True) as (_, port):
        trial(20)  # warms up
        low, high = 0, STREAMS
        while trial(high):
            low, high = high, round(high * 1.5)
        while high - low > max(10, low * 0.1):
            middle = (low + high) // 2
            if trial(middle):
                low = middle
            else:
                high = middle
    print(f"streams of {RATE} tokens/s with p99 lateness under {LATE_S * 1000:.0f} ms: {low}", flush=True)


def memory(requests: int, connections: int) -> None:
    """Resident memory over many requests."""
    with fake() as (process, port):
        seen = []
        for _ in range(10):
            uvloop.run(Load(port, connections, requests=requests // 10).run())
            seen.append(psutil.Process(process).memory_info().rss / 1e6)
    told = ", ".join(f"{each:.0f}" for each in seen)
    print(f"resident memory over {requests} requests, MB at each tenth: {told}", flush=True)


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=8.0, help="seconds a round of plain requests")
    parser.add_argument("--connections", type=int, default=50)
    parser.add_argument("--requests", type=int, default=1_000_000, help="plain requests while memory is watched")
    parser.add_argument("--only", choices=["plain", "streams", "memory"])
    wanted = parser.parse_args()
    os.sched_setaffinity(0, {CLIENT_CORE})
    if wanted.only in {None, "plain"}:
        plain(wanted.seconds, wanted.connections)
    if wanted.only in {None, "streams"}:
        streams()
    if wanted.only in {None, "memory"}:
        memory(wanted.requests, wanted.connections)


if __name__ == "__main__":
    main()
