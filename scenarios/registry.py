"""The names a scenario may use. The harness fills it, since it alone knows faults, dialects and measures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from .entry import Entry
from .expectation import Unit
from .model import Provider


@dataclass(frozen=True, slots=True)
class Complaint:
    """What is wrong with an entry as a whole: the place in it, such as ("with", "spread"), what, and what to do."""

    path: tuple[str, ...]
    what: str
    next: str


def _no_complaints(_: Any, __: Provider) -> Iterable[Complaint]:
    return ()


@dataclass(frozen=True, slots=True)
class FaultRule:
    """What the language needs to know of a fault.

    Attributes:
        parameters: What may stand under `with`.
        failure_kind: The failure that the vendor needs; None if it needs none.
        phase: What of an exchange it acts on (answer, latency, head, body): two of one phase can't act on the same one.
        summary: What it is, in a line.
        complaints: What of its valid parameters a provider can't play, whose vendor has the failure.
        selectors: The entry's selectors that mean something for it; None if all do.
        unselected: Why the others don't.
    """

    parameters: type[BaseModel]
    failure_kind: str | None
    phase: str
    summary: str
    complaints: Callable[[Any, Provider], Iterable[Complaint]] = _no_complaints
    selectors: frozenset[str] | None = None
    unselected: str = ""


@dataclass(frozen=True, slots=True)
class StandingRule:
    """What the language needs to know of a standing.

    Attributes:
        parameters: What may stand under `with`.
        failure_kinds: Failures of which the vendor needs one; empty if it needs none.
        phase: What of an account it changes: two of one phase on one provider can't hold at once.
        selectors: The entry's selectors that mean something for it, of share, model, stream, credential and path.
        summary: What it is, in a line.
        complaints: What is wrong with an entry and its valid parameters; its window lasts for the seconds given.
        unselected: Why other selectors mean nothing.
    """

    parameters: type[BaseModel]
    failure_kinds: tuple[str, ...]
    phase: str
    selectors: frozenset[str]
    summary: str
    complaints: Callable[[Any, Entry, float], Iterable[Complaint]]
    unselected: str = "it is a standing, not a fault of some requests"


@dataclass(frozen=True, slots=True)
class EventRule:
    """What the language needs to know of an event on the system.

    Attributes:
        to: Whom it happens to: the router, or its callers.
        lasts: Whether it needs `until`; one that doesn't is over when it was carried out.
        shares: Whether it takes a `share`.
        summary: What it is, in a line.
    """

    to: str
    lasts: bool
    shares: bool
    summary: str


@dataclass(frozen=True, slots=True)
class MeasureRule:
    """What the language needs to know of a measure.

    `counted_from` says for a time limit which edge of a fault's window it counts from, and `hold_s` how many seconds of
    load must follow the limit for the measure to be decided.
    """

    units: frozenset[Unit]
    statistics: tuple[str, ...]
    summary: str
    counted_from: Literal["start", "end"] | None = None
    hold_s: float = 0.0


@dataclass(frozen=True, slots=True)
class ServiceRule:
    """A service beyond LLMs: its definition, whole, and the failure kinds that it has."""

    definition: Mapping[str, Any]
    failures: frozenset[str]


FindService = Callable[[str | Mapping[str, Any], Path, Callable[[tuple[str | int, ...]], str]], ServiceRule]
"""Finds the service of a name, of a path from the folder given, or of a definition whose places are told by the last.

It raises ScenarioError when there is none or it can't be used.
"""


@dataclass(frozen=True, slots=True)
class Registry:
    """Every name a scenario may use."""

    faults: Mapping[str, FaultRule]
    dialects: Mapping[str, frozenset[str]]
    """Dialect name to the failure kinds its vendor has."""
    measures: Mapping[str, MeasureRule]
    standings: Mapping[str, StandingRule] = field(default_factory=dict)
    events: Mapping[str, EventRule] = field(default_factory=dict)
    service: FindService | None = None
    service_dialect: str = ""
    """The dialect whose providers may name a `service`."""
    logins: frozenset[str] = frozenset()
    """The dialects whose providers may have a `login`."""

    def failures_of(self, provider: Provider) -> frozenset[str] | None:
        """The failure kinds that a provider has, None if its dialect is unknown."""
        if provider.service is not None and self.service is not None:
            return self.service(provider.service, Path(), str).failures
        return self.dialects.get(provider.dialect)
