"""A run is told as it happens: in a terminal as a table and a timeline, elsewhere as one line an event."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from banstorm.harness import events
from banstorm.harness.lines import Lines
from banstorm.harness.live import LiveView
from banstorm.harness.registry import registry
from banstorm.scenarios import library
from rich.console import Console

LOAD = {"due": 120, "ended": 100, "good": 97, "in_flight": 20, "p95_ms": 512.4}
PROVIDERS = {
    "anthropic": {"attempts": 75, "errors": 5, "active": ["0:org_disabled"]},
    "openai": {"attempts": 25, "errors": 0, "active": []},
}
STORY = [
    events.Starting(None, "injector"),
    events.ProvidersReady(None, {"a": "http://127.0.0.1:1"}, {"a": "m-1"}, waiting_for_user=True),
    events.TargetReady(None, "my router", "http://127.0.0.1:2/v1"),
    events.LoadStarted(-1.3, 900, "60 calls/s", 14.0),
    events.FaultArmed(2.0, "0:org_disabled", "anthropic"),
    events.FaultBit(2.01, "0:org_disabled", "anthropic"),
    events.Progress(3.0, LOAD, PROVIDERS),
    events.FaultDisarmed(7.0, "0:org_disabled", "anthropic"),
    events.TargetExited(8.0, "exited with code 1"),
    events.PartFailed(8.5, "injector", "the injector was ended by SIGKILL"),
    events.Warned(8.7, "the model 'x' has no price"),
    events.Draining(9.0),
    events.Reporting(9.5, Path("runs/x")),
]
TOLD = [
    "starting injector",
    "point your router's providers here:",
    "a  http://127.0.0.1:1  (model m-1)",
    "any API key is accepted",
    "ready: my router at http://127.0.0.1:2/v1",
    "-1.30s  load: about 900 calls, 60 calls/s, until 14 s",
    "+2.00s  fault 0:org_disabled armed on anthropic",
    "+2.01s  fault 0:org_disabled bit anthropic for the first time",
    "+7.00s  fault 0:org_disabled disarmed on anthropic",
    "+8.00s  the target exited with code 1",
    "+8.50s  FAILED: the injector was ended by SIGKILL",
    "+8.70s  warning: the model 'x' has no price",
    "+9.00s  draining",
    "+9.50s  writing the report to runs/x",
]


@pytest.fixture
def console() -> Console:
    """A terminal of 120 columns that writes into a string."""
    return Console(file=io.StringIO(), width=120, height=50, force_terminal=True, color_system=None)


def test_each_event_is_a_line():
    """In a log or in CI, what happens reads from top to bottom, each line with its moment."""
    out = io.StringIO()
    reader = Lines(out)
    for event in STORY:
        reader(event)
    lines = out.getvalue().splitlines()
    for told in TOLD:
        assert 1 == sum(told in line for line in lines), told
    counters = next(line for line in lines if "calls due" in line)
    for part in (
        "good 97 of 100 ended",
        "in flight 20",
        "p95 512 ms",
        "anthropic 75 attempts, 5 errors [0:org_disabled]",
    ):
        assert part in counters


def test_counters_are_told_seldom():
    """Two progress events at once give one line: a log is no animation."""
    out = io.StringIO()
    reader = Lines(out)
    for _ in range(5):
        reader(events.Progress(3.0, LOAD, PROVIDERS))
    assert 1 == out.getvalue().count("calls due")


def test_the_terminal_shows_a_table_and_a_timeline(console):
    """Provider, standing, share, rate, errors and active fault, and how far the load has come."""
    scenario = library.load(library.find("sudden_ban"), registry())
    with LiveView(scenario, console) as view:
        for event in STORY:
            view(event)
        console.print(view._draw())
    shown = console.file.getvalue()
    for part in (
        "anthropic",
        "broken",
        "75%",
        "openai",
        "healthy",
        "25%",
        "p95 512 ms",
        "0:org_disabled anthropic",
        "/14 s",
    ):
        assert part in shown
    for told in TOLD:
        assert told in shown


def test_what_a_part_says_is_never_taken_for_markup(console):
    """A router's last words may hold brackets; they are shown as they are."""
    scenario = library.load(library.find("sudden_ban"), registry())
    with LiveView(scenario, console) as view:
        view(events.TargetExited(1.0, "said [bold]boom[/bold] [/]"))
    assert "said [bold]boom[/bold] [/]" in console.file.getvalue()
