"""`run.json`: what a run was, so that its report can be made and judged again from the folder alone."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson

from .launch import Process
from .pacing import prices_told
from .plan import Plan
from .redact import redact

FORMAT: Final = 1
PACKAGES: Final = ("banstorm", "mitmproxy", "locust", "httpx", "pydantic", "pandas", "prometheus-client", "uvicorn")


def version(package: str) -> str | None:
    """The installed version of `package`, None if it is absent."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _anchor() -> dict[str, Any]:
    """Monotonic and wall clock at one moment: ledger times can then be told as times of day."""
    return {"monotonic_ns": time.monotonic_ns(), "wall": datetime.now(UTC).isoformat()}


@dataclass
class Manifest:
    """What is known of a run; saved at its start and again at its end."""

    plan: Plan
    t0_ns: int | None = None
    ports: dict[str, int] = field(default_factory=dict)
    target_url: str | None = None
    target_model: str | None = None
    target_front: str | None = None
    target_settings: list[str] = field(default_factory=list)
    """What was set for the target and departs from its vendor's defaults."""
    own_failures: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    target_exit: dict[str, Any] | None = None
    interrupted: bool = False
    intercept: dict[str, Any] | None = None
    """The proxy's port and the hosts that stand for providers, if the router was intercepted."""
    canaries: list[dict[str, Any]] = field(default_factory=list)
    """What connections of our own met at doors that the timeline shuts, and behind each window."""
    readiness: dict[str, Any] = field(default_factory=lambda: {"marked": False, "detail": "not reached"})
    anchors: list[dict[str, Any]] = field(default_factory=lambda: [_anchor()])

    def own_failure(self, reason: str) -> None:
        """Note that a part of ours failed."""
        self.own_failures.append(reason)

    def exited(self, process: Process, *, ours: bool) -> None:
        """Note how the target ended. `ours`: the timeline said so."""
        code = process.returncode or 0
        self.target_exit = {
            "code": code if code >= 0 else None,
            "signal": -code if code < 0 else None,
            "at_ns": process.exited_ns,
            "ours": ours,
            "ready": self.readiness["marked"],
            "log": process.tail(),
        }

    def save(self, *, final: bool = False) -> None:
        """Write the file, whole or not at all."""
        if final:
            self.anchors = [self.anchors[0], _anchor()]
        path = self.plan.folder / "run.json"
        temporary = path.with_suffix(".tmp")
        temporary.write_bytes(orjson.dumps(self.as_dict(), option=orjson.OPT_INDENT_2))
        temporary.replace(path)

    def as_dict(self) -> dict[str, Any]:
        """The file's content."""
        load = self.plan.scenario.load
        started = self.t0_ns
        return {
            "format": FORMAT,
            "banstorm": version("banstorm"),
            "run": self.plan.run,
            "scenario_name": self.plan.name,
            "scenario": self.plan.public_scenario,
            "target": {
                "name": self.plan.target.label,
                "kind": self.plan.target.kind,
                "detail": self.plan.target.detail,
                "url": self.target_url,
                "model": self.target_model,
                "version": self.plan.target.version,
                "front": self.target_front,
                "settings": self.target_settings,
            },
            "host": self.plan.wish.host.value,
            "seed": self.plan.scenario.seed,
            "command": self.plan.command,
            "t0_ns": started,
            "warmup_from_ns": None if started is None else started - round(load.warmup * 1e9),
            "load_until_ns": None if started is None else started + round(load.duration * 1e9),
            "started_wall": self.anchors[0]["wall"],
            "anchors": self.anchors,
            "machine": machine(),
            "versions": {"python": platform.python_version(), **{each: version(each) for each in PACKAGES}},
            "own_failures": [redact(each) for each in self.own_failures],
            "target_exit": self.target_exit,
            "interrupted": self.interrupted,
            "readiness": self.readiness,
            "warnings": self.warnings,
            "ports": self.ports,
            "intercept": self.intercept,
            "canaries": self.canaries,
            "prices": prices_told(self.plan.scenario),
            "tolerance": self.plan.wish.tolerance.text,
            **self.plan.wish.told.document,
        }


def machine() -> dict[str, Any]:
    """What the run was made on: system, processor, cores, memory."""
    model = platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text("utf-8", "replace").splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {"system": platform.platform(), "processor": model, "cores": cores, "memory_bytes": memory}
