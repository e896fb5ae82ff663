"""Runs told call by call, small enough to be worked out by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from synthetic import Ledger, Rows, Story, add_attempt, add_call, add_samples, add_schedule, manifest, ns


@dataclass
class Told:
    """One call: when it was due, when it ended, how, and its attempts as (provider, arrived, ended, bitten)."""

    due: float
    ended: float
    provider: str | None = "anthropic"
    outcome: str = "ok"
    status: int = 200
    caller: int = 0
    attempts: list[tuple[str, float, float, bool]] = field(default_factory=list)


def steady(from_s: float, until_s: float, every_s: float, took_s: float = 0.1, **more: Any) -> list[Told]:
    """Good calls at even distances, each answered by one attempt of its provider."""
    steps = round((until_s - from_s) / every_s)
    found = []
    for step in range(steps):
        due = round(from_s + step * every_s, 6)
        call = Told(due, due + took_s, **more)
        call.attempts = [(call.provider or "anthropic", due + 0.001, due + took_s, False)]
        found.append(call)
    return found


def run_of(story: Story, calls: list[Told]) -> Ledger:
    """The ledger of these calls, with the story's window; bites are counted from the attempts."""
    tables: dict[str, Rows] = {name: [] for name in ("schedule", "calls", "attempts", "invoices", "faults", "samples")}
    bites = []
    for number, call in enumerate(sorted(calls, key=lambda each: each.due)):
        add_schedule(tables, number, call.due, caller=call.caller)
        for nth, (provider, arrived, ended, bitten) in enumerate(call.attempts):
            add_attempt(tables, number, nth, provider, arrived, ended, story=story, bitten=bitten)
            bites += [ns(arrived)] if bitten else []
        add_call(tables, number, call.ended, outcome=call.outcome, status=call.status, provider=call.provider)
    tables["faults"] = [window_row(story, 0, "anthropic", story.at_s, story.until_s, sorted(bites))]
    add_samples(tables, story)
    return Ledger(manifest(story), tables)


def window_row(
    story: Story, index: int, provider: str, from_s: float, until_s: float, bites: list[int]
) -> dict[str, Any]:
    """A row of the faults table."""
    return {
        "entry": f"{index}:{story.fault}",
        "fault": story.fault,
        "provider": provider,
        "share": story.share,
        "declared_from_ns": ns(from_s),
        "declared_until_ns": ns(until_s),
        "armed_ns": ns(from_s),
        "disarmed_ns": ns(until_s),
        "bites": len(bites),
        "matched": len(bites),
        "first_bite_ns": min(bites, default=None),
        "last_bite_ns": max(bites, default=None),
    }
