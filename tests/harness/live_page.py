"""A run that is only told of, for tests of the live page: its plan, its events, and a page that shows them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from banstorm.harness import events
from banstorm.harness.plan import Plan, Wish, make_plan

sys.path.insert(0, str(Path(__file__).parent.parent / "reports"))

WINDOW = ("0:org_disabled", "anthropic")
REPORT = "<!doctype html><title>the report</title><p id=report>judged</p>"


def plan(tmp_path: Path, name: str = "sudden_ban") -> Plan:
    """A plan of a scenario of the library, which nobody plays; its folder holds a report."""
    made = make_plan(Wish(scenario=name, out=tmp_path / "runs"))
    made.folder.mkdir(parents=True)
    (made.folder / "report.html").write_text(REPORT, "utf-8")
    return made


def counters(at_s: float, good: int, bad: int = 0, **more: Any) -> events.Progress:
    """Counters at a moment: `good` right answers by openai, `bad` calls that failed at anthropic."""
    load = {
        "due": good + bad + 3,
        "ended": good + bad,
        "good": good,
        "in_flight": 3,
        "outcomes": {"ok": good, "error": bad} if bad else {"ok": good},
        "served": {"openai": good},
        "p50_ms": 300.0,
        "p95_ms": 512.4,
    }
    providers = {
        "anthropic": {"attempts": bad, "errors": bad, "active": [WINDOW[0]] if bad else [], "p95_ms": 20.0},
        "openai": {"attempts": good, "errors": 0, "active": [], "p95_ms": 500.0},
    }
    return events.Progress(at_s, {**load, **more}, providers)


def story(folder: Path, verdict: str = "fail") -> list[events.Event]:
    """A run from its first process to its verdict."""
    return [
        events.Starting(None, "providers"),
        events.TargetReady(None, "my router", "http://127.0.0.1:2/v1"),
        events.LoadStarted(-1.3, 900, "60 calls/s", 14.0),
        counters(-0.5, 4),
        counters(0.1, 10),
        counters(0.6, 30),
        events.FaultArmed(2.0, *WINDOW),
        events.FaultBit(2.01, *WINDOW),
        counters(2.3, 90, 7),
        events.FaultDisarmed(7.0, *WINDOW),
        counters(13.8, 800, 7),
        events.Draining(14.2),
        events.Reporting(14.5, folder),
        events.Reported(15.0, folder, verdict, "seven calls were lost"),
    ]
