"""Runs with known truth: writes the folder of a run that a simulated router lived through, and says what is true of it.

The simulated router prefers `anthropic`. While it has not detected the fault, each call tries anthropic first; before
`fail_over` the call is lost, from then on it is rescued by openai after `switch_s`. From `detect` on it goes straight
to openai, apart from a probe every `probe_every_s`. After the fault's end it stays on openai until `revert`, and its
latency stays high until `recover`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from banstorm.reports.assemble import make_result
from banstorm.reports.frames import read_run
from banstorm.reports.result import Result, ValueOut

NS = 1_000_000_000
START_NS = 5_000 * NS
"""The machine's monotonic clock at time 0 of every synthetic run."""
RUN = "7f3a9c"
PRICES = {"anthropic": 15e-6, "openai": 5e-6}
"""USD a produced token."""
MODELS = {"anthropic": "claude-sonnet-5", "openai": "gpt-5.4-mini"}
TOKENS = 20

Rows = list[dict[str, Any]]


@dataclass
class Story:
    """What shall be true of a run. Times are seconds after time 0; offsets count from the window's begin or end."""

    rate: int = 100  # calls a second, evenly spaced
    duration_s: float = 12.0
    at_s: float = 3.0
    until_s: float = 7.0
    fail_over_s: float = 0.0  # offset from `at_s`: calls due before it are lost
    detect_s: float = 0.1  # offset from `at_s`: calls due before it try the broken provider first
    switch_s: float = 0.004
    probe_every_s: float | None = None
    recover_s: float = 0.0  # offset from `until_s`
    revert_s: float = 0.0  # offset from `until_s`
    latency_s: float = 0.2
    lost_outcome: str = "error"
    lost_status: int = 502
    share: float = 1.0
    fault: str = "org_disabled"
    fault_status: int | None = 400
    callers: int = 50
    expect: dict[str, Any] = field(default_factory=lambda: {"lost_calls": 0})
    deadline_s: float = 5.0
    text: str = "the organisation has been disabled"


def scenario(story: Story) -> dict[str, Any]:
    """The scenario document of a story."""
    return {
        "version": 1,
        "title": "Synthetic ban",
        "story": "A simulated router lives through a ban.",
        "source": "made up",
        "seed": 7,
        "providers": {
            "anthropic": {"dialect": "anthropic", "model": MODELS["anthropic"]},
            "openai": {"dialect": "openai", "model": MODELS["openai"]},
        },
        "load": {
            "arrivals": "constant",
            "rate": f"{story.rate}/s",
            "callers": story.callers,
            "warmup": "1s",
            "duration": f"{story.duration_s}s",
            "deadline": f"{story.deadline_s}s",
        },
        "timeline": [
            {
                "at": f"{story.at_s}s",
                "until": f"{story.until_s}s",
                "on": "anthropic",
                "fault": story.fault,
                "share": f"{story.share * 100:g}%",
            }
        ],
        "expect": story.expect,
    }


@dataclass
class Ledger:
    """The rows of a run, table by table, and its manifest; change them, then `write`."""

    manifest: dict[str, Any]
    tables: dict[str, Rows]

    def write(self, folder: Path) -> Path:
        """Write the run's folder, one ledger file a writer process."""
        writers = {
            "load": ["schedule", "calls"],
            "injector": ["attempts", "faults"],
            "fakes": ["invoices"],
            "run": ["samples"],
        }
        (folder / "ledger").mkdir(parents=True, exist_ok=True)
        (folder / "run.json").write_text(json.dumps(self.manifest))
        for writer, names in writers.items():
            lines = [json.dumps({"table": name, **row}) for name in names for row in self.tables[name]]
            (folder / "ledger" / f"{writer}.ndjson").write_text("".join(f"{line}\n" for line in lines))
        return folder

    def change(self, table: str, wanted: Callable[[dict[str, Any]], bool], **columns: Any) -> None:
        """Set columns of the rows that are wanted."""
        for row in self.tables[table]:
            if wanted(row):
                row.update(columns)


