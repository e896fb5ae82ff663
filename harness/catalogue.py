"""What `banstorm list` and `banstorm show` print, made from the models, so that it can't fall behind them."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ..fakes.dialects import GENERIC
from ..fakes.dialects.http_service import shipped
from ..reports import measures
from ..scenarios import library
from ..scenarios.entry import DUTY, SELECTORS, Entry
from ..scenarios.expectation import Expectation
from ..scenarios.growth import Growth
from ..scenarios.model import Load, Scenario
from ..scenarios.problems import nearest
from ..scenarios.sizes import format_size
from ..scenarios.speed import format_speed
from ..scenarios.units import format_duration
from . import faults, standings, targets
from .errors import HarnessError
from .faults import drift_named
from .faults.base import Host
from .registry import registry

WIDTH: Final = 100
"""Columns of the text."""
BAR: Final = 60
"""Columns of a timeline's bars."""


def listing(what: str) -> str:
    """A table of all scenarios, faults, standings, drifts, measures, dialects or targets, one a line."""
    rows: list[tuple[str, str]]
    match what:
        case "scenarios":
            rows = []
            for name, path in library.paths().items():
                scenario = library.load(path, registry())
                rows.append((name, f"{scenario.title} [{', '.join(scenario.tags)}]"))
        case "faults":
            rows = [(name, rule.summary) for name, rule in registry().faults.items()]
        case "standings":
            rows = [(name, rule.summary) for name, rule in registry().standings.items()]
        case "drifts":
            drifts = {name: drift_named.find(name) for name in drift_named.names()}
            rows = [(name, f"{each.title} [{', '.join(each.dialects)}]") for name, each in drifts.items()]
        case "measures":
            rows = [(key, measures.find(key).definition) for key in measures.keys()]  # noqa: SIM118 - a function of the module
        case "dialects":
            vendors = {name: kinds for name, kinds in registry().dialects.items() if name != GENERIC}
            rows = [(name, f"failures: {', '.join(sorted(kinds))}") for name, kinds in vendors.items()]
            rows.append((GENERIC, f"any JSON service, defined by a file of yours; there are {', '.join(shipped())}"))
        case _:
            rows = [(name, (targets.find(name).__doc__ or "").partition("\n")[0]) for name in targets.names()]
    width = max((len(name) for name, _ in rows), default=0)
    return "\n".join(_hanging(f"{name:<{width}}  ", text) for name, text in rows)


def _hanging(head: str, text: str) -> str:
    return textwrap.fill(text, WIDTH, initial_indent=head, subsequent_indent=" " * len(head))


def explain(name: str, *, as_yaml: bool = False) -> str:
    """All there is to know of a scenario, a fault, a standing, a named drift or a measure.

    Raises:
        HarnessError: when there is nothing of that name.
        ScenarioError: when `name` is a scenario that can't be used.
    """
    known = library.paths()
    if name in known or name.endswith((".yaml", ".yml")):
        path = library.find(name)
        scenario = library.load(path, registry())
        return path.read_text("utf-8") if as_yaml else explain_scenario(path.stem, scenario)
    found = []
    if name in registry().faults:
        found.append(explain_fault(name))
    if name in registry().standings:
        found.append(explain_standing(name))
    if name in drift_named.names():
        found.append(explain_drift(name))
    if found:
        return "\n\n".join(found)
    if name in measures.names() or name in measures.keys():  # noqa: SIM118 - as above
        return _hanging(f"{name}: ", measures.find(name).definition)
    names = [*known, *registry().faults, *registry().standings, *drift_named.names(), *measures.names()]
    advice = nearest(name, names, "")
    raise HarnessError(f"nothing is called {name!r}", "banstorm show", advice)


def explain_fault(name: str) -> str:
    """A fault: what it does, to whom, and its parameters."""
    fault = faults.describe(name)
    lines = [f"{name} (fault)", "", fault.doc, ""]
    lines.append(f"acts on:          the {fault.phase} of an exchange")
    lines.append(f"reaches provider: {'yes' if fault.reaches_provider else 'no'}")
    lines.append(f"billed:           {'yes' if fault.billed else 'no'}")
    lines.append(f"open streams:     {fault.in_flight}")
    lines.append(f"hosts:            {', '.join(fault.hosts)}")
    if fault.failure_kind:
        lines.append(_hanging("dialects:         ", _able([fault.failure_kind])))
    return "\n".join([*lines, *_parameters(fault.parameters, fault.required)])


def explain_drift(name: str) -> str:
    """A named drift: what changed when, for whom, and where that is documented."""
    drift = drift_named.find(name)
    lines = [f"{name} (drift)", "", drift.title, "", textwrap.fill(drift.story, WIDTH), ""]
    lines.append(f"date:      {drift.date}")
    lines.append(f"dialects:  {', '.join(drift.dialects)}")
    lines.append(f"changes:   {drift.responses}")
    lines += [f"source:    {each}" for each in drift.sources]
    return "\n".join([*lines, "", f"to play it:  fault: drift, with: {{named: {name}}}"])


