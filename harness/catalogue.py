"""What `banstorm list` and `banstorm show` print, made from the models, so that it can't fall behind them."""

from __future__ import annotations

import difflib
import inspect
import json
import re
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from ..fakes.dialects import GENERIC
from ..fakes.dialects.http_service import shipped
from ..reports import measures
from ..scenarios import library
from ..scenarios.model import Scenario
from ..scenarios.problems import nearest
from ..scenarios.units import format_duration
from . import faults, happenings, standings, targets
from .drawing import Style
from .errors import HarnessError
from .faults import drift_named
from .faults.base import Host
from .registry import registry
from .scenario_told import explain_scenario

WIDTH: Final = 100
"""Columns of the text."""
SPELT_LIKE: Final = 0.8
"""Likeness of names, by difflib's ratio, from which one is taken for a slip of the other."""
NEAR_MAX: Final = 3
"""Names that are offered for one that nothing has."""
FILLERS: Final = frozenset({"", "a", "an", "in", "of", "the", "to", "no", "is"})
"""Words that say nothing of what somebody looks for."""


def listing(what: str, tag: str | None = None) -> str:
    """A table of all scenarios, faults, standings, events, drifts, measures, dialects or targets, one a line."""
    rows: list[tuple[str, str]]
    match what:
        case "scenarios":
            return _scenarios(tag)
        case "faults":
            rows = [(name, rule.summary) for name, rule in registry().faults.items()]
        case "standings":
            rows = [(name, rule.summary) for name, rule in registry().standings.items()]
        case "events":
            rows = [(name, rule.summary) for name, rule in registry().events.items()]
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
            rows = [(name, _target(name)) for name in targets.names()]
    width = max((len(name) for name, _ in rows), default=0)
    return "\n".join(_hanging(f"{name:<{width}}  ", text) for name, text in rows)


def _target(name: str) -> str:
    """A target in a line: what it is, its pinned version, its variants."""
    found = targets.find(name)
    version = f" [{found.version}]" if found.version else ""
    variants = "".join(f" {name}:{each}: {what}." for each, what in found.variants.items())
    return (found.__doc__ or "").partition("\n")[0] + version + variants


def _scenarios(tag: str | None) -> str:
    """The library: a heading a folder, a line a scenario with how long its load lasts, its title and its tags."""
    chosen = tagged(tag)
    width = max(map(len, chosen), default=0)
    lines: list[str] = []
    folder = ""
    for name, (path, scenario) in chosen.items():
        if path.parent.name != folder:
            folder = path.parent.name
            lines += ["", f"{folder}/"]
        head = f"  {name:<{width}}  {format_duration(scenario.load.duration):>4}  "
        lines.append(_hanging(head, f"{scenario.title} [{', '.join(scenario.tags)}]"))
    return "\n".join(lines).lstrip("\n")


def tagged(tag: str | None) -> dict[str, tuple[Path, Scenario]]:
    """The library's scenarios that have the tag, all of them without one: name to file and scenario, in order.

    Raises:
        HarnessError: when no scenario has it.
        ScenarioError: when one of the library can't be used.
    """
    loaded = {name: (path, library.load(path, registry())) for name, path in library.paths().items()}
    chosen = {name: each for name, each in loaded.items() if tag is None or tag in each[1].tags}
    if not chosen:
        known = {each for _, scenario in loaded.values() for each in scenario.tags}
        raise HarnessError(f"no scenario has the tag {tag!r}", "--tag", nearest(tag or "", known, ""))
    return chosen


def _hanging(head: str, text: str) -> str:
    return textwrap.fill(text, WIDTH, initial_indent=head, subsequent_indent=" " * len(head))


def explain(name: str, *, as_yaml: bool = False, style: Style | None = None) -> str:
    """All there is to know of a scenario, a fault, a standing, an event, a named drift or a measure.

    Raises:
        HarnessError: when there is nothing of that name.
        ScenarioError: when `name` is a scenario that can't be used.
    """
    known = library.paths()
    if name in known or name.endswith((".yaml", ".yml")):
        path = library.find(name)
        scenario = library.load(path, registry())
        return path.read_text("utf-8") if as_yaml else explain_scenario(path.stem, scenario, style)
    found = []
    if name in registry().faults:
        found.append(explain_fault(name))
    if name in registry().standings:
        found.append(explain_standing(name))
    if name in happenings.names():
        found.append(explain_event(name))
    if name in drift_named.names():
        found.append(explain_drift(name))
    if found:
        return "\n\n".join(found)
    if name in measures.names() or name in measures.keys():  # noqa: SIM118 - as above
        return _hanging(f"{name}: ", measures.find(name).definition)
    advice = _near(name)
    raise HarnessError(f"nothing is called {name!r}", "banstorm show", advice)


def _near(name: str) -> str:
    """Advice for a name that nothing has: what is spelt like it, or else what is about the same words."""
    told = {each: scenario.title for each, (_, scenario) in tagged(None).items()}
    told |= {each: rule.summary for each, rule in registry().faults.items()}
    told |= {each: rule.summary for each, rule in registry().standings.items()}
    told |= {each: rule.summary for each, rule in registry().events.items()}
    told |= {each: drift_named.find(each).title for each in drift_named.names()} | dict.fromkeys(measures.names(), "")
    if close := difflib.get_close_matches(name, told, n=1, cutoff=SPELT_LIKE):
        return f"did you mean {close[0]!r}?"
    words = [each for each in re.split(r"[\W_]+", name.lower()) if each not in FILLERS]
    about = {each: sum(word in f"{each} {text}".lower() for word in words) for each, text in told.items()}
    best = [each for each in told if about[each] and about[each] == max(about.values())]
    if not best:
        return nearest(name, told, "")
    scenarios = library.paths()  # what a scenario may use comes before scenarios that use it
    best.sort(key=lambda each: (each in scenarios, -difflib.SequenceMatcher(None, name, each).ratio()))
    shown = ", ".join(map(repr, best[:NEAR_MAX]))
    return f"did you mean {shown}?"


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


def explain_event(name: str) -> str:
    """An event: what it does, to whom, and whether it ends."""
    event = happenings.find(name)
    lines = [f"{name} (event)", "", inspect.cleandoc(event.__doc__ or ""), ""]
    lines.append(f"happens to:       the {event.to}")
    lines.append(f"lasts:            {'until its end' if event.lasts else 'no longer than it takes'}")
    lines.append(f"takes a share:    {'yes' if event.shares else 'no'}")
    return "\n".join(lines)


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
