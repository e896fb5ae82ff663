"""Measures what it costs to stand in between and do nothing, beside bare mitmdump and the bare fake in the same run.

    python tests/bench/pass_through.py [--seconds 6] [--rounds 3] [--calls 216000] [--only rate|memory]

Every selector of the timeline is armed (provider, model, credential, path, header, stream, share, each nth request) and
none matches, so each request is looked at in full and then passed on. No router stands before it.

- Rate: wrk with 20 connections, marked plain calls, as fast as they are answered. In front of the same fake: mitmdump
  in reverse mode with bodies streamed through, then the injector; the fake alone, then the same fake with the faults
  inside. Each pair has its own core, wrk and whatever is behind have the other. Rounds alternate, so that whatever else
  the machine does hits both; the ratio is of each one's best round.
- Memory: resident memory of injector and inline host over so many calls (216,000 are an hour at 60/s), at each tenth.

A status other than 200 makes the figure void.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from banstorm.fakes.answer import Mark, Shape
from banstorm.harness.launch import Child, Process, pick_port
from banstorm.scenarios.model import Scenario
from waiting import listening

CORE, OTHERS_CORE = 1, 0
"""The core of what is measured, and that of wrk and of whatever stands behind."""
CONNECTIONS = 20
KEY = "sk-proj-bench-0123456789"
WORDS = 24
STREAM_ADDON = "def responseheaders(flow):\n    flow.response.stream = True\n"
NEVER = [
    {"model": "nobody-asks-for-this"},
    {"credential": "sk-of-nobody"},
    {"path": "/nowhere/*"},
    {"header": {"x-nobody": "sends this"}},
    {"stream": True, "share": "50%"},
    {"model": "nobody-asks-for-this", "share": "50%", "nth": 7},
]
"""Selectors of entries that are armed and never match (the calls are plain ones)."""
PROVIDER = {"dialect": "openai", "model": "gpt-5.4-mini", "ttft": "0s", "tokens_per_second": 100_000, "jitter": "0%"}
AIMS = {"injector": ("mitmdump", 0.9), "inline": ("fake", 0.8)}
LUA = """\
wrk.method = "POST"
wrk.path = "/v1/chat/completions"
wrk.headers["content-type"] = "application/json"
wrk.headers["authorization"] = "Bearer {key}"
local number = 0
request = function()
  number = number % {questions} + 1
  return wrk.format(nil, nil, nil, bodies[number])
end
"""
QUESTIONS = 500


@dataclass
class Front:
    """Something that is measured."""

    name: str
    port: int
    process: psutil.Process
    best: float = 0.0


def scenario() -> Scenario:
    """One provider, and entries armed for an hour that never match."""
    entries = [{"at": "0s", "on": "openai", "fault": "hang", **selectors} for selectors in NEVER]
    return Scenario.model_validate(
        {
            "version": 1,
            "title": "Bench",
            "story": "Nothing happens; faults are armed for requests that never come.",
            "source": "made for the bench",
            "seed": 1,
            "providers": {"openai": PROVIDER},
            "load": {"rate": "1/s", "duration": "2h"},
            "timeline": entries,
            "expect": {"lost_calls": 0},
        }
    )


def lua(folder: Path) -> Path:
    """The script that makes wrk ask marked questions in turn."""
    marks = [Mark("bec400", number, Shape.TEXT, WORDS).render() for number in range(QUESTIONS)]
    bodies = [f'{{"model":"gpt-5.4-mini","messages":[{{"role":"user","content":"say {mark}"}}]}}' for mark in marks]
    table = ",\n".join(f"[==[{body}]==]" for body in bodies)
    text = f"bodies = {{{table}}}\n" + LUA.replace("{key}", KEY).replace("{questions}", str(QUESTIONS))
    return written(folder / "ask.lua", text)


def written(path: Path, text: str) -> Path:
    """A file with this text."""
    path.write_text(text)
    return path


def made(folder: Path) -> None:
    """A folder for a process's files."""
    folder.mkdir()


@asynccontextmanager
async def fakes(folder: Path, core: int, *, inline: bool) -> AsyncIterator[Front]:
    """The fake provider, bare or with the faults inside."""
    made(folder)
    child = Child("fakes", "banstorm.harness.fakes_host", folder / "fakes.log")
    try:
        process = await spawned(child, core)
        ready = await child.configure(config(folder) | {"ports": {"openai": 0}, "inline": inline})
        await begin(child)
        yield Front("inline" if inline else "fake", ready["ports"]["openai"], process)
    finally:
        await child.stop()


@asynccontextmanager
async def injector(folder: Path, upstream: int) -> AsyncIterator[Front]:
    """The injector before a fake."""
    made(folder)
    child = Child("injector", "banstorm.harness.injector", folder / "injector.log")
    try:
        process = await spawned(child, CORE)
        asked = config(folder) | {"upstreams": {"openai": upstream}, "ports": {"openai": 0}}
        ready = await child.configure(asked)
        await begin(child)
        yield Front("injector", ready["ports"]["openai"], process)
    finally:
        await child.stop()