def explain_standing(name: str) -> str:
    """A standing: what it changes, whom it reaches, and its parameters."""
    standing = standings.describe(name)
    lines = [f"{name} (standing)", "", standing.doc, ""]
    lines.append(f"changes:          the provider's {standing.phase}")
    lines.append(_hanging("bites:            ", standing.bites))
    lines.append(f"selectors:        {', '.join(standing.selectors) or 'none'}")
    lines.append(f"hosts:            {', '.join(sorted(Host))}")
    if standing.failure_kinds:
        lines.append(_hanging("dialects:         ", _able(standing.failure_kinds)))
    return "\n".join([*lines, *_parameters(standing.parameters, standing.required)])


def _able(kinds: Sequence[str]) -> str:
    """The dialects that have one of these failures."""
    return ", ".join(each for each, having in registry().dialects.items() if not having.isdisjoint(kinds))


def _parameters(schemas: Mapping[str, Mapping[str, Any]], required: frozenset[str]) -> list[str]:
    """A line a parameter, from its JSON schema."""
    lines = ["", "with:"] if schemas else []
    for name, schema in schemas.items():
        default = f"default {json.dumps(schema['default'])}" if "default" in schema else "optional"
        default = "required" if name in required else default
        lines.append(_hanging(f"  {name}: ", f"{schema.get('description', '')} ({default})"))
    return lines


def explain_scenario(name: str, scenario: Scenario) -> str:
    """A scenario: its story, its timeline drawn, its load and its expectations."""
    load = scenario.load
    lines = [f"{name}: {scenario.title}", "", textwrap.fill(scenario.story, WIDTH), ""]
    lines += [_hanging("source: ", scenario.source), f"tags:   {', '.join(scenario.tags)}   seed: {scenario.seed}", ""]
    lines.append("providers, in the order the router should prefer them:")
    lines += _providers(scenario)
    lines += ["", "timeline (seconds after the first measured call):"]
    lines += _timeline(scenario)
    lines += [
        "",
        _hanging("load: ", _load(load)),
        "",
        "expected:",
    ]
    lines += [_expectation(each) for each in scenario.expect]
    return "\n".join(lines)


def _load(load: Load) -> str:
    uneven = f" (Zipf {load.callers.zipf:g})" if load.callers.zipf else ""
    prompts = "" if load.prompt is None else f"{format_size(load.prompt)} a prompt, "
    return (
        f"{load.profile.told} ({load.arrivals}) by {load.callers.count:,} callers{uneven} for "
        f"{format_duration(load.duration)}, {load.stream:.0%} streamed, {prompts}{format_size(load.answer)} an answer, "
        f"deadline {format_duration(load.deadline)}"
    )


def _providers(scenario: Scenario) -> list[str]:
    """A line a provider, one a model of it that is faster or slower, and one a price that is not the list's."""
    width = max(map(len, scenario.providers))
    lines = []
    for name, each in scenario.providers.items():
        speed = format_speed(each.ttft, each.tokens_per_second, each.distance, each.slowdown)
        lines.append(_hanging(f"  {name:<{width}}  ", f"{each.dialect}, {each.model}, {speed}"))
        for model, other in each.models.items():
            ttft = each.ttft if other.ttft is None else other.ttft
            rate = each.tokens_per_second if other.tokens_per_second is None else other.tokens_per_second
            lines.append(_hanging(f"  {'':<{width}}  ", f"for {model}: {format_speed(ttft, rate, 0, None)}"))
    for model, price in scenario.prices.items():
        told = ", ".join(f"{kind} ${usd:g}" for kind, usd in price.model_dump(exclude_none=True).items())
        lines.append(f"  {model} costs per million tokens: {told}")
    return lines


def _timeline(scenario: Scenario) -> list[str]:
    length = scenario.load.duration
    lines = [f"  {'load':<24} {'─' * BAR} {format_duration(length)}"]
    for entry in scenario.timeline:
        until = scenario.until_s(entry)
        begin = min(BAR - 1, int(entry.at / length * BAR))
        end = min(BAR, max(begin + 1, round(until / length * BAR)))
        bar = " " * begin + "█" * (end - begin) + " " * (BAR - end)
        lines.append(
            f"  {entry.name:<24} {bar} {format_duration(entry.at)} to {format_duration(until)} "
            f"on {', '.join(entry.on)}{_narrowed(entry)}"
        )
    return lines


def _narrowed(entry: Entry) -> str:
    """In what rhythm an entry is on, and which share of what it bites; nothing if it bites all of the time."""
    parts = []
    if entry.every:
        parts.append(f"on for {DUTY if entry.duty is None else entry.duty:.0%} of every {format_duration(entry.every)}")
    if entry.stagger:
        parts.append(f"one after the other, {format_duration(entry.stagger)} apart")
    if entry.given & {"share", "share_of"}:
        ends = (entry.share.begin, entry.share.end) if isinstance(entry.share, Growth) else (entry.share,)
        whose = f"{entry.share_of}s" if entry.fault else "credentials"
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


def _expectation(each: Expectation) -> str:
    return _hanging(f"  {each.measure} {each.wanted}: ", measures.find(each.measure).definition)
