"""Marks the values that were measured where a check of our own fell short."""

from __future__ import annotations

from collections.abc import Sequence

from .finding import RUN_SCOPE
from .result import CheckOut, FindingOut
from .result_value import ValueOut


def doubted(findings: Sequence[FindingOut], checks: Sequence[CheckOut]) -> list[FindingOut]:
    """The findings; each value names the first check of the evidence that fell short in its scope.

    A check without a scope speaks of the whole run. A time of an episode counts from its begin or its end, and a ratio
    is against the baseline: so a late generator in the baseline, in the episode or after it is a doubt of the episode's
    values, and any is one of the run's.
    """
    short = [each for each in checks if each.kind == "evidence" and not each.ok]
    if not short:
        return list(findings)
    return [each.model_copy(update={"values": [_marked(value, short) for value in each.values]}) for each in findings]


def _marked(value: ValueOut, short: Sequence[CheckOut]) -> ValueOut:
    if value.value is None:
        return value
    shared = {None, value.scope, "baseline", "after"}
    theirs = [each for each in short if value.scope == RUN_SCOPE or each.scope in shared]
    if not theirs:
        return value
    return value.model_copy(update={"doubt": f"{theirs[0].name}: {theirs[0].found}"})
