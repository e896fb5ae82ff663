"""What `banstorm list` and `banstorm show` print, made from the models, so that it can't fall behind them."""

from __future__ import annotations

import textwrap
from typing import Final

from ..reports import measures
from ..scenarios import library
from ..scenarios.expectation import Expectation
from ..scenarios.model import Load, Scenario
from ..scenarios.problems import nearest
from ..scenarios.units import format_duration
from . import faults, targets
from .errors import HarnessError
from .registry import registry

WIDTH: Final = 100
"""Columns of the text."""
BAR: Final = 60
"""Columns of a timeline's bars."""


def listing(what: str) -> str:
    """A table of all scenarios, faults, measures, dialects or targets, one a line."""
    rows: list[tuple[str, str]]
    match what:
        case "scenarios":
            rows = []
            for name, path in library.paths().items():
                scenario = library.load(path, registry())
                rows.append((name, f"{scenario.title} [{', '.join(scenario.tags)}]"))
        case "faults":
            rows = [(name, rule.summary) for name, rule in registry().faults.items()]
        case "measures":
            rows = [(key, measures.find(key).definition) for key in measures.keys()]  # noqa: SIM118 - a function of the module
        case "dialects":
            rows = [(name, f"failures: {', '.join(sorted(kinds))}") for name, kinds in registry().dialects.items()]
        case _:
            rows = [(name, (targets.find(name).__doc__ or "").partition("\n")[0]) for name in targets.names()]
    width = max((len(name) for name, _ in rows), default=0)
    return "\n".join(_hanging(f"{name:<{width}}  ", text) for name, text in rows)


def _hanging(head: str, text: str) -> str:
    return textwrap.fill(text, WIDTH, initial_indent=head, subsequent_indent=" " * len(head))


def explain(name: str, *, as_yaml: bool = False) -> str:
    """All there is to know of a scenario, a fault or a measure.

    Raises:
        HarnessError: when there is nothing of that name.
        ScenarioError: when `name` is a scenario that can't be used.
    """
    known = library.paths()
    if name in known or name.endswith((".yaml", ".yml")):
        path = library.find(name)
        scenario = library.load(path, registry())
        return path.read_text("utf-8") if as_yaml else explain_scenario(path.stem, scenario)
    if name in registry().faults:
        return explain_fault(name)
    if name in measures.names() or name in measures.keys():  # noqa: SIM118 - as above
        return _hanging(f"{name}: ", measures.find(name).definition)
    advice = nearest(name, [*known, *registry().faults, *measures.names()], "")
    raise HarnessError(f"nothing is called {name!r}", "banstorm show", advice)


def explain_fault(name: str) -> str:
    """A fault: what it does, to whom, and its parameters."""
    fault = faults.find(name)
    lines = [name, "", textwrap.dedent(fault.__doc__ or "").strip(), ""]
    lines.append(f"acts on:          the {fault.phase} of an exchange")
    lines.append(f"reaches provider: {'yes' if fault.reaches_provider else 'no'}")
    lines.append(f"billed:           {'yes' if fault.billed else 'no'}")
    lines.append(f"open streams:     {fault.in_flight}")
    lines.append(f"hosts:            {', '.join(sorted(host.value for host in fault.hosts))}")
    if fault.failure_kind:
        able = [each for each, kinds in registry().dialects.items() if fault.failure_kind in kinds]
        lines.append(f"dialects:         {', '.join(able)}")
    if fault.model_fields:
        lines += ["", "with:"]
        for field, info in fault.model_fields.items():
            default = "required" if info.is_required() else f"default {info.default!r}"
            lines.append(_hanging(f"  {field}: ", f"{info.description or ''} ({default})"))
    return "\n".join(lines)


def explain_scenario(name: str, scenario: Scenario) -> str:
    """A scenario: its story, its timeline drawn, its load and its expectations."""
    load = scenario.load
    lines = [f"{name}: {scenario.title}", "", textwrap.fill(scenario.story, WIDTH), ""]
    lines += [_hanging("source: ", scenario.source), f"tags:   {', '.join(scenario.tags)}   seed: {scenario.seed}", ""]
    width = max(map(len, scenario.providers))
    lines.append("providers, in the order the router should prefer them:")
    lines += [
        f"  {each:<{width}}  {provider.dialect}, {provider.model}, first token after {format_duration(provider.ttft)}, "
        f"{provider.tokens_per_second:g} tokens/s"
        for each, provider in scenario.providers.items()
    ]
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
    return (
        f"{load.rate:g} calls/s ({load.arrivals}) by {load.callers} callers for {format_duration(load.duration)}, "
        f"{load.stream:.0%} streamed, {load.answer} tokens an answer, deadline {format_duration(load.deadline)}"
    )


def _timeline(scenario: Scenario) -> list[str]:
    length = scenario.load.duration
    lines = [f"  {'load':<24} {'─' * BAR} {format_duration(length)}"]
    for entry in scenario.timeline:
        until = scenario.until_s(entry)
        begin = min(BAR - 1, int(entry.at / length * BAR))
        end = min(BAR, max(begin + 1, round(until / length * BAR)))
        bar = " " * begin + "█" * (end - begin) + " " * (BAR - end)
        share = "" if entry.share == 1 else f", {entry.share:.0%} of requests"
        lines.append(
            f"  {entry.fault:<24} {bar} {format_duration(entry.at)} to {format_duration(until)} "
            f"on {', '.join(entry.on)}{share}"
        )
    return lines


def _expectation(each: Expectation) -> str:
    return _hanging(f"  {each.measure} {each.wanted}: ", measures.find(each.measure).definition)