@asynccontextmanager
async def mitmdump(folder: Path, upstream: int) -> AsyncIterator[Front]:
    """Bare mitmdump before a fake, bodies streamed through."""
    made(folder)
    addon = written(folder / "stream.py", STREAM_ADDON)
    port = pick_port()
    process = Process("mitmdump", folder / "mitmdump.log")
    mode = f"reverse:http://127.0.0.1:{upstream}@127.0.0.1:{port}"
    program = str(Path(sys.executable).parent / "mitmdump")
    try:
        await process.start([program, "-q", "--mode", mode, "-s", str(addon), "--set", f"confdir={folder}"])
        seen = psutil.Process(process.pid)
        pin(seen, CORE)
        await listening(port)
        yield Front("mitmdump", port, seen)
    finally:
        await process.stop()


def config(folder: Path) -> dict:
    """What every child is told."""
    whole = scenario().model_dump(mode="json", by_alias=True)
    return {"run": "bec400", "seed": 1, "ledger": str(folder / "ledger"), "scenario": whole}


async def spawned(child: Child, core: int) -> psutil.Process:
    """A child on its core."""
    await child.spawn()
    process = psutil.Process(child.pid)
    pin(process, core)
    return process


def pin(process: psutil.Process, core: int) -> None:
    """Every thread of a process to one core, those to come too."""
    for thread in process.threads():
        os.sched_setaffinity(thread.id, {core})


async def begin(child: Child) -> None:
    """Time 0 is now."""
    await child.send({"command": "start", "t0_ns": time.monotonic_ns()})


async def wrk(front: Front, script: Path, seconds: float) -> float:
    """Requests a second."""
    command = [
        "taskset",
        "-c",
        str(OTHERS_CORE),
        "wrk",
        "-t1",
        f"-c{CONNECTIONS}",
        f"-d{max(1, round(seconds))}s",
        "-s",
        str(script),
    ]
    running = await asyncio.create_subprocess_exec(
        *command, f"http://127.0.0.1:{front.port}", stdout=asyncio.subprocess.PIPE
    )
    said = (await asyncio.wait_for(running.communicate(), seconds + 30))[0].decode()
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    if running.returncode or rate is None or "Non-2xx" in said or "Socket errors" in said:
        raise RuntimeError(f"{front.name} did not answer everything with 200:\n{said}")
    return float(rate[1])


async def rates(folder: Path, script: Path, seconds: float, rounds: int) -> None:
    """Both pairs, in rounds that alternate."""
    async with AsyncExitStack() as stack:
        behind = await stack.enter_async_context(fakes(folder / "behind", OTHERS_CORE, inline=False))
        pairs = [
            [
                await stack.enter_async_context(mitmdump(folder / "mitmdump", behind.port)),
                await stack.enter_async_context(injector(folder / "injector", behind.port)),
            ],
            [
                await stack.enter_async_context(fakes(folder / "fake", CORE, inline=False)),
                await stack.enter_async_context(fakes(folder / "inline", CORE, inline=True)),
            ],
        ]
        for pair in pairs:
            for number in range(rounds + 1):
                for front in pair:
                    rate = await wrk(front, script, seconds)
                    if number:  # the first round warms up
                        front.best = max(front.best, rate)
                        print(f"  {front.name:<9} {rate:8.0f}/s", flush=True)
        best = {front.name: front.best for pair in pairs for front in pair}
        print(f"\n{len(NEVER)} entries armed, none matches; best of {rounds} rounds, plain calls of {WORDS} tokens:")
        for name, (bare, aim) in AIMS.items():
            ratio = best[name] / best[bare]
            print(f"  {name:<9} {best[name]:8.0f}/s = {ratio:.2f} of {bare}'s {best[bare]:.0f}/s (aim {aim})")


async def memory(folder: Path, script: Path, calls: int) -> None:
    """Resident memory of both hosts over many calls."""
    async with AsyncExitStack() as stack:
        behind = await stack.enter_async_context(fakes(folder / "behind-memory", OTHERS_CORE, inline=False))
        for front in (
            await stack.enter_async_context(injector(folder / "injector-memory", behind.port)),
            await stack.enter_async_context(fakes(folder / "inline-memory", CORE, inline=True)),
        ):
            rate = await wrk(front, script, 2.0)
            seen = []
            for _ in range(10):
                await wrk(front, script, max(1.0, calls / 10 / rate))
                seen.append(f"{front.process.memory_info().rss / 1e6:.0f}")
            print(f"resident memory of {front.name} over about {calls} calls, MB at each tenth: {', '.join(seen)}")


async def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=6.0, help="seconds a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--calls", type=int, default=216_000, help="calls while memory is watched")
    parser.add_argument("--only", choices=["rate", "memory"])
    wanted = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("wrk is not installed: nothing is measured (scripts/install-debian.sh bench installs it)")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory(prefix="banstorm-bench-") as name:
        folder = Path(name)
        script = lua(folder)
        if wanted.only in {None, "rate"}:
            await rates(folder, script, wanted.seconds, wanted.rounds)
        if wanted.only in {None, "memory"}:
            await memory(folder, script, wanted.calls)


if __name__ == "__main__":
    asyncio.run(main())
