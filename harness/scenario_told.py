"""A scenario in words and as a drawing, for `banstorm show`: made from the model, so that it can't fall behind it."""

from __future__ import annotations

import textwrap
from typing import Any, Final

from ..reports import measures
from ..scenarios.entry import DUTY, SELECTORS, Entry
from ..scenarios.growth import Growth
from ..scenarios.model import Load, Scenario
from ..scenarios.sizes import format_size
from ..scenarios.speed import format_speed
from ..scenarios.units import format_duration
from . import happenings
from .drawing import Style, draw

ENTRIES_TOLD_MAX: Final = 50
"""Most timeline entries that are told one by one; the drawing has all of them."""


def explain_scenario(name: str, scenario: Scenario, style: Style | None = None) -> str:
    """A scenario: its story, its timeline drawn and told, its load, and what a good router does.

    Args:
        name: Its name in the library, or its file's.
        scenario: The scenario.
        style: How wide and with which signs to draw; plain ASCII of 80 columns if absent.
    """
    style = style or Style()
    told = _Told(style)
    told.text(f"{name}: ", scenario.title)
    told.line("")
    told.text("", scenario.story)
    told.line("")
    told.text("source: ", scenario.source)
    if scenario.scaled is not None:
        told.text("scaled: ", f"{scenario.scaled:g} times faster than it happened")
    told.line(f"tags:   {', '.join(scenario.tags) or 'none'}   seed: {scenario.seed}")
    told.head("providers, in the order the router should prefer them:")
    told.providers(scenario)
    told.head("timeline (seconds after the first measured call):")
    told.lines += draw(scenario, style)
    told.line("")
    for entry in scenario.timeline[:ENTRIES_TOLD_MAX]:
        told.text("  ", _entry(scenario, entry))
    if (more := len(scenario.timeline) - ENTRIES_TOLD_MAX) > 0:
        told.line(f"  and {more} more")
    told.line("")
    told.text("load: ", _load(scenario.load))
    if scenario.remedy is not None:
        told.line("")
        told.text("a good router: ", scenario.remedy)
    told.head("expected:")
    for each in scenario.expect:
        told.text(f"  {each.measure} {each.wanted}: ", measures.find(each.measure).definition)
    return "\n".join(told.lines)


class _Told:
    """The lines so far."""

    def __init__(self, style: Style) -> None:
        self.lines: list[str] = []
        self._width = style.width

    def line(self, line: str) -> None:
        self.lines.append(line)

    def head(self, line: str) -> None:
        self.lines += ["", line]

    def text(self, head: str, text: str) -> None:
        indent = " " * min(len(head), 24)
        self.lines += textwrap.wrap(
            text, self._width, initial_indent=head, subsequent_indent=indent, break_on_hyphens=False
        )

    def providers(self, scenario: Scenario) -> None:
        """A line a provider, one a model of it that is faster or slower, and one a price that is not the list's."""
        width = max(map(len, scenario.providers))
        for name, each in scenario.providers.items():
            speed = format_speed(each.ttft, each.tokens_per_second, each.distance, each.slowdown)
            self.text(f"  {name:<{width}}  ", f"{each.dialect}, {each.model}, {speed}")
            if each.login is not None:
                life = format_duration(each.login.expires)
                self.text(f"  {'':<{width}}  ", f"by an OAuth login, whose access tokens live for {life}")
            for model, other in each.models.items():
                ttft = each.ttft if other.ttft is None else other.ttft
                rate = each.tokens_per_second if other.tokens_per_second is None else other.tokens_per_second
                self.text(f"  {'':<{width}}  ", f"for {model}: {format_speed(ttft, rate, 0, None)}")
        for model, price in scenario.prices.items():
            told = ", ".join(f"{kind} ${usd:g}" for kind, usd in price.model_dump(exclude_none=True).items())
            self.text("  ", f"{model} costs per million tokens: {told}")


def _load(load: Load) -> str:
    uneven = f" (Zipf {load.callers.zipf:g})" if load.callers.zipf else ""
    prompts = "" if load.prompt is None else f"{format_size(load.prompt)} a prompt, "
    return (
        f"{load.profile.told} ({load.arrivals}) by {load.callers.count:,} callers{uneven} for "
        f"{format_duration(load.duration)}, {load.stream:.0%} streamed, {prompts}{format_size(load.answer)} an answer, "
        f"deadline {format_duration(load.deadline)}"
    )


def _entry(scenario: Scenario, entry: Entry) -> str:
    until = scenario.until_s(entry)
    told = f"{entry.name}: {format_duration(entry.at)}"
    if entry.event is None or happenings.find(entry.event).lasts:
        told += f" to {format_duration(until)}"
    told += f" on {', '.join(entry.on)}" if entry.on else f" to the {happenings.find(entry.name).to}"
    return told + _narrowed(entry) + "".join(f"; {key} {_told(value)}" for key, value in entry.with_.items())


def _narrowed(entry: Entry) -> str:
    """In what rhythm an entry is on, and which share of what it bites; nothing if it bites all of the time."""
    parts = []
    if entry.every:
        parts.append(f"on for {DUTY if entry.duty is None else entry.duty:.0%} of every {format_duration(entry.every)}")
    if entry.stagger:
        parts.append(f"one after the other, {format_duration(entry.stagger)} apart")
    if entry.given & {"share", "share_of"}:
        ends = (entry.share.begin, entry.share.end) if isinstance(entry.share, Growth) else (entry.share,)
        whose = f"{entry.share_of}s" if entry.fault else "open streams" if entry.event else "credentials"
        parts.append(f"{' to '.join(f'{each:.0%}' for each in ends)} of {whose}")
    if entry.together:
        parts.append("the same at each of them")
    parts += ["one credential"] if entry.credential else []
    told = (name for name in SELECTORS if name != "credential" and getattr(entry, name) is not None)
    parts += [f"{name} {_told(getattr(entry, name))}" for name in told]
    return "".join(f", {part}" for part in parts)


def _told(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}: {text}" for name, text in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
