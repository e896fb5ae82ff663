"""What a scenario expects of a run: a measure, a comparison, a limit with its unit."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from .units import format_duration, parse_duration

_TEXT: Final = re.compile(r"(<=|>=|==|<|>)?\s*(\$)?\s*(\d+(?:\.\d+)?)\s*([a-z%]*|/s)")
_WANTED: Final = "expected a limit such as 0, <= 250ms, <= 3x or >= 99.9%; found {!r}"
_COMPARE: Final[dict[str, Callable[[float, float], bool]]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
}


class Unit(StrEnum):
    """What a limit counts in."""

    NUMBER = "number"  # counts and plain ratios
    SECONDS = "seconds"
    SHARE = "share"  # 0 to 1, written as a percentage
    FACTOR = "factor"  # written 3x
    USD = "usd"
    PER_SECOND = "per_second"


class Expectation(BaseModel):
    """One expectation. `measure` may name a statistic (``switch_gap.p95``); `limit` is in the unit's base."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    measure: str
    op: str
    limit: float
    unit: Unit

    def holds(self, found: float) -> bool:
        """Whether a found value, in the same base unit, meets the limit."""
        return _COMPARE[self.op](found, self.limit)

    @property
    def wanted(self) -> str:
        """The limit as a person writes it, e.g. ``<= 250ms``."""
        return f"{self.op} {format_value(self.limit, self.unit)}"


def format_value(value: float, unit: Unit) -> str:
    """A measured value as a person writes it: ``250ms``, ``99.5%``, ``3x``, ``$0.0042``, ``12``."""
    match unit:
        case Unit.SECONDS:
            return format_duration(value)
        case Unit.SHARE:
            return f"{value * 100:.6g}%"
        case Unit.FACTOR:
            return f"{value:.6g}x"
        case Unit.USD:
            return f"${value:.6g}"
        case Unit.PER_SECOND:
            return f"{value:.6g}/s"
        case Unit.NUMBER:
            return f"{value:.10g}"


def parse_expectation(measure: str, value: Any) -> Expectation:
    """An expectation such as ``0``, ``<= 250ms``, ``<= 3x``, ``>= 99.9%``; a bare number means equality.

    Raises:
        ValueError: when the text is no comparison.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(_WANTED.format(value))  # noqa: TRY004 - pydantic turns only ValueError into a located message
    match = _TEXT.fullmatch(str(value).strip())
    if match is None:
        raise ValueError(_WANTED.format(value))
    op, dollar, number, suffix = match.groups()
    limit, unit = float(number), Unit.NUMBER
    if dollar:
        unit = Unit.USD
    elif suffix == "%":
        limit, unit = limit / 100, Unit.SHARE
    elif suffix == "/s":
        unit = Unit.PER_SECOND
    elif suffix == "x":
        unit = Unit.FACTOR
    elif suffix:
        limit, unit = parse_duration(f"{number}{suffix}"), Unit.SECONDS
    return Expectation(measure=measure, op=op or "==", limit=limit, unit=unit)


def parse_expectations(value: Any) -> list[Expectation]:
    """The `expect` mapping, in order; a nested mapping names statistics: ``switch_gap: {p95: <= 100ms}``.

    Raises:
        ValueError: when it is no mapping or a limit in it is none.
    """
    if not isinstance(value, dict):
        raise ValueError(f"expected a mapping of measures to limits; found {type(value).__name__}")  # noqa: TRY004 - as above
    found: list[Expectation] = []
    for name, limit in value.items():
        if limit == {}:
            raise ValueError(f"expected a limit for {name}, or statistics such as {{p95: <= 1s}}; found {{}}")
        if isinstance(limit, dict):
            found += [parse_expectation(f"{name}.{part}", inner) for part, inner in limit.items()]
        else:
            found.append(parse_expectation(str(name), limit))
    return found


def render_expectations(expectations: list[Expectation]) -> dict[str, str]:
    """The mapping that `parse_expectations` reads back."""
    return {each.measure: each.wanted for each in expectations}
