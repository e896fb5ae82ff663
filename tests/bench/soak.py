"""Soaks the reference router: a million calls with an eye on its memory, and the whole library over and over.

    python tests/bench/soak.py [--calls 1000000]
    python tests/bench/soak.py --library 10 [--jobs 2] [--inline] [--minutes 600] [--only NAME,…] [--fresh]

Calls come from wrk in short turns: plain and streamed, in OpenAI's and in Anthropic's words. Resident memory is sampled
at each tenth. It is flat if from the second tenth to the last it grows by at most `GROWTH_MB_MAX`.

The library is played in rounds, each after the first with a seed of its own, `--jobs` runs at a time. With `--inline`
the faults are played inside the fakes, at half the cost, but for those scenarios that only mitmproxy can play. A row a
run is appended to soak.ndjson beside this file as it goes: a soak takes hours, and an interrupted one goes on where it
was, on another machine too, but for scenarios that were changed since, and from the start if the router was; `--fresh`
begins anew. A run that the machine made inconclusive is repeated, up to twice, and again by the next soak. At the end:
what didn't pass, and every time limit of the library that is less than four times the 99th percentile of what was found
for it. Runs that failed are kept in build/soak, and so are those of the first round, which scripts/write_catalogue.py
reads if mitmproxy played them.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import yaml
from banstorm.harness.launch import pick_port
from banstorm.scenarios import document, library
from open_loop import question

BUILD = Path(__file__).parents[2] / "build"
ROUTER = Path(__file__).parents[2] / "router"
ROUTER_CORE, OTHERS_CORE = 1, 0
TURN_S = 5
CONNECTIONS = 20
GROWTH_MB_MAX = 5.0
"""Growth that counts as flat, for the allocator is uneven: seven bytes kept of every call of a million would not be."""
READY_S = 20.0
RUN_S_MAX = 300.0
TRIES_MAX = 3
"""Runs of a scenario in a round, until one of them is conclusive."""
MARGIN = 4.0
"""A time limit is meant to be at least so many times what the router needs."""
UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0}
LUA = """
wrk.method = "POST"
wrk.body = %s
wrk.headers["content-type"] = "application/json"
done = function(summary, latency, requests)
  local errors = summary.errors
  local bad = errors.status + errors.read + errors.write + errors.connect + errors.timeout
  io.write(string.format("MEASURED %%d %%d\\n", summary.requests, bad))
end
"""


@contextmanager
def running(command: list[str], core: int, ports: list[int], log: Path) -> Iterator[int]:
    """A program on its core, from when it listens; gives its process id."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env={**environment, "SOAK_KEY": "sk-soak"})
        psutil.Process(process.pid).cpu_affinity([core])
        try:
            until = time.monotonic() + READY_S
            while not all(map(listens, ports)):
                if process.poll() is not None or time.monotonic() > until:
                    sys.exit(f"{command[0]} does not listen: {log.read_text()[-2000:]}")
                time.sleep(0.05)
            yield process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()


def listens(port: int) -> bool:
    """Whether something listens at a port."""
    import socket

    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def soak_calls(calls: int, folder: Path) -> bool:
    """Whether memory stayed flat over so many calls."""
    openai, anthropic, port = pick_port(), pick_port(), pick_port()
    banstorm = str(Path(sys.executable).parent / "banstorm")
    names = {"openai": f"http://127.0.0.1:{openai}/v1", "anthropic": f"http://127.0.0.1:{anthropic}"}
    providers = [
        {"name": name, "dialect": name, "base_url": url, "model": "m", "api_key_env": "SOAK_KEY"}
        for name, url in names.items()
    ]
    config = folder / "router.yaml"
    config.write_text(yaml.safe_dump({"listen": {"host": "127.0.0.1", "port": port}, "providers": providers}))
    serve = [banstorm, "serve", *names, "--ports", f"openai={openai},anthropic={anthropic}"]
    router = [sys.executable, "-P", "-m", "banstorm.router", "--config", str(config)]
    os.sched_setaffinity(0, {OTHERS_CORE})
    with (
        running(serve, OTHERS_CORE, [openai, anthropic], folder / "fakes.log"),
        running(router, ROUTER_CORE, [port], folder / "router.log") as pid,
    ):
        return watched(pid, f"http://127.0.0.1:{port}/v1", calls, folder)


