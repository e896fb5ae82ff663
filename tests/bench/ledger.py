"""Makes the run folder of a large run, reports on it, and prints time and peak memory.

    python -P tests/bench/ledger.py [--calls 1000000] [--folder DIR] [--again] [--memory MIB]

The made-up router never leaves the provider that is banned from a tenth of the run to nine tenths of it: each call due
meanwhile tries it first and is served elsewhere, and one of four is tried there twice, so that a million calls are two
million attempts. One call in 997 is lost, one in 9,973 silently. The ledger is written as the harness writes it, a file
a process, and read, judged and drawn by `banstorm.reports` in a process of its own, whose time and largest resident
memory are printed beside the size of what it read and of the page it made. `--again` removes the NDJSON
and reports a second time, from the Parquet copy. `--memory` gives that process no more than so many MiB of data
(RLIMIT_DATA, which counts what its allocators reserve, too), to find out with how much it still succeeds.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

RATE = 1000
CALLERS = 40_000
START_NS = 5_000_000_000_000
NS = 1_000_000_000
RUN = "b3nch0"
MODELS = {"anthropic": ("claude-sonnet-5", "/v1/messages"), "openai": ("gpt-5.4-mini", "/v1/chat/completions")}
REPORT = "import sys; from pathlib import Path; from banstorm.reports.render import report; report(Path(sys.argv[1]))"


def scenario(seconds: float) -> dict[str, Any]:
    """The document of the run."""
    return {
        "version": 1,
        "title": "A long ban",
        "story": "A router never leaves the banned provider.",
        "source": "made for the bench",
        "seed": 1,
        "providers": {
            "anthropic": {"dialect": "anthropic", "model": "claude-sonnet-5"},
            "openai": {"dialect": "openai", "model": "gpt-5.4-mini"},
        },
        "load": {"arrivals": "constant", "rate": f"{RATE}/s", "callers": CALLERS, "duration": f"{seconds:g}s"},
        "timeline": [
            {"at": f"{seconds / 10:g}s", "until": f"{seconds * 0.9:g}s", "on": "anthropic", "fault": "org_disabled"}
        ],
        "expect": {"lost_calls": 0, "time_to_fail_over": "<= 1s", "time_to_recover": "<= 3s", "wasted": "<= 10%"},
    }


def manifest(seconds: float) -> dict[str, Any]:
    """run.json."""
    return {
        "format": 1,
        "run": RUN,
        "scenario_name": "bench",
        "scenario": scenario(seconds),
        "target": {"name": "made up", "kind": "none"},
        "seed": 1,
        "command": "python -P tests/bench/ledger.py",
        "t0_ns": START_NS,
        "load_until_ns": START_NS + round(seconds * NS),
        "anchors": [
            {"monotonic_ns": START_NS - NS, "wall": "2026-01-04T12:00:00+00:00"},
            {"monotonic_ns": START_NS + round((seconds + 2) * NS), "wall": "2026-01-04T12:20:00+00:00"},
        ],
        "readiness": {"marked": True},
    }


def write(folder: Path, calls: int) -> None:
    """The whole folder of a run of so many calls."""
    seconds = calls / RATE
    (folder / "ledger").mkdir(parents=True, exist_ok=True)
    (folder / "run.json").write_text(json.dumps(manifest(seconds)))
    for name, lines in (
        ("load", load_lines(calls)),
        ("injector", injector_lines(calls)),
        ("fakes", invoice_lines(calls)),
        ("run", sample_lines(calls)),
    ):
        with (folder / "ledger" / f"{name}.ndjson").open("w") as file:
            file.writelines(lines)


def banned(call: int, calls: int) -> bool:
    """Whether the call is due while the provider is banned."""
    return calls // 10 <= call < calls - calls // 10


def due_ns(call: int) -> int:
    """When a call is due."""
    return START_NS + call * (NS // RATE)


def load_lines(calls: int) -> Iterator[str]:
    """`schedule` and `calls`."""
    for call in range(calls):
        stream = "true" if call % 2 else "false"
        yield (
            f'{{"table":"schedule","call":{call},"caller":{call * 7919 % CALLERS},'
            f'"shape":"{("text", "json", "tool")[call % 3]}","stream":{stream},"client":"http","tokens":24,'
            f'"phase":"load","scheduled_ns":{due_ns(call)},"prompt_tokens":null}}\n'
        )
    for call in range(calls):
        due, took = due_ns(call), 400_000_000 + call * 7919 % 97 * 1_000_000
        lost, silent = call % 997 == 0, call % 9973 == 0
        outcome = "truncated" if silent else "error" if lost else "ok"
        provider = "null" if lost and not silent else '"openai"' if banned(call, calls) else '"anthropic"'
        evidence = '"the start of what was said"' if (lost or silent) and call < 500_000 else "null"
        yield (
            f'{{"table":"calls","call":{call},"sent_ns":{due + 300_000},"first_token_ns":{due + 150_000_000},'
            f'"ended_ns":{due + took},"outcome":"{outcome}","status":{502 if lost and not silent else 200},'
            f'"finish":"stop","terminated":true,"error":{"null" if outcome == "ok" else chr(34) + "bad" + chr(34)},'
            f'"answer_hash":"{call * 2654435761 % 2**32:08x}","provider":{provider},"places":24,'
            f'"model_reported":null,"tokens_reported":24,"evidence":{evidence}}}\n'
        )


def attempts(calls: int) -> Iterator[tuple[int, str, str, int, int, bool]]:
    """Every call's attempts: call, id (counted, as the injector does), provider, begin, end, whether the ban bit it."""
    names = (f"{RUN}-{number:x}" for number in itertools.count())
    for call in range(calls):
        due, took = due_ns(call), 400_000_000 + call * 7919 % 97 * 1_000_000
        begin = due + 1_000_000
        if not banned(call, calls):
            yield call, next(names), "anthropic", begin, due + took, False
            continue
        for _ in range(2 if call % 4 == 0 else 1):
            yield call, next(names), "anthropic", begin, begin + 2_000_000, True
            begin += 4_000_000
        yield call, next(names), "openai", begin, due + took, False


