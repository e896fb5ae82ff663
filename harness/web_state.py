"""What the live page shows: one document, kept up to date from the events, sent whole or as what changed.

Everything that a page needs is in the document, so that one that comes late, or could not keep up, is given it whole.
"""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson

from ..scenarios.spans import NS
from . import events, standings
from .narrate import narrate
from .pulse import Pulse
from .redact import redact, secrets_of
from .web_timeline import LiveTimeline

if TYPE_CHECKING:
    from ..scenarios.model import Scenario
    from .plan import Plan

NEWS_MAX: Final = 100
"""Lines of news kept for a page that comes late."""
NEWS_CHARS_MAX: Final = 400
"""Characters of a line of news: it may hold a router's last words."""
ENDED_MAX: Final = 200
"""Runs that have ended which are told; earlier ones are left out."""
WINDOWS_MAX: Final = 500
"""Windows of faults that are drawn."""


class LiveState:
    """The document. Not safe to use from two threads at once."""

    def __init__(self) -> None:
        self._run: _Run | None = None
        self._ended: deque[dict[str, Any]] = deque(maxlen=ENDED_MAX)
        self._folders: dict[int, Path] = {}
        self._number = 0
        self._planned = 1
        self._together: dict[str, Any] | None = None
        self._over: dict[str, Any] | None = None
        self._all = True

    def begin(self, plan: Plan) -> None:
        """Another run begins."""
        self._settle()
        self._number += 1
        self._run = _Run(plan, self._number)
        self._all = True

    def take(self, event: events.Event) -> None:
        """Take in an event of the run that goes on."""
        if self._run is None:
            return
        self._run.take(event)
        if isinstance(event, events.Reported):
            self._folders[self._run.number] = event.folder

    def expect(self, runs: int) -> None:
        """So many runs will be played."""
        self._planned = runs
        self._all = True

    def fail(self, reason: str) -> None:
        """The run that began last could not be played."""
        if self._run is not None:
            self._run.failure = reason

    def together(self, told: dict[str, Any]) -> None:
        """What several runs say together (see `web_together`)."""
        self._together = told
        self._all = True

    def end(self, failure: str | None = None) -> None:
        """No run follows. `failure`: why the last could not be played, if it could not."""
        self._settle(failure)
        self._over = {"failure": failure}
        self._all = True

    def report(self, number: int) -> Path | None:
        """The report of a run, once it is there."""
        folder = self._folders.get(number)
        return None if folder is None else folder / "report.html"

    def whole(self) -> bytes:
        """The document."""
        run = None if self._run is None else self._run.whole()
        told = {"planned": self._planned, "together": self._together, "over": self._over}
        return orjson.dumps({"run": run, "ended": list(self._ended), **told})

    def changes(self) -> tuple[str, bytes] | None:
        """What to send to pages that have had everything so far: "state" or "step" with its data; None for nothing."""
        changed = None if self._run is None else self._run.changed()
        if self._all:
            self._all = False
            return "state", self.whole()
        return None if changed is None else ("step", orjson.dumps(changed))

    def _settle(self, failure: str | None = None) -> None:
        if self._run is not None:
            self._ended.append(self._run.ended(failure))
            self._folders = {each["number"]: self._folders[each["number"]] for each in self._ended if each["report"]}
        self._run = None


class _Run:
    """One run: what is known of it from the beginning, and what happens."""

    def __init__(self, plan: Plan, number: int) -> None:
        self.number = number
        self.failure: str | None = None
        scenario = plan.scenario
        self._told: dict[str, Any] = {
            "number": number,
            "name": plan.name,
            "title": scenario.title,
            "story": scenario.story,
            "target": plan.target.detail,
            "seed": scenario.seed,
            "folder": str(plan.folder),
            "command": plan.command,
            "length_s": scenario.load.duration,
            "providers": list(scenario.providers),
            "windows": windows(scenario),
        }
        self._timeline = LiveTimeline(scenario.load.duration, list(scenario.providers))
        self._pulse = Pulse()
        self._now: dict[str, Any] = {"phase": "starting", "at_s": None, "load": {}, "providers": {}}
        self._news: deque[str] = deque(maxlen=NEWS_MAX)
        self._fresh: list[str] = []
        self._lines = 0
        self._report: events.Reported | None = None
        self._dirty = True
        self._secrets = secrets_of(plan.wish.options.api_key, plan.wish.options.headers)

    def take(self, event: events.Event) -> None:
        self._dirty = True
        for line in narrate(event):
            self._news.append(redact(line, self._secrets)[:NEWS_CHARS_MAX])
            self._fresh = [*self._fresh, self._news[-1]][-NEWS_MAX:]
            self._lines += 1
        if event.at_s is not None:
            self._now["at_s"] = round(event.at_s, 3)
        match event:
            case events.Progress():
                self._count(event)
            case events.LoadStarted():
                self._now["phase"] = "running"
            case events.Draining():
                self._now["phase"] = "draining"
            case events.Reporting():
                self._now["phase"] = "reporting"
            case events.Reported():
                self._report = event

    def _count(self, event: events.Progress) -> None:
        self._now["load"] = {
            key: event.load.get(key) for key in ("due", "ended", "good", "in_flight", "p50_ms", "p95_ms")
        }
        if event.at_s is not None:
            self._timeline.take(event.at_s, event.load, event.providers)
            self._pulse.take(event.at_s, event.providers)
        self._now["providers"] = {
            name: {
                **{key: each.get(key) for key in ("attempts", "errors", "active", "p95_ms")},
                "rate": _rounded(self._pulse.rate(name)),
                "share": _rounded(self._pulse.share(name)),
            }
            for name, each in event.providers.items()
        }

    def whole(self) -> dict[str, Any]:
        return {**self._told, **self._moment(list(self._news)), "timeline": self._timeline.whole()}

    def changed(self) -> dict[str, Any] | None:
        if not self._dirty:
            return None
        fresh, self._fresh, self._dirty = self._fresh, [], False
        return {**self._moment(fresh), "steps": self._timeline.changed()}

    def _moment(self, news: list[str]) -> dict[str, Any]:
        # The count of all lines tells a page which of these it has already.
        return {"number": self.number, "now": self._now, "news": news, "news_count": self._lines}

    def ended(self, failure: str | None) -> dict[str, Any]:
        told, why = self._report, failure or self.failure
        return {
            **{key: self._told[key] for key in ("number", "name", "title", "target", "seed", "folder", "command")},
            "report": told is not None,
            "verdict": "not judged" if told is None else told.verdict,
            "sentence": redact(why or "the terminal says why", self._secrets) if told is None else told.sentence,
        }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def windows(scenario: Scenario) -> list[dict[str, Any]]:
    """The declared windows of every fault and standing, a row a window and provider, as the report's timeline has."""
    found: list[dict[str, Any]] = []
    for entry in scenario.timeline:
        for provider in entry.on:
            late_s = 0.0
            if entry.standing is not None:
                late_s = standings.find(entry.standing).model_validate(entry.with_).late_s(entry, provider)
            for from_ns, until_ns in scenario.span(entry, provider, late_s).windows():
                found.append(
                    {"provider": provider, "fault": entry.name, "from_s": from_ns / NS, "until_s": until_ns / NS}
                )
        if not entry.on:
            until_s = max(scenario.until_s(entry), entry.at)
            found.append({"provider": "router", "fault": entry.name, "from_s": entry.at, "until_s": until_s})
    return found[:WINDOWS_MAX]
