"""The reader for a terminal: one table that is drawn anew, and below it the timeline and what has happened."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, Final, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ..scenarios.model import Scenario
from . import events
from .narrate import narrate

NEWS_SHOWN: Final = 12
"""Lines of news shown while the run goes on."""
NEWS_MAX: Final = 200
"""Lines of news kept, and printed when the view is closed."""
BAR_COLUMNS: Final = 60
"""Width of the timeline's bars, in columns."""


class LiveView:
    """Draws a run while it happens. Use as a context manager; call it with each event."""

    def __init__(self, scenario: Scenario, console: Console | None = None) -> None:
        self._scenario = scenario
        self._console = console or Console()
        self._news: deque[str] = deque(maxlen=NEWS_MAX)
        self._load: Mapping[str, Any] = {}
        self._providers: Mapping[str, Mapping[str, Any]] = {}
        self._before: dict[str, tuple[float, int]] = {}
        self._rates: dict[str, float] = {}
        self._at_s: float | None = None
        self._live = Live(self._draw(), console=self._console, refresh_per_second=4, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()
        for line in self._news:
            self._console.print(Text(line))

    def __call__(self, event: events.Event) -> None:
        """Take in one event."""
        if isinstance(event, events.Intercepting) and event.waiting_for_user:
            for line in narrate(event):  # to be pasted, so that it must stay whole, and in sight
                self._console.print(line, markup=False, highlight=False, soft_wrap=True)
        else:
            self._news.extend(narrate(event))
        if event.at_s is not None:
            self._at_s = event.at_s
        if isinstance(event, events.Progress):
            self._load, self._providers = event.load, event.providers
            self._measure_rates(event.at_s or 0.0)
        self._live.update(self._draw())

    def _measure_rates(self, at_s: float) -> None:
        for name, each in self._providers.items():
            count = int(each.get("attempts", 0))
            before_s, before = self._before.get(name, (at_s - 1, count))
            if at_s - before_s >= 1.0 or name not in self._before:
                self._rates[name] = max(0.0, (count - before) / max(at_s - before_s, 0.001))
                self._before[name] = (at_s, count)

    def _draw(self) -> RenderableType:
        parts: list[RenderableType] = [self._table()]
        if self._at_s is not None:
            parts.append(self._timeline(self._at_s))
        parts += [Text(line, style="dim") for line in list(self._news)[-NEWS_SHOWN:]]
        return Group(*parts)

    def _table(self) -> Table:
        load = self._load
        p95 = load.get("p95_ms")
        title = Text.assemble(
            (self._scenario.title, "bold"),
            f"   calls {load.get('ended', 0)}/{load.get('due', 0)} due, good {load.get('good', 0)}, "
            f"in flight {load.get('in_flight', 0)}, p95 {'–' if p95 is None else f'{p95:.0f} ms'}",
        )
        table = Table(title=title, title_justify="left", expand=False)
        for heading in ("provider", "standing", "share", "rate", "attempts", "errors", "active fault"):
            table.add_column(
                heading, justify="left" if heading in {"provider", "standing", "active fault"} else "right"
            )
        total = sum(int(each.get("attempts", 0)) for each in self._providers.values())
        for name in self._scenario.providers:
            each = self._providers.get(name, {})
            count = int(each.get("attempts", 0))
            active = each.get("active", [])
            table.add_row(
                name,
                Text("broken", style="bold red") if active else Text("healthy", style="green"),
                f"{100 * count / total:.0f}%" if total else "–",
                f"{self._rates.get(name, 0.0):.0f}/s",
                str(count),
                str(each.get("errors", 0)),
                ", ".join(active) or "–",
            )
        return table

    def _timeline(self, at_s: float) -> Text:
        """A bar for each entry, and how far the load has come."""
        length = max(self._scenario.load.duration, 0.001)
        column = min(BAR_COLUMNS, max(0, round(at_s / length * BAR_COLUMNS)))
        lines = [f"{'load':<28} {'━' * column}{'─' * (BAR_COLUMNS - column)} {max(at_s, 0):.0f}/{length:.0f} s"]
        for index, entry in enumerate(self._scenario.timeline):
            begin = min(BAR_COLUMNS, int(entry.at / length * BAR_COLUMNS))
            end = min(BAR_COLUMNS, max(begin + 1, round(self._scenario.until_s(entry) / length * BAR_COLUMNS)))
            name = f"{entry.id_at(index)} {','.join(entry.on) or 'system'}"
            lines.append(f"{name:<28.28} {' ' * begin}{'█' * (end - begin)}")
        return Text("\n".join(lines))
