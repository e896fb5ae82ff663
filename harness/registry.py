"""Gathers every name a scenario may use: faults, dialects, measures. The language itself knows none of them."""

from __future__ import annotations

from functools import cache
from typing import Literal

from ..fakes import dialects
from ..reports import measures
from ..scenarios.registry import FaultRule, MeasureRule, Registry
from . import faults

_EDGE: dict[measures.Anchor, Literal["start", "end"]] = {
    measures.Anchor.BEGIN: "start",
    measures.Anchor.END: "end",
}


@cache
def registry() -> Registry:
    """The names of this installation."""
    return Registry(
        faults={name: _fault_rule(name) for name in faults.names()},
        dialects={name: dialects.find(name).failures for name in dialects.names()},
        measures={name: _measure_rule(name) for name in measures.names()},
    )


def _fault_rule(name: str) -> FaultRule:
    fault = faults.find(name)
    summary = (fault.__doc__ or "").strip().partition("\n")[0]
    return FaultRule(fault, fault.failure_kind, fault.phase, summary)


def _measure_rule(name: str) -> MeasureRule:
    measure = measures.find(name)
    return MeasureRule(
        units=frozenset(measure.units),
        statistics=measure.statistics,
        summary=measure.definition,
        counted_from=_EDGE[measure.anchor] if measure.anchor else None,
        hold_s=measure.hold_s,
    )
