"""Gathers every name a scenario may use: faults, standings, dialects, measures. The language knows none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..fakes import dialects, token_endpoint
from ..fakes.dialects.http_service import HttpService, ServiceError
from ..reports import measures
from ..scenarios.problems import Problem, ScenarioError
from ..scenarios.registry import Complaint, EventRule, FaultRule, MeasureRule, Registry, ServiceRule, StandingRule
from . import faults, happenings, standings

if TYPE_CHECKING:
    from ..scenarios.model import Provider
    from .faults.base import Fault

_OF_CONNECTIONS = frozenset({"every", "duty", "stagger"})
"""What an entry may say when it acts on connections: there is no request yet to select by."""
_EDGE: dict[measures.Anchor, Literal["start", "end"]] = {
    measures.Anchor.BEGIN: "start",
    measures.Anchor.END: "end",
}


@cache
def registry() -> Registry:
    """The names of this installation."""
    return Registry(
        faults={name: _fault_rule(name) for name in faults.names()},
        dialects={name: dialects.find(name).failures for name in [*dialects.names(), dialects.GENERIC]},
        measures={name: _measure_rule(name) for name in measures.names()},
        standings={name: _standing_rule(name) for name in standings.names()},
        events={name: _event_rule(name) for name in happenings.names()},
        service=_service,
        service_dialect=dialects.GENERIC,
        logins=frozenset(token_endpoint.PATHS),
    )


def _service(
    given: str | Mapping[str, Any], folder: Path, where: Callable[[tuple[str | int, ...]], str]
) -> ServiceRule:
    try:
        service = HttpService.load(given, folder) if isinstance(given, str) else HttpService.of(given, where)
    except ServiceError as error:
        raise ScenarioError(Problem(each.what, each.where, each.advice) for each in error.problems) from error
    return ServiceRule(service.definition, service.failures)


def _fault_rule(name: str) -> FaultRule:
    fault = faults.find(name)
    summary = (fault.__doc__ or "").strip().partition("\n")[0]
    early = fault.door is not None or fault.needs_tls
    return FaultRule(
        fault,
        fault.failure_kind,
        fault.phase,
        summary,
        _fault_complaints,
        selectors=_OF_CONNECTIONS if early else None,
        unselected="it acts on connections, before there is a request" if early else "",
    )


def _fault_complaints(parameters: Fault, provider: Provider) -> Iterable[Complaint]:
    return parameters.complaints(dialects.find(provider.dialect, provider.service))


def _standing_rule(name: str) -> StandingRule:
    standing = standings.find(name)
    return StandingRule(
        parameters=standing,
        failure_kinds=standing.failure_kinds,
        phase=standing.phase,
        selectors=standing.selectors,
        summary=standings.describe(name).summary,
        complaints=standing.complaints,
    )


def _event_rule(name: str) -> EventRule:
    happening = happenings.find(name)
    summary = " ".join((happening.__doc__ or "").strip().partition("\n\n")[0].split())
    return EventRule(to=happening.to, lasts=happening.lasts, shares=happening.shares, summary=summary)


def _measure_rule(name: str) -> MeasureRule:
    measure = measures.find(name)
    return MeasureRule(
        units=frozenset(measure.units),
        statistics=measure.statistics,
        summary=measure.definition,
        counted_from=_EDGE[measure.anchor] if measure.anchor else None,
        hold_s=measure.hold_s,
    )