def ns(seconds: float) -> int:
    """An instant of the run, in seconds after time 0, on the machine's clock."""
    return START_NS + round(seconds * NS)


def manifest(story: Story, **more: Any) -> dict[str, Any]:
    """run.json of a story."""
    return {
        "format": 1,
        "banstorm": "0.1.0",
        "run": RUN,
        "scenario_name": "synthetic",
        "scenario": scenario(story),
        "target": {"name": "simulated", "kind": "reference", "detail": "no router at all"},
        "host": "mitmproxy",
        "seed": 7,
        "command": "banstorm run synthetic --seed 7",
        "t0_ns": ns(0),
        "warmup_from_ns": ns(-1),
        "load_until_ns": ns(story.duration_s),
        "started_wall": "2026-01-04T12:00:00+00:00",
        "anchors": [
            {"monotonic_ns": ns(-2), "wall": "2026-01-04T11:59:58+00:00"},
            {"monotonic_ns": ns(story.duration_s + 2), "wall": "2026-01-04T12:00:14+00:00"},
        ],
        "machine": {"cpus": 2},
        "versions": {"python": "3.11"},
        "own_failures": [],
        "target_exit": {"code": 0, "signal": None, "at_ns": ns(story.duration_s + 1), "ours": True},
        "interrupted": False,
        "readiness": {"marked": True, "detail": "anthropic answered"},
        "warnings": [],
        "ports": {},
        "canaries": [],
        **more,
    }


def simulate(story: Story) -> Ledger:
    """Play a story: every row that the three witnesses would have written."""
    tables: dict[str, Rows] = {name: [] for name in ("schedule", "calls", "attempts", "invoices", "faults", "samples")}
    ledger = Ledger(manifest(story), tables)
    calls = round(story.rate * story.duration_s)
    last_probe = story.at_s + story.detect_s
    bites: list[int] = []
    for call in range(calls):
        due = call / story.rate
        add_schedule(tables, call, due, caller=call % story.callers)
        broken = story.at_s <= due + 0.001 < story.until_s
        late = story.until_s <= due < story.until_s + story.recover_s
        probe = (
            broken
            and story.probe_every_s is not None
            and due >= story.at_s + story.detect_s
            and due - last_probe >= story.probe_every_s
        )
        if probe:
            last_probe = due
        at = due + 0.001
        if broken and (due < story.at_s + story.detect_s or probe):
            bites.append(ns(at))
            add_attempt(tables, call, 0, "anthropic", at, at + 0.001, story=story, bitten=True)
            if due < story.at_s + story.fail_over_s:
                lose(tables, call, at + 0.002, story)
                continue
            at += 0.001 + story.switch_s
            answer(tables, call, 1, "openai", at, at + story.latency_s - (at - due))
        elif broken or story.until_s <= due < story.until_s + story.revert_s:
            slow = story.latency_s * (3 if late else 1)
            answer(tables, call, 0, "openai", at, due + slow)
        else:
            slow = story.latency_s * (3 if late else 1)
            answer(tables, call, 0, "anthropic", at, due + slow)
    tables["faults"].append(window(story, bites))
    add_samples(tables, story)
    return ledger


def window(story: Story, bites: list[int]) -> dict[str, Any]:
    """The row of the story's only fault window."""
    return {
        "entry": f"0:{story.fault}",
        "fault": story.fault,
        "provider": "anthropic",
        "share": story.share,
        "declared_from_ns": ns(story.at_s),
        "declared_until_ns": ns(story.until_s),
        "armed_ns": ns(story.at_s),
        "disarmed_ns": ns(story.until_s),
        "bites": len(bites),
        "matched": len(bites),
        "first_bite_ns": min(bites, default=None),
        "last_bite_ns": max(bites, default=None),
    }


def add_schedule(tables: dict[str, Rows], call: int, due: float, *, caller: int, phase: str = "load") -> None:
    """A call that is due."""
    tables["schedule"].append(
        {
            "call": call,
            "caller": caller,
            "shape": ("text", "json", "tool")[call % 3],
            "stream": call % 2 == 0,
            "client": "http",
            "tokens": TOKENS,
            "phase": phase,
            "scheduled_ns": ns(due),
        }
    )


