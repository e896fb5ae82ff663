"""Checks a well-formed scenario's names and windows against the registry."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import combinations
from typing import Any

from pydantic import ValidationError

from .document import Document
from .entry import Entry
from .expectation import Expectation, Unit
from .growth import Growth
from .model import Scenario
from .problems import Problem, nearest
from .registry import Complaint, FaultRule, Registry, StandingRule
from .spans import PERIODS_MAX
from .units import format_duration


def check(scenario: Scenario, document: Document, registry: Registry) -> Iterator[Problem]:
    """Every mistake in the meaning of `scenario`."""
    for name, provider in scenario.providers.items():
        if provider.dialect not in registry.dialects:
            yield Problem(
                f"unknown dialect {provider.dialect!r}",
                document.where(("providers", name, "dialect")),
                nearest(provider.dialect, registry.dialects, ""),
            )
        if provider.login is not None and provider.dialect not in registry.logins:
            yield Problem(
                f"{provider.dialect} has no OAuth logins",
                document.where(("providers", name, "login")),
                f"leave login out, or use {' or '.join(sorted(registry.logins))}",
            )
    for index, entry in enumerate(scenario.timeline):
        yield from _entry(scenario, entry, index, document, registry)
    yield from _clashes(scenario, document, registry)
    for each in scenario.expect:
        yield from _expectation(scenario, each, document, registry)


def _entry(scenario: Scenario, entry: Entry, index: int, document: Document, registry: Registry) -> Iterator[Problem]:
    path = ("timeline", index)
    for name in entry.on:
        if name not in scenario.providers:
            yield Problem(
                f"unknown provider {name!r}", document.where((*path, "on")), nearest(name, scenario.providers, "")
            )
    if entry.kind == "event":
        yield from _event(scenario, entry, path, document, registry)
        return
    yield from _windows(scenario, entry, path, document)
    rule = _rule(entry, registry)
    if rule is None:
        yield _unknown(entry, document.where((*path, entry.kind)), registry)
        return
    if rule.selectors is not None:
        yield from _selectors(entry, rule.selectors, rule.unselected, path, document)
    yield from _parameters(scenario, entry, rule, path, document, registry)
    yield from _lacking(scenario, entry, rule, document.where((*path, entry.kind)), registry)


def _event(
    scenario: Scenario, entry: Entry, path: tuple[str | int, ...], document: Document, registry: Registry
) -> Iterator[Problem]:
    """An event on the system: its name, whether it ends, and that nothing narrows it down."""
    rule = registry.events.get(entry.name)
    if rule is None:
        yield _unknown(entry, document.where((*path, "event")), registry)
        return
    if rule.lasts and entry.until is None:
        yield Problem(
            f"{entry.name} lasts: it needs an end", document.where((*path, "event")), "add until: …, when it is over"
        )
    if not rule.lasts and entry.until is not None:
        yield Problem(
            f"{entry.name} has no end of its own: it is over when it was carried out",
            document.where((*path, "until")),
            "leave until out",
        )
    if max(entry.at, scenario.until_s(entry)) >= scenario.load.duration:
        yield Problem(
            f"{entry.name} is not over before the load, which ends at {format_duration(scenario.load.duration)}",
            document.where((*path, "at")),
            "let it begin and end before that",
        )
    able = frozenset({"share"} if rule.shares else ())
    for name in sorted(entry.given - able):
        yield Problem(
            f"{entry.name} can't be limited by {name}: it happens to the {rule.to}",
            document.where((*path, name)),
            "leave it out",
        )
    if isinstance(entry.share, Growth):
        yield Problem(
            f"the share of {entry.name} can't grow: it happens once",
            document.where((*path, "share")),
            "write one share",
        )


def _parameters(
    scenario: Scenario,
    entry: Entry,
    rule: FaultRule | StandingRule,
    path: tuple[str | int, ...],
    document: Document,
    registry: Registry,
) -> Iterator[Problem]:
    """What stands under `with`, and whether it makes sense for this entry."""
    try:
        parameters = rule.parameters.model_validate(entry.with_)
    except ValidationError as error:
        for each in error.errors(include_url=False):
            where = document.where((*path, "with", *each["loc"]))
            key = str(each["loc"][-1]) if each["loc"] else ""
            if each["type"] == "extra_forbidden":
                yield Problem(
                    f"{entry.name} has no parameter {key!r}", where, nearest(key, rule.parameters.model_fields, "")
                )
            else:
                yield Problem(
                    each["msg"].removeprefix("Value error, "), where, f"`banstorm show {entry.name}` explains it"
                )
        return
    for complaint in _complaints(scenario, entry, rule, parameters, registry):
        yield Problem(complaint.what, document.where((*path, *complaint.path)), complaint.next)


def _complaints(
    scenario: Scenario, entry: Entry, rule: FaultRule | StandingRule, parameters: Any, registry: Registry
) -> Iterator[Complaint]:
    if isinstance(rule, StandingRule):
        yield from rule.complaints(parameters, entry, scenario.until_s(entry) - entry.at)
        return
    for name in entry.on:
        provider = scenario.providers.get(name)
        kinds = registry.failures_of(provider) if provider else None
        if provider and kinds is not None and (rule.failure_kind is None or rule.failure_kind in kinds):
            yield from rule.complaints(parameters, provider)


def _rule(entry: Entry, registry: Registry) -> FaultRule | StandingRule | None:
    return registry.faults.get(entry.name) if entry.kind == "fault" else registry.standings.get(entry.name)


def _unknown(entry: Entry, where: str, registry: Registry) -> Problem:
    """A name that there is no fault, standing or event of; perhaps there is one of another kind."""
    kinds = {"fault": registry.faults.keys(), "standing": registry.standings.keys(), "event": registry.events.keys()}
    advice = nearest(entry.name, kinds.pop(entry.kind), f" (`banstorm list {entry.kind}s` shows them all)")
    for other, names in kinds.items():
        if entry.name in names:
            advice = f"it is {'an' if other == 'event' else 'a'} {other}: write {other}: {entry.name}"
    return Problem(f"unknown {entry.kind} {entry.name!r}", where, advice)


def _selectors(
    entry: Entry, selectors: frozenset[str], reason: str, path: tuple[str | int, ...], document: Document
) -> Iterator[Problem]:
    """Selectors that mean nothing for what doesn't depend on how a request looks: an account's state, a shut door."""
    able = ", ".join(sorted(selectors)) or "none"
    for name in sorted(entry.given - selectors):
        yield Problem(
            f"{entry.name} can't be limited by {name}: {reason}",
            document.where((*path, name)),
            f"leave it out; the selectors of {entry.name}: {able}",
        )
    if isinstance(entry.share, Growth):
        yield Problem(
            f"the share of {entry.name} can't grow: {reason}",
            document.where((*path, "share")),
            "write one share; some standings have a parameter rollout" if entry.standing else "leave it out",
        )


def _windows(scenario: Scenario, entry: Entry, path: tuple[str | int, ...], document: Document) -> Iterator[Problem]:
    """Whether it has windows at each of its providers, and not too many."""
    if entry.until is None and entry.at >= scenario.load.duration:
        yield Problem(
            f"the window is empty: it ends with the load, at {format_duration(scenario.load.duration)}",
            document.where((*path, "at")),
            "let it begin before that, or give until",
        )
        return
    spans = [scenario.span(entry, provider) for provider in entry.on]
    if any(not each.count for each in spans):
        yield Problem(
            "the last provider of on is reached only when the window is over",
            document.where((*path, "stagger")),
            "let stagger be shorter, or until later",
        )
    if any(each.count > PERIODS_MAX for each in spans):
        yield Problem(
            f"the fault comes and goes {max(each.count for each in spans):,} times; the most is {PERIODS_MAX:,}",
            document.where((*path, "every")),
            "let every be longer",
        )


def _lacking(
    scenario: Scenario, entry: Entry, rule: FaultRule | StandingRule, where: str, registry: Registry
) -> Iterator[Problem]:
    """Providers whose vendor has no failure that the entry could show itself by."""
    wanted = rule.failure_kinds if isinstance(rule, StandingRule) else (rule.failure_kind,) if rule.failure_kind else ()
    for name in entry.on:
        known = scenario.providers.get(name)
        kinds = registry.failures_of(known) if known else None
        if known and kinds is not None and wanted and kinds.isdisjoint(wanted):
            yield Problem(
                f"{known.dialect} has no failure {' or '.join(map(repr, wanted))}, "
                f"so {entry.name} can't be played on {name!r}",
                where,
                nearest(
                    entry.name, _having(kinds, rule, registry), f" (`banstorm show {entry.name}` names its dialects)"
                ),
            )


def _having(kinds: Collection[str], rule: FaultRule | StandingRule, registry: Registry) -> list[str]:
    """What can be written in its place: the faults, or standings, that show themselves by one of these failures."""
    if isinstance(rule, StandingRule):
        return [name for name, each in registry.standings.items() if set(each.failure_kinds) & set(kinds)]
    return [name for name, each in registry.faults.items() if each.failure_kind in kinds]


def _phase(entry: Entry, registry: Registry) -> str | None:
    if entry.kind == "event":
        known = registry.events.get(entry.name)
        return known.to if known is not None and known.to == "router" else None
    rule = _rule(entry, registry)
    return None if rule is None else rule.phase


def _clashes(scenario: Scenario, document: Document, registry: Registry) -> Iterator[Problem]:
    """Two windows on one provider, selector and phase that overlap: only one of them could take effect."""
    for (first, one), (second, two) in combinations(enumerate(scenario.timeline), 2):
        shared = sorted(set(one.on) & set(two.on))
        phase = _phase(one, registry)
        same = phase == _phase(two, registry) and one.kind == two.kind and one.selector == two.selector
        if not same or phase in {None, "none"}:
            continue
        if one.kind == "event":
            if one.at <= scenario.until_s(two) and two.at <= scenario.until_s(one):
                yield Problem(
                    f"timeline[{second}] begins before timeline[{first}] is over: both happen to the router",
                    document.where(("timeline", second, "at")),
                    "move one of the two",
                )
        elif any(scenario.span(one, each).overlaps(scenario.span(two, each)) for each in shared):
            yield Problem(
                f"timeline[{second}] overlaps timeline[{first}]: both act on the {phase} of the same requests",
                document.where(("timeline", second, "at")),
                "move or merge one of the two windows",
            )


def _expectation(scenario: Scenario, each: Expectation, document: Document, registry: Registry) -> Iterator[Problem]:
    name, _, statistic = each.measure.partition(".")
    where = document.where(("expect", name, statistic) if statistic else ("expect", name))
    rule = registry.measures.get(name)
    if rule is None:
        advice = nearest(name, registry.measures, " (`banstorm list measures` shows them all)")
        yield Problem(f"unknown measure {name!r}", where, advice)
        return
    if rule.statistics and statistic not in rule.statistics:
        example = f"{name}: {{{rule.statistics[0]}: …}}"
        yield Problem(f"{name} is a distribution: name one of {', '.join(rule.statistics)}", where, f"write {example}")
        return
    if statistic and not rule.statistics:
        yield Problem(f"{name} is one value and has no statistic {statistic!r}", where, f"write {name}: …")
        return
    if each.unit not in rule.units and not (each.limit == 0 and each.unit is Unit.NUMBER):
        wanted = " or ".join(sorted(unit.value for unit in rule.units))
        yield Problem(f"{name} counts in {wanted}, not in {each.unit.value}", where, "write the limit in that unit")
        return
    if rule.counted_from is not None:
        yield from _long_enough(scenario, each, rule.counted_from, rule.hold_s, where)


def _long_enough(scenario: Scenario, each: Expectation, edge: str, hold_s: float, where: str) -> Iterator[Problem]:
    """A time limit can be decided only if load goes on for the limit and the hold after the edge it counts from."""
    edges = [
        entry.at + entry.lag_s(entry.on[-1]) if edge == "start" else scenario.until_s(entry)
        for entry in scenario.timeline
        if edge == "end" or entry.kind != "event"  # nobody detects or leaves a provider because of an event
    ]
    needed = max(edges, default=0.0) + each.limit + hold_s
    if scenario.load.duration < needed:
        yield Problem(
            f"the load is too short to decide {each.measure} {each.wanted}: it ends at "
            f"{format_duration(scenario.load.duration)}",
            where,
            f"let load.duration be at least {format_duration(needed)}",
        )
