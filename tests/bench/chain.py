"""Measures the whole chain's highest rate, beside bare mitmdump and the bare fake in the same run.

    python tests/bench/chain.py [--answer 24] [--seconds 6] [--only NAME]

Everything is measured by the same open-loop generator: a rate is held when every call gets its right answer, the
generator was on time (99 % of the calls left within 50 ms of when they were due), and no queue builds up (the median
call takes at most 1.5 times what its answer takes on an idle machine). The rate is searched by doubling and
halving the step, so the figure is the highest rate held to about 5 %. The mix is the default one: half of the calls are
streamed, 24 tokens an answer, so a call costs 12 stream events on average besides its plain half.

- `fake`: callers → fake provider. What the generator and the fake can do by themselves.
- `mitmdump`: callers → mitmdump (reverse mode, bodies streamed through) → fake provider.
- `inline`: callers → reference router → fakes with the faults inside, timeline armed.
- `mitmproxy`: callers → reference router → injector, timeline armed → fakes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from banstorm.harness.launch import Child, Process, pick_port
from banstorm.scenarios.model import Scenario
from waiting import listening

LATE_S = 0.05
SLOW = 1.5
TTFT_S = 0.12
TOKENS_PER_SECOND = 80
SCENARIO = {
    "version": 1,
    "title": "Bench",
    "story": "Nothing happens; a fault is armed for a request that never comes.",
    "source": "made for the bench",
    "seed": 1,
    "providers": {
        "openai": {
            "dialect": "openai",
            "model": "gpt-5.4-mini",
            "ttft": f"{TTFT_S}s",
            "tokens_per_second": TOKENS_PER_SECOND,
        },
        "anthropic": {
            "dialect": "anthropic",
            "model": "claude-sonnet-5",
            "ttft": f"{TTFT_S}s",
            "tokens_per_second": TOKENS_PER_SECOND,
        },
    },
    "expect": {"lost_calls": 0},
}
STREAM_ADDON = "def responseheaders(flow):\n    flow.response.stream = True\n"


def scenario(rate: float, seconds: float, answer: int) -> dict:
    """The scenario at a rate; its entry is armed for a model that nobody uses, so that all selectors are looked at."""
    shapes = {"text": 7, "json": 2, "tools": 1}
    load = {
        "rate": f"{rate:g}/s",
        "warmup": "1s",
        "duration": f"{seconds:g}s",
        "answer": f"{answer} tokens",
        "shapes": shapes,
    }
    entry = {
        "at": "0s",
        "on": ["openai", "anthropic"],
        "fault": "hang",
        "model": "nobody-asks-for-this",
        "stream": True,
    }
    return SCENARIO | {"load": load, "timeline": [entry]}


def idle_ms(answer: int) -> float:
    """What an answer takes on an idle machine: time to first token, and the tokens."""
    return (TTFT_S + answer / TOKENS_PER_SECOND) * 1000


def judge(folder: Path, answer: int) -> tuple[bool, str]:
    """Whether a rate was held, from the ledger's calls, and the figures."""
    schedule, calls = {}, {}
    for line in (folder / "ledger" / "load.ndjson").read_bytes().splitlines():
        row = json.loads(line)
        if row["table"] == "schedule" and row["phase"] == "load":
            schedule[row["call"]] = row
        elif row["table"] == "calls":
            calls[row["call"]] = row
    late = sorted(
        (calls[call]["sent_ns"] or 2**62) - row["scheduled_ns"] for call, row in schedule.items() if call in calls
    )
    good = sum(calls[call]["outcome"] == "ok" for call in schedule if call in calls)
    latency = sorted(calls[call]["ended_ns"] - row["scheduled_ns"] for call, row in schedule.items() if call in calls)
    p99 = late[int(len(late) * 0.99)] / 1e6 if late else float("inf")
    events = sum(row["tokens"] for row in schedule.values() if row["stream"])
    seconds = (
        max(row["scheduled_ns"] for row in schedule.values()) - min(row["scheduled_ns"] for row in schedule.values())
    ) / 1e9
    p50 = latency[len(latency) // 2] / 1e6 if latency else float("inf")
    held = good == len(schedule) and p99 <= LATE_S * 1000 and p50 <= SLOW * idle_ms(answer)
    return (
        held,
        f"good {good}/{len(schedule)}, p99 late {p99:.1f} ms, p50 {p50:.0f} ms, {events / seconds:.0f} events/s",
    )


@asynccontextmanager
async def children(folder: Path, whole: Scenario, front: str) -> AsyncIterator[str]:
    """The processes of a front; gives the base URL that the callers use."""
    common = {
        "run": "abcdef",
        "seed": 1,
        "ledger": str(folder / "ledger"),
        "scenario": whole.model_dump(mode="json", by_alias=True),
    }
    free = dict.fromkeys(whole.providers, 0)
    fakes = Child("fakes", "banstorm.harness.fakes_host", folder / "fakes.log")
    injector = Child("injector", "banstorm.harness.injector", folder / "injector.log")
    other = Process(front, folder / "front.log")
    started: list[Process] = [fakes]
    try:
        await fakes.spawn()
        ports = (await fakes.configure(common | {"ports": free, "inline": front == "inline"}))["ports"]
        if front == "fake":
            yield f"http://127.0.0.1:{ports['openai']}/v1"
            return
        if front == "mitmproxy":
            started.append(injector)
            await injector.spawn()
            ports = (await injector.configure(common | {"upstreams": ports, "ports": free}))["ports"]
        port = pick_port()
        if front == "mitmdump":
            addon = folder / "stream.py"
            addon.write_text(STREAM_ADDON)
            program = str(Path(sys.executable).parent / "mitmdump")
            mode = f"reverse:http://127.0.0.1:{ports['openai']}@127.0.0.1:{port}"
            command = [program, "-q", "--mode", mode, "-s", str(addon), "--set", f"confdir={folder}"]
        else:
            config = {
                "listen": {"host": "127.0.0.1", "port": port},
                "providers": [
                    {
                        "name": "openai",
                        "dialect": "openai",
                        "base_url": f"http://127.0.0.1:{ports['openai']}/v1",
                        "model": "gpt-5.4-mini",
                        "api_key_env": "KEY",
                    },
                    {
                        "name": "anthropic",
                        "dialect": "anthropic",
                        "base_url": f"http://127.0.0.1:{ports['anthropic']}",
                        "model": "claude-sonnet-5",
                        "api_key_env": "KEY",
                    },
                ],
            }
            (folder / "router.yaml").write_text(json.dumps(config))
            command = [sys.executable, "-P", "-m", "banstorm.router", "--config", str(folder / "router.yaml")]
        started.append(other)
        await other.start(command, env=os.environ | {"KEY": "sk-proj-bench-0123456789"})
        await listening(port)
        for each in (fakes, injector):
            if each in started:
                await each.send({"command": "start", "t0_ns": time.monotonic_ns() + 1_500_000_000})
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        for each in reversed(started):
            await each.stop()


async def attempt(front: str, rate: float, seconds: float, answer: int) -> bool:
    """Play one rate through one front."""
    with tempfile.TemporaryDirectory(prefix="banstorm-bench-") as name:
        folder = Path(name)
        whole = Scenario.model_validate(scenario(rate, seconds, answer))
        async with children(folder, whole, front) as base_url:
            load = Child("load", "banstorm.harness.load", folder / "load.log")
            await load.spawn()
            try:
                await load.configure(
                    {
                        "run": "abcdef",
                        "seed": 1,
                        "ledger": str(folder / "ledger"),
                        "scenario": whole.model_dump(mode="json", by_alias=True),
                        "base_url": base_url,
                        "model": "gpt-5.4-mini",
                        "headers": {},
                        "api_key": "sk-proj-bench-0123456789",
                        "in_flight_max": 20_000,
                    }
                )
                done = load.expect("done")
                await load.send({"command": "start", "t0_ns": time.monotonic_ns() + 1_300_000_000})
                await load.wait(done, "finish", seconds + 30)
            finally:
                await load.stop()
        held, figures = judge(folder, answer)
        print(f"  {front:<10} {rate:6.0f}/s  {'held' if held else 'NOT held'}: {figures}", flush=True)
        return held


async def highest(front: str, start: float, seconds: float, answer: int) -> float:
    """The highest rate that `front` holds, to about 5 %."""
    low, high = 0.0, 0.0
    rate = start
    while not high:
        if await attempt(front, rate, seconds, answer):
            low, rate = rate, rate * 1.5
        else:
            high = rate
    while high > low * 1.07 and high > 10:
        middle = (low + high) / 2
        if await attempt(front, middle, seconds, answer):
            low = middle
        else:
            high = middle
    return low


async def main() -> None:
    """Measure every front and print each beside the bare ones."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--answer", type=int, default=24, help="tokens an answer")
    parser.add_argument("--seconds", type=float, default=6.0, help="seconds of load a trial")
    parser.add_argument("--only", choices=["fake", "mitmdump", "inline", "mitmproxy"])
    parser.add_argument("--rate", type=float, help="play this rate only")
    wanted = parser.parse_args()
    fronts = {"fake": 400.0, "mitmdump": 200.0, "inline": 200.0, "mitmproxy": 150.0}
    if wanted.rate:
        for front in [wanted.only] if wanted.only else fronts:
            await attempt(front, wanted.rate, wanted.seconds, wanted.answer)
        return
    found = {
        front: await highest(front, start, wanted.seconds, wanted.answer)
        for front, start in fronts.items()
        if wanted.only in {None, front}
    }
    print(f"\nhighest rate held, calls/s (half streamed, {wanted.answer} tokens an answer):")
    for front, rate in found.items():
        beside = "".join(
            f"  {rate / found[bare]:.2f} of {bare}" for bare in ("fake", "mitmdump") if bare in found and bare != front
        )
        print(f"  {front:<10} {rate:6.0f}  {rate * wanted.answer / 2:7.0f} events/s{beside}")


if __name__ == "__main__":
    asyncio.run(main())
