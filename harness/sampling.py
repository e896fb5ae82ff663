"""Looks at the processes of a run from outside: CPU, memory, and the target's own metrics."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Mapping
from typing import Final

import httpx
import psutil
from prometheus_client.parser import text_string_to_metric_families

from ..reports.tables import CPU, MACHINE, MEMORY, WAITING, Sample
from .launch import Process
from .ledger import FLUSH_S, Ledger
from .run_queue import RunQueue, busy_s

PERIOD_S: Final = 0.5
"""Seconds between two looks at the processes."""
SCRAPE_EVERY: Final = 2
"""The target's metrics are scraped at every so many looks."""
SCRAPE_BYTES_MAX: Final = 1024 * 1024
"""Largest page of metrics read, in bytes."""
SCRAPE_SAMPLES_MAX: Final = 500
"""Most samples kept of one page."""
SCRAPE_S_MAX: Final = 1.0
"""Seconds a page of metrics may take."""


class Sampler:
    """Writes `samples` rows until it is cancelled."""

    def __init__(self, ledger: Ledger, processes: Mapping[str, Process], metrics_url: str | None) -> None:
        self._ledger = ledger
        self._metrics_url = metrics_url
        self._watched = processes
        self._seen: dict[int, psutil.Process] = {}
        self._queue = RunQueue()
        self._looked_s = time.monotonic()
        self._busy_s = busy_s()

    async def run(self) -> None:
        """Sample for ever."""
        turn = 0
        async with httpx.AsyncClient(timeout=SCRAPE_S_MAX, trust_env=False) as client:
            while True:
                for name, process in self._watched.items():
                    self._look(name, process)
                self._look_around()
                if self._metrics_url and turn % SCRAPE_EVERY == 0:
                    await self._scrape(client, self._metrics_url)
                turn += 1
                for _ in range(int(PERIOD_S / FLUSH_S)):
                    await asyncio.sleep(FLUSH_S)
                    self._ledger.flush()

    def _look(self, name: str, watched: Process) -> None:
        """CPU and memory of a process and all it started. One that was started again has another id."""
        cpu = memory = 0.0
        with contextlib.suppress(psutil.Error):
            if watched.pid is None or watched.returncode is not None:
                return
            process = self._seen.get(watched.pid) or psutil.Process(watched.pid)
            for found in [process, *process.children(recursive=True)]:
                with contextlib.suppress(psutil.Error):
                    # CPU since the previous look is remembered by the object, so each process keeps its first one.
                    each = self._seen.setdefault(found.pid, found)
                    cpu += each.cpu_percent(None) / 100
                    memory += each.memory_info().rss
            self._add(name, CPU, {}, cpu)
            self._add(name, MEMORY, {}, memory)

    def _look_around(self) -> None:
        """How much of the machine was at work, and how long the target waited for its share of it."""
        now_s, busy = time.monotonic(), busy_s()
        since_s, worked_s = now_s - self._looked_s, busy - self._busy_s
        self._looked_s, self._busy_s = now_s, busy
        target = self._watched.get("target")
        if target is None or target.pid is None or since_s <= 0:
            return
        with contextlib.suppress(psutil.Error):
            process = self._seen.get(target.pid) or psutil.Process(target.pid)
            pids = [each.pid for each in [process, *process.children(recursive=True)]]
            waited_s = self._queue.waited_s(pids)
            if waited_s is not None:
                self._add(MACHINE, CPU, {}, worked_s / since_s)
                self._add("target", WAITING, {}, waited_s / since_s)

    async def _scrape(self, client: httpx.AsyncClient, url: str) -> None:
        with contextlib.suppress(httpx.HTTPError, httpx.InvalidURL, ValueError):
            answer = await client.get(url)
            if answer.status_code != 200 or len(answer.content) > SCRAPE_BYTES_MAX:
                return
            left = SCRAPE_SAMPLES_MAX
            for family in text_string_to_metric_families(answer.text):
                for sample in family.samples:
                    # JSON has no NaN and no infinity: an unlimited budget, a quantile of nothing.
                    kept = math.isfinite(sample.value) and not sample.name.endswith(("_bucket", "_created"))
                    if left > 0 and kept:
                        left -= 1
                        self._add("target", sample.name, dict(sample.labels), float(sample.value))

    def _add(self, process: str, name: str, labels: dict[str, str], value: float) -> None:
        row = Sample(at_ns=time.monotonic_ns(), process=process, name=name, labels=labels, value=value)
        self._ledger.add("samples", row)
