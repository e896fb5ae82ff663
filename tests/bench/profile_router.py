"""Where the reference router's time goes: its stacks, sampled by py-spy while wrk asks it, added up by part.

    python tests/bench/profile_router.py [--seconds 20] [--stream] [--stacks FILE]

The router has one core, fakes and wrk have the other, as in routers.py. A sample belongs to the innermost frame that a
part of the table claims, so what the standard library does is its caller's, and what no other claims the event loop's.
py-spy is not among the requirements (`pip install py-spy`), and it may need root to look into another process.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import shutil
import sys
import tempfile
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

from routers import CHAT, CONNECTIONS, OTHERS_CORE, WARM_UP_S, fakes, start, throughput

RATE_HZ = 500
ATTACH_S = 10.0
"""Seconds that py-spy may take to attach, and to write at the end."""
LOOP, RUNNER = "the event loop", "/asyncio/runners.py"
DIALECTS = (
    r"aws_frames|both_ways|from_\w+|http_provider|json_schema|messages|open_stream|output_caps|read_chat|repair|sse"
    r"|stream_\w+|to_\w+|upstream|validate"
)
PARTS = (
    ("aiohttp", r"/(aiohttp|multidict|yarl|propcache|frozenlist|aiosignal)/"),
    ("uvicorn", r"/uvicorn/"),
    ("httpx", r"/(httpx|httpcore)/"),
    ("counters", r"/prometheus_client/|/router/metrics\.py"),
    ("transport between httpx and aiohttp", r"/router/(transport|response_body)\.py"),
    ("front", r"/router/(fronts/|(front|app|one_write|access|access_tokens|part)\.py)"),
    ("dialects and checks", rf"/router/(providers/|({DIALECTS})\.py)"),
    ("engine and policies", r"/router/"),
    (LOOP, re.escape(RUNNER)),
    ("asyncio", r"/asyncio/"),
)
"""The parts, and what their frames' paths look like; the first that fits has it."""


def part_of(stack: str) -> str:
    """The part that a sampled stack belongs to: `stack` is py-spy's, outermost frame first, parted by semicolons."""
    for frame in reversed(stack.split(";")):
        path = "/" + frame.rpartition("(")[2]
        for name, pattern in PARTS:
            if re.search(pattern, path):
                return name
    return LOOP


def add_up(raw: str) -> Counter[str]:
    """Samples of the loop's thread by part, of what py-spy wrote in its raw format: a line a stack, then its count.

    A thread that waits for a lock counts as busy there; none of the others does anything in a call.
    """
    found: Counter[str] = Counter()
    for line in raw.splitlines():
        stack, _, count = line.rpartition(" ")
        if RUNNER in stack:
            found[part_of(stack)] += int(count)
    return found


async def sampled(spy: str, pid: int, seconds: float, file: Path) -> None:
    """Sample a process's busy threads for some seconds."""
    words = ["record", "-p", str(pid), "-d", f"{seconds:g}", "-r", str(RATE_HZ), "-f", "raw", "-o", str(file)]
    process = await asyncio.create_subprocess_exec(
        spy, *words, "--full-filenames", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        said = (await asyncio.wait_for(process.communicate(), seconds + ATTACH_S))[0].decode()
    finally:
        if process.returncode is None:
            process.kill()
    if process.returncode:
        sys.exit(f"py-spy could not sample the router: {said.strip()[-500:]}")


async def run(wanted: argparse.Namespace, spy: str, folder: Path) -> None:
    """Start, warm up, sample, add up."""
    async with AsyncExitStack() as stack:
        providers, _ = await stack.enter_async_context(fakes(folder))
        rows = await start("reference", providers, folder, stack)
        row = next(each for each in rows if each.name.endswith(CHAT))
        row.where = replace(row.where, stream=wanted.stream)
        await throughput(row, CONNECTIONS[0], WARM_UP_S, folder, counts=False)
        assert row.pid is not None
        file = folder / "stacks.txt"
        await asyncio.gather(
            sampled(spy, row.pid, wanted.seconds, file),
            throughput(row, CONNECTIONS[0], wanted.seconds + 1, folder, counts=True),
        )
        if row.void:
            sys.exit(f"void: {row.void}")
    if wanted.stacks is not None:
        shutil.copy(file, wanted.stacks)
    found = add_up(file.read_text("utf-8"))
    total = found.total()
    print(f"{'streamed' if wanted.stream else 'plain'}, {CONNECTIONS[0]} connections, {total} samples")
    for name, count in found.most_common():
        print(f"{count / total:6.1%}  {name}")


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--stream", action="store_true", help="ask for streamed answers")
    parser.add_argument("--stacks", type=Path, help="where to keep the stacks, for a flame graph")
    wanted = parser.parse_args()
    spy = shutil.which("py-spy")
    if spy is None or shutil.which("wrk") is None:
        sys.exit("py-spy and wrk are needed: pip install py-spy, apt-get install wrk")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.sched_setaffinity(0, {OTHERS_CORE})
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(wanted, spy, Path(folder)))


if __name__ == "__main__":
    main()