def watched(pid: int, base_url: str, calls: int, folder: Path) -> bool:
    """Make the calls, and look at the memory at each tenth."""
    httpx.post(f"{base_url}/chat/completions", content=question("m"), timeout=10).raise_for_status()
    turns = [(path, stream) for path in ("/chat/completions", "/messages") for stream in (False, True)]
    made, turn, seen, began = 0, 0, [], time.monotonic()
    while made < calls:
        path, stream = turns[turn % len(turns)]
        turn += 1
        made += some(base_url + path, question("m", stream=stream), folder)
        while len(seen) < min(10, made * 10 // calls):
            seen.append(psutil.Process(pid).memory_info().rss / 1e6)
            print(f"  {made:>9,} calls, {seen[-1]:.1f} MB, {time.monotonic() - began:.0f} s", flush=True)
    growth = seen[-1] - seen[1]
    flat = growth <= GROWTH_MB_MAX
    told = ", ".join(f"{each:.0f}" for each in seen)
    verdict = "flat" if flat else f"NOT flat, at most {GROWTH_MB_MAX:g} MB are"
    print(f"resident memory over {made:,} calls, MB at each tenth: {told}; grown by {growth:.1f} MB: {verdict}")
    return flat


def some(url: str, body: bytes, folder: Path) -> int:
    """Calls for some seconds; how many there were."""
    script = folder / "wrk.lua"
    script.write_text(LUA % json.dumps(body.decode()))
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{TURN_S}s", "--timeout", "10s", "-s", str(script), url]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"MEASURED (\d+) (\d+)", said)
    if found is None or found[2] != "0" or found[1] == "0":
        sys.exit(f"not every call to {url} was answered well: {said}")
    return int(found[1])


def seconds(text: str) -> float | None:
    """What a report's duration amounts to; None if it is none."""
    found = re.search(r"([0-9.]+) ?(ms|s|m)$", text or "")
    return float(found[1]) * UNITS[found[2]] if found else None


def words(name: str, number: int, folder: Path, *, inline: bool) -> list[str]:
    """The command that plays a scenario in a round."""
    banstorm = str(Path(sys.executable).parent / "banstorm")
    seed = ["--seed", str(1000 + number)] if number > 1 else []
    host = ["--intercept"] if needs_tls(name) else ["--inline"] * inline
    return [banstorm, "run", name, "--no-charts", "--out", str(folder), *seed, *host]


def digest(name: str) -> str:
    """What a result holds for: this router, and this text of the scenario."""
    known = hashlib.sha256(library.find(name).read_bytes())
    for path in sorted(each for each in ROUTER.rglob("*") if each.suffix in {".py", ".yaml"}):
        known.update(path.read_bytes())
    return known.hexdigest()[:12]


def needs_tls(name: str) -> bool:
    """Whether a scenario breaks what only a router that speaks TLS can see."""
    return "tls" in document.read(library.find(name)).data["tags"]


def play(name: str, number: int, folder: Path, *, inline: bool) -> dict:
    """One conclusive run of a scenario, if the machine lets it: its verdict and its time limits."""
    row: dict = {}
    for _ in range(TRIES_MAX):
        shutil.rmtree(folder, ignore_errors=True)
        command = words(name, number, folder, inline=inline)
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=RUN_S_MAX, check=False)
        except subprocess.TimeoutExpired:
            return {"round": number, "scenario": name, "verdict": "fail", "why": f"not over after {RUN_S_MAX:.0f} s"}
        if "run without --inline" in done.stderr:
            return play(name, number, folder, inline=False)
        reports = list(folder.glob("*/report.json"))
        if not reports:
            return {"round": number, "scenario": name, "verdict": "fail", "why": done.stderr[-500:]}
        report = json.loads(reports[0].read_text())
        row = {"round": number, "scenario": name, "verdict": report["verdict"], "why": report["sentence"], "times": []}
        row["inline"] = "--inline" in command
        for each in report["expectations"]:
            limit, found = seconds(each["wanted"]), seconds(each["found"])
            if limit is not None and found is not None and each["wanted"].startswith("<"):
                row["times"].append([each["measure"], limit, found])
        if report["verdict"] != "inconclusive":
            break
    if row["verdict"] == "fail":
        shutil.copytree(folder, BUILD / "soak" / f"{name}-{number}", dirs_exist_ok=True)
    if number == 1:
        shutil.copytree(folder, BUILD / "soak" / "first", dirs_exist_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    return row


def soak_library(wanted: argparse.Namespace, only: list[str], folder: Path) -> bool:
    """Whether every scenario passed every round that there was time for, with limits that leave room."""
    BUILD.mkdir(exist_ok=True)
    file = Path(__file__).with_name("soak.ndjson")
    rounds, minutes = wanted.library, wanted.minutes
    if wanted.fresh:
        file.unlink(missing_ok=True)
    digests = {name: digest(name) for name in only}
    rows = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    rows = [row for row in rows if row["digest"] == digests.get(row["scenario"]) and row["verdict"] != "inconclusive"]
    done = {(row["round"], row["scenario"]) for row in rows}
    until = time.monotonic() + 60 * minutes
    due = [(number, name) for number in range(1, rounds + 1) for name in only if (number, name) not in done]

    def played(turn: tuple[int, str]) -> dict | None:
        number, name = turn
        if time.monotonic() > until:
            return None
        return play(name, number, folder / f"{name}-{number}", inline=wanted.inline)

    with ThreadPoolExecutor(wanted.jobs) as jobs, file.open("a", buffering=1) as out:
        try:
            for each in as_completed([jobs.submit(played, turn) for turn in due]):
                row = each.result()
                if row is None:
                    continue
                row["digest"] = digests[row["scenario"]]
                rows.append(row)
                out.write(json.dumps(row) + "\n")
                print(f"  round {row['round']}, {row['scenario']}: {row['verdict']}", flush=True)
        finally:
            jobs.shutdown(wait=False, cancel_futures=True)
    if time.monotonic() > until:
        print(f"{minutes:g} minutes are over; call it again to go on")
    asked = {(number, name) for number in range(1, rounds + 1) for name in only}
    return told([row for row in rows if (row["round"], row["scenario"]) in asked], len(asked))


def told(rows: list[dict], due: int) -> bool:
    """Tell what came of it; whether all is well."""
    bad = [row for row in rows if row["verdict"] != "pass"]
    for row in bad:
        print(f"round {row['round']}, {row['scenario']}: {row['verdict']}: {row['why']}")
    values: dict[tuple[str, str, float], list[float]] = defaultdict(list)
    for row in rows:
        for measure, limit, found in row.get("times", ()):
            values[row["scenario"], measure, limit].append(found)
    tight = 0
    for (name, measure, limit), found in sorted(values.items()):
        found.sort()
        p99 = found[min(len(found) - 1, int(len(found) * 0.99))]
        if limit < MARGIN * p99:
            tight += 1
            print(f"tight: {name}, {measure} <= {limit:g} s, but p99 of {len(found)} is {p99:g} s")
    inline = sum(row.get("inline", False) for row in rows)
    runs = f"{len(rows)} of {due} runs, {inline} of them inline, {len(rows) - len(bad)} passed"
    print(f"{runs}; {len(values)} time limits, {tight} under {MARGIN:g} x p99")
    return not bad and not tight and len(rows) == due


def main() -> None:
    """Soak what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--library", type=int, metavar="ROUNDS", help="play the library so many times instead")
    parser.add_argument("--jobs", type=int, default=1, help="runs of the library at a time")
    parser.add_argument("--inline", action="store_true", help="play faults inside the fakes where that is possible")
    parser.add_argument("--minutes", type=float, default=600.0, help="longest time for the library")
    parser.add_argument("--only", help="scenarios of the library, separated by commas")
    parser.add_argument("--fresh", action="store_true", help="forget the library's results so far")
    wanted = parser.parse_args()
    # So that whoever ends the soak ends what it started, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory() as folder:
        if wanted.library is None:
            well = soak_calls(wanted.calls, Path(folder))
        else:
            names = wanted.only.split(",") if wanted.only else list(library.paths())
            well = soak_library(wanted, names, Path(folder))
    sys.exit(0 if well else 1)


if __name__ == "__main__":
    main()
