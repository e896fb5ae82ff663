"""The reader for a terminal: one table that is drawn anew, the timeline as it is being played, and what has happened.

What is shown fits the terminal: a narrow one has fewer columns, a low one fewer lines of news.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, Final, Self

from rich import box
from rich.console import Console, Group, OverflowMethod, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ..scenarios.model import Scenario
from . import events
from .drawing import ASCII, UNICODE, WIDTH_MAX, WIDTH_MIN, Style, draw
from .narrate import narrate
from .pulse import Pulse

NEWS_SHOWN: Final = 12
"""Most lines of news shown while the run goes on."""
NEWS_MAX: Final = 200
"""Lines of news kept, and printed when the view is closed."""
REDRAWN_PER_S: Final = 4
"""Times a second that the view is drawn."""
_COLUMNS: Final = (
    ("provider", "left", 0),
    ("standing", "left", 0),
    ("share", "right", 56),
    ("rate", "right", 0),
    ("errors", "right", 0),
    ("p95", "right", 64),
    ("active fault", "left", 48),
)
"""Heading, side, and how many columns the terminal must have at least for it to be shown."""
_PHASES: Final = {
    events.LoadStarted: "",
    events.Draining: "waiting for the last answers",
    events.Reporting: "judging",
}


class LiveView:
    """Draws a run while it happens. Use as a context manager; call it with each event."""

    def __init__(self, scenario: Scenario, console: Console | None = None) -> None:
        self._scenario = scenario
        self._console = console or Console()
        self._signs = UNICODE if self._console.encoding.lower().startswith("utf") else ASCII
        self._cut: OverflowMethod = "ellipsis" if self._signs is UNICODE else "crop"
        self._none = "–" if self._signs is UNICODE else "-"
        self._news: deque[str] = deque(maxlen=NEWS_MAX)
        self._load: Mapping[str, Any] = {}
        self._providers: Mapping[str, Mapping[str, Any]] = {}
        self._pulse = Pulse()
        self._at_s: float | None = None
        self._phase = "getting ready"
        self._drawn: tuple[int, list[str]] = (0, [])
        self._live = Live(self._draw(), console=self._console, refresh_per_second=REDRAWN_PER_S, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()
        for line in self._news:
            # A path that the terminal wraps can still be copied whole.
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def __call__(self, event: events.Event) -> None:
        """Take in one event."""
        if isinstance(event, events.Intercepting) and event.waiting_for_user:
            for line in narrate(event):  # to be pasted, so that it must stay whole, and in sight
                self._console.print(line, markup=False, highlight=False, soft_wrap=True)
        else:
            self._news.extend(narrate(event))
        self._phase = _PHASES.get(type(event), self._phase)
        if event.at_s is not None:
            self._at_s = event.at_s
            if isinstance(event, events.Progress):
                self._load, self._providers = event.load, event.providers
                self._pulse.take(event.at_s, event.providers)
        self._live.update(self._draw())

    def _draw(self) -> RenderableType:
        timeline = ["", *self._timeline()]
        room = self._console.height - len(self._scenario.providers) - 5  # two lines above, two of the table, one below
        timeline = timeline[: max(room, 0)]
        shown = min(NEWS_SHOWN, max(room - len(timeline), 0))
        news = list(self._news)[-shown:] if shown else []
        rest = [Text(line, no_wrap=True, overflow=self._cut) for line in timeline]
        rest += [Text(line, style="dim", no_wrap=True, overflow=self._cut) for line in news]
        return Group(self._head(), self._table(), *rest)

    def _head(self) -> Text:
        """The scenario, how far it is, and how the callers fare."""
        length = self._scenario.load.duration
        when = self._phase
        if not when and self._at_s is not None:
            when = "warming up" if self._at_s < 0 else f"{min(self._at_s, length):.0f} of {length:g} s"
        head = Text.assemble((self._scenario.title, "bold"), f"  {when}\n", no_wrap=True, overflow=self._cut)
        if not self._load:
            return head.append("no call yet")
        load, p95 = self._load, self._load.get("p95_ms")
        bad = load.get("ended", 0) - load.get("good", 0)
        head.append(f"calls {load.get('due', 0)} due, {load.get('good', 0)} right, ")
        head.append(f"{bad} not", style="bold red" if bad else "")
        return head.append(f", {load.get('in_flight', 0)} under way, p95 {self._ms(p95)}")

    def _table(self) -> Table:
        table = Table(box=box.SIMPLE_HEAD, expand=False, pad_edge=False, show_edge=False)
        shown = [each for each in _COLUMNS if self._console.width >= each[2]]
        for heading, side, _ in shown:
            table.add_column(heading, justify="right" if side == "right" else "left", no_wrap=True, overflow=self._cut)
        for name in self._scenario.providers:
            cells = self._cells(name)
            table.add_row(*(cells[heading] for heading, _, _ in shown))
        return table

    def _cells(self, name: str) -> dict[str, Text]:
        each = self._providers.get(name, {})
        active = each.get("active", [])
        share, rate = self._pulse.share(name), self._pulse.rate(name)
        errors = int(each.get("errors", 0))
        return {
            "provider": Text(name),
            "standing": Text("fault", style="bold red") if active else Text("healthy", style="green"),
            "share": Text(self._none if share is None else f"{100 * share:.0f}%"),
            "rate": Text(self._none if rate is None else f"{rate:.0f}/s"),
            "errors": Text(str(errors), style="red" if errors else ""),
            "p95": Text(self._ms(each.get("p95_ms"))),
            "active fault": Text(", ".join(active) or self._none),
        }

    def _ms(self, value: float | None) -> str:
        return self._none if value is None else f"{value:.0f} ms"

    def _timeline(self) -> list[str]:
        """The scenario's picture, as `banstorm show` draws it, and below its axis how far the load has come."""
        width = max(WIDTH_MIN, min(WIDTH_MAX, self._console.width))
        if self._drawn[0] != width:
            self._drawn = width, draw(self._scenario, Style(width, self._signs))
        times, axis, *rows = self._drawn[1]
        margin = len(axis) - len(axis.lstrip())
        columns = width - margin
        ends = [self._scenario.until_s(entry) for entry in self._scenario.timeline]
        length_s = max(self._scenario.load.duration, *ends, 0.001)
        done = min(columns, max(0, round((self._at_s or 0.0) / length_s * columns)))
        sign = "━" if self._signs is UNICODE else "="
        return [times, axis, f"  {'played':<{margin - 2}}{sign * done}", *rows]