def add_attempt(
    tables: dict[str, Rows],
    call: int | None,
    nth: int,
    provider: str,
    at: float,
    until: float,
    *,
    story: Story | None = None,
    bitten: bool = False,
) -> dict[str, Any]:
    """An attempt; a bitten one never reached the provider, any other was billed in full."""
    attempt = f"{RUN}-{'bg' if call is None else call}.{nth}"
    row = {
        "attempt": attempt,
        "call": call,
        "provider": provider,
        "credential": f"sk:{provider}",
        "model": MODELS[provider],
        "stream": call is not None and call % 2 == 0,
        "path": "/v1/messages",
        "received_ns": ns(at),
        "first_byte_ns": ns(at + 0.0005),
        "ended_ns": ns(until),
        "status": story.fault_status if story is not None and bitten else 200,
        "fault": f"0:{story.fault}" if story is not None and bitten else None,
        "reached": not bitten,
        "ended_by": "fault" if bitten else "complete",
        "delivered_tokens": 0 if bitten else TOKENS,
        "client_retry": None,
        "evidence": story.text if story is not None and bitten else None,
    }
    tables["attempts"].append(row)
    if not bitten:
        tables["invoices"].append(
            {
                "attempt": attempt,
                "provider": provider,
                "model": MODELS[provider],
                "input_tokens": 10,
                "cached_tokens": 0,
                "produced_tokens": TOKENS,
                "usd": TOKENS * PRICES[provider],
                "priced": True,
                "completed": True,
                "at_ns": ns(until),
            }
        )
    return row


def answer(tables: dict[str, Rows], call: int, nth: int, provider: str, at: float, until: float) -> None:
    """An attempt that answers its call rightly."""
    add_attempt(tables, call, nth, provider, at, until)
    add_call(tables, call, until, provider=provider)


def lose(tables: dict[str, Rows], call: int, until: float, story: Story) -> None:
    """A call that is lost."""
    add_call(tables, call, until, outcome=story.lost_outcome, status=story.lost_status, text=story.text)


def add_call(
    tables: dict[str, Rows],
    call: int,
    until: float,
    *,
    outcome: str = "ok",
    status: int = 200,
    provider: str | None = None,
    text: str | None = None,
) -> None:
    """What the caller got."""
    due = tables["schedule"][-1]["scheduled_ns"]
    tables["calls"].append(
        {
            "call": call,
            "sent_ns": due + 500_000,
            "first_token_ns": None if provider is None else due + 50_000_000,
            "ended_ns": ns(until),
            "outcome": outcome,
            "status": status,
            "finish": "stop" if provider else None,
            "terminated": status == 200,
            "error": None if provider else "upstream_error",
            "answer_hash": None,
            "provider": provider,
            "places": TOKENS if provider else 0,
            "model_reported": None,
            "tokens_reported": TOKENS if provider else None,
            "evidence": text,
        }
    )


def add_samples(tables: dict[str, Rows], story: Story, lag_s: float = 0.004) -> None:
    """Loop-lag samples of our own processes, every 0.5 s."""
    for step in range(int(story.duration_s * 2) + 1):
        for process in ("load", "injector", "fakes"):
            tables["samples"].append(
                {
                    "at_ns": ns(step / 2),
                    "process": process,
                    "name": "loop_lag_seconds",
                    "labels": {},
                    "value": lag_s,
                }
            )


def judged(ledger: Ledger, folder: Path) -> Result:
    """The result of a run that is written to `folder` first."""
    return make_result(read_run(ledger.write(folder)))


def value(result: Result, key: str, scope: str | None = None) -> float | None:
    """A finding's value: of the run, or of its only episode."""
    return found(result, key, scope).value


def found(result: Result, key: str, scope: str | None = None) -> ValueOut:
    """A finding in a scope: the one that is named, else its last one (the episode, where there is one)."""
    values = next(each for each in result.findings if each.key == key).values
    return next((each for each in values if each.scope == scope), values[-1]) if scope else values[-1]
