"""A run is told as it happens: in a terminal as a table and a timeline, elsewhere as one line an event."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from banstorm.harness import events
from banstorm.harness.lines import Lines
from banstorm.harness.live import NEWS_MAX, LiveView
from banstorm.harness.registry import registry
from banstorm.scenarios import library
from rich.console import Console

LOAD = {"due": 120, "ended": 100, "good": 97, "in_flight": 20, "p95_ms": 512.4}
PROVIDERS = {
    "anthropic": {"attempts": 75, "errors": 5, "active": ["0:org_disabled"], "p95_ms": 12.0},
    "openai": {"attempts": 25, "errors": 0, "active": [], "p95_ms": 480.4},
}
BEFORE = {"anthropic": {"attempts": 70}, "openai": {"attempts": 5}}
"""The counters a second earlier."""
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


def _told(console: Console, story: list[events.Event]) -> str:
    """What the view looks like after a story."""
    view = LiveView(library.load(library.find("sudden_ban"), registry()), console)
    for event in story:
        view(event)
    console.print(view._draw())
    return console.file.getvalue()


def test_the_terminal_shows_a_table_and_a_timeline(console):
    """Provider, standing, share, rate, errors, p95 and active fault of just now, and how far the load has come."""
    shown = _told(console, [*STORY[:6], events.Progress(2.0, LOAD, BEFORE), STORY[6]])
    lines = {line.split()[0]: " ".join(line.split()) for line in shown.splitlines()[:6] if line.split()}
    assert "Sudden policy ban 3 of 14 s" == lines["Sudden"]
    assert "calls 120 due, 97 right, 3 not, 20 under way, p95 512 ms" == lines["calls"]
    assert "provider standing share rate errors p95 active fault" == lines["provider"]
    assert "anthropic fault 20% 5/s 5 12 ms 0:org_disabled" == lines["anthropic"]
    assert "openai healthy 80% 20/s 0 480 ms –" == lines["openai"]
    assert "█ org_disabled █" in shown
    played = next(line for line in shown.splitlines() if "played" in line)
    axis = next(line for line in shown.splitlines() if "┬" in line)
    assert 3 / 14 == pytest.approx(played.count("━") / len(axis.strip()), abs=0.02)


def test_all_that_happened_stays_when_the_view_is_closed(console):
    """The table is gone then; the news stand in the terminal as in a log."""
    with LiveView(library.load(library.find("sudden_ban"), registry()), console) as view:
        for event in STORY:
            view(event)
    for told in TOLD:
        assert told in console.file.getvalue()


SIZES = [(120, 50), (80, 24), (60, 20), (44, 18), (40, 12)]


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_view_fits_the_terminal(width: int, height: int):
    """No line is wider than the terminal, and all of them are in sight: what scrolls could not be drawn anew."""
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=True, color_system=None)
    noisy = [events.Warned(3.0 + number, "x" * 300) for number in range(30)]
    lines = _told(console, [*STORY[:7], *noisy]).rstrip("\n").split("\n")
    assert max(map(len, lines)) <= width
    assert len(lines) <= height
    assert any("anthropic" in line and "fault" in line for line in lines)


def test_a_terminal_without_our_signs_gets_others():
    """Plain ASCII where the terminal knows no more."""
    file = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    console = Console(file=file, width=80, height=30, force_terminal=True, color_system=None)
    view = LiveView(library.load(library.find("sudden_ban"), registry()), console)
    for event in STORY[:7]:
        view(event)
    console.print(view._draw())  # would raise for a sign that can't be encoded
    file.seek(0)
    assert "# org_disabled #" in file.read()


def test_no_colour_where_none_is_wanted(monkeypatch: pytest.MonkeyPatch):
    """NO_COLOR is obeyed by the table as by the last lines."""
    monkeypatch.setenv("NO_COLOR", "1")
    console = Console(file=io.StringIO(), width=80, height=30, force_terminal=True, color_system="standard")
    assert re.search(r"\x1b\[[0-9;]*3[0-7]m", _told(console, STORY[:7])) is None
    monkeypatch.delenv("NO_COLOR")
    console = Console(file=io.StringIO(), width=80, height=30, force_terminal=True, color_system="standard")
    assert re.search(r"\x1b\[[0-9;]*3[0-7]m", _told(console, STORY[:7]))


def test_the_news_kept_are_bounded(console):
    """However much happens, memory does not grow with it."""
    view = LiveView(library.load(library.find("sudden_ban"), registry()), console)
    for number in range(5 * NEWS_MAX):
        view(events.Warned(1.0, f"warning {number}"))
    assert NEWS_MAX == len(view._news)
    assert f"warning {5 * NEWS_MAX - 1}" in view._news[-1]


def test_a_last_word_moves_no_cursor():
    """What a router said is one line, whatever signs are in it: no escape sequence reaches the terminal."""
    out = io.StringIO()
    Lines(out)(events.TargetExited(1.0, "said \x1b[2J\x1b]0;x\x07\r\nPASS \u202eback"))
    assert "  +1.00s  the target said  [2J ]0;x   PASS  back\n" == out.getvalue()


def test_what_a_part_says_is_never_taken_for_markup(console):
    """A router's last words may hold brackets; they are shown as they are."""
    scenario = library.load(library.find("sudden_ban"), registry())
    with LiveView(scenario, console) as view:
        view(events.TargetExited(1.0, "said [bold]boom[/bold] [/]"))
    assert "said [bold]boom[/bold] [/]" in console.file.getvalue()
