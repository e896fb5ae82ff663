"""The names a scenario may use. The harness fills it, since it alone knows faults, dialects and measures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel

from .expectation import Unit


@dataclass(frozen=True, slots=True)
class FaultRule:
    """What the language needs to know of a fault.

    `phase` is what of an exchange it acts on (answer, latency, head, body): two of one phase can't act on the same one.
    """

    parameters: type[BaseModel]
    failure_kind: str | None
    phase: str
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
class Registry:
    """Every name a scenario may use."""

    faults: Mapping[str, FaultRule]
    dialects: Mapping[str, frozenset[str]]
    """Dialect name to the failure kinds its vendor has."""
    measures: Mapping[str, MeasureRule]