def injector_lines(calls: int) -> Iterator[str]:
    """`attempts` and `faults`."""
    bites, first_ns, last_ns = 0, 0, 0
    for call, name, provider, begin, end, bitten in attempts(calls):
        stream = "true" if call % 2 else "false"
        if bitten:
            bites, first_ns, last_ns = bites + 1, first_ns or begin, begin
        entry = '"0:org_disabled"' if bitten else "null"
        model, path = MODELS[provider]
        yield (
            f'{{"table":"attempts","attempt":"{name}","call":{call},"provider":"{provider}",'
            f'"credential":"sk:{provider}","model":"{model}","stream":{stream},"path":"{path}",'
            f'"received_ns":{begin},"first_byte_ns":{begin + 1_000_000},"ended_ns":{end},'
            f'"status":{400 if bitten else 200},"fault":{entry},"reached":{"false" if bitten else "true"},'
            f'"ended_by":"{"fault" if bitten else "complete"}","delivered_tokens":{0 if bitten else 24},'
            f'"matched":{entry},"client_retry":null,"evidence":null}}\n'
        )
    begin_ns, end_ns = due_ns(calls // 10), due_ns(calls - calls // 10)
    row = {
        "table": "faults",
        "entry": "0:org_disabled",
        "fault": "org_disabled",
        "provider": "anthropic",
        "share": 1.0,
        "declared_from_ns": begin_ns,
        "declared_until_ns": end_ns,
        "armed_ns": begin_ns,
        "disarmed_ns": end_ns,
        "bites": bites,
        "matched": bites,
        "first_bite_ns": first_ns,
        "last_bite_ns": last_ns,
        "whole": True,
    }
    yield json.dumps(row, separators=(",", ":")) + "\n"


def invoice_lines(calls: int) -> Iterator[str]:
    """`invoices`: of each attempt that reached its provider."""
    for call, name, provider, _, end, bitten in attempts(calls):
        if not bitten:
            model = "claude-sonnet-5" if provider == "anthropic" else "gpt-5.4-mini"
            yield (
                f'{{"table":"invoices","attempt":"{name}","provider":"{provider}","model":"{model}",'
                f'"input_tokens":{100 + call % 17},"cached_tokens":0,"produced_tokens":24,'
                f'"usd":{0.00044 if provider == "anthropic" else 0.00018},"priced":true,"completed":true,'
                f'"at_ns":{end},"cache_write_tokens":0}}\n'
            )


def sample_lines(calls: int) -> Iterator[str]:
    """`samples`: loop lags twice a second, a counter of the router's once."""
    for half in range(2 * calls // RATE + 1):
        at_ns = START_NS + half * NS // 2
        for process in ("load", "injector", "fakes"):
            yield (
                f'{{"table":"samples","at_ns":{at_ns},"process":"{process}","name":"loop_lag_seconds",'
                f'"labels":{{}},"value":0.003}}\n'
            )
        yield (
            f'{{"table":"samples","at_ns":{at_ns},"process":"target","name":"llm_tokens_total",'
            f'"labels":{{"direction":"output","provider":"openai"}},"value":{half * RATE * 12}.0}}\n'
        )


def report(folder: Path, memory_mib: int | None) -> tuple[float, float, float]:
    """Report on the folder in a process of its own; seconds, those of CPU, and its largest resident memory in MiB."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    began = time.monotonic()
    limit = [] if memory_mib is None else ["prlimit", f"--data={memory_mib << 20}"]
    child = subprocess.Popen([*limit, sys.executable, "-P", "-c", REPORT, str(folder)], env=environment)
    _, status, usage = os.wait4(child.pid, 0)
    took = time.monotonic() - began
    if status:
        raise SystemExit(f"the report ended with status {status}")
    return took, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> None:
    """Write, report, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help="keep the run here; one that is there is used again")
    parser.add_argument("--again", action="store_true", help="report a second time, from Parquet alone")
    parser.add_argument("--memory", type=int, help="MiB of data that the report may have")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary) / "run"
        if not (folder / "run.json").exists():
            write(folder, arguments.calls)
        size = sum(each.stat().st_size for each in (folder / "ledger").glob("*.ndjson")) / 2**20
        for again in range(2 if arguments.again else 1):
            for path in (folder / "ledger").glob("*.ndjson") if again else ():
                path.unlink()
            took, cpu, peak = report(folder, arguments.memory)
            page = (folder / "report.html").stat().st_size / 2**20
            told = f"{took:.1f} s ({cpu:.1f} s of CPU), {peak:,.0f} MiB at most, page {page:.2f} MiB"
            print(f"ledger {size:,.0f} MiB: {told}", flush=True)


if __name__ == "__main__":
    main()
