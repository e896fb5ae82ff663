"""What a scenario expects of a run: a measure, a comparison, a limit with its unit."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from .units import DIGITS, exact_percent, exact_text, format_duration, parse_duration, rounded_text, share_of

# Three digits of an exponent are more than any float has, and few enough to be written out.
_TEXT: Final = re.compile(r"(<=|>=|==|<|>)?\s*(\$)?\s*(\d+(?:\.\d+)?(?:e[+-]?\d{1,3})?)\s*([a-z%]*|/s)")
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


_NUMBER_DIGITS: Final = 10
"""Significant digits shown of a plain number: counts are long."""
_DIGITS_MAX: Final = 17
"""Significant digits that tell any two floats apart."""
_NOISE: Final = 1e-14
"""Part of a limit that a sum of floats may be off by: 0.1 and 0.05 make no 150.00000000000002ms."""
_AROUND: Final = {
    Unit.NUMBER: ("", ""),
    Unit.SECONDS: ("", "s"),
    Unit.SHARE: ("", "%"),
    Unit.FACTOR: ("", "x"),
    Unit.USD: ("$", ""),
    Unit.PER_SECOND: ("", "/s"),
}
"""What stands before and after the digits of a limit in its base unit."""


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
        """The limit as a person writes it, e.g. ``<= 250ms``: as few digits as tell it from any other."""
        rounded = {digits: float(f"{self.limit:.{digits}g}") for digits in range(DIGITS, _DIGITS_MAX + 1)}
        digits = next(each for each in rounded if math.isclose(rounded[each], self.limit, rel_tol=_NOISE))
        return f"{self.op} {format_value(self.limit, self.unit, digits)}"


def format_value(value: float, unit: Unit, digits: int = DIGITS) -> str:
    """A measured value as a person writes it: ``250ms``, ``99.5%``, ``3x``, ``$0.0042``, ``12``.

    Args:
        value: In the unit's base.
        unit: What it counts in.
        digits: Significant digits, at most; of a plain number at least ten.
    """
    match unit:
        case Unit.SECONDS:
            return format_duration(value, digits)
        case Unit.SHARE:
            return f"{rounded_text(value * 100, digits)}%"
        case Unit.NUMBER:
            return rounded_text(value, max(digits, _NUMBER_DIGITS))
        case _:
            return _with_unit(rounded_text(value, digits), unit)


def _exact(value: float, unit: Unit) -> str:
    """A limit of whose digits `_limit` reads the same number."""
    if unit is Unit.SHARE:
        return f"{exact_percent(value)}%"
    return _with_unit(exact_text(value), unit)


def _with_unit(number: str, unit: Unit) -> str:
    before, after = _AROUND[unit]
    return f"{before}{number}{after}"


def parse_expectation(measure: str, value: Any) -> Expectation:
    """An expectation such as ``0``, ``<= 250ms``, ``<= 3x``, ``>= 99.9%``; a bare number means equality.

    Raises:
        ValueError: when the text is no comparison.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(_WANTED.format(value))  # noqa: TRY004 - pydantic turns only ValueError into a located message
    match = _TEXT.fullmatch(str(value).strip())
    if match is None or (match[2] and match[4]):
        raise ValueError(_WANTED.format(value))
    limit, unit = _limit(match)
    if not math.isfinite(limit):
        raise ValueError(_WANTED.format(value))
    return Expectation(measure=measure, op=match[1] or "==", limit=limit, unit=unit)


def _limit(match: re.Match[str]) -> tuple[float, Unit]:
    _, dollar, number, suffix = match.groups()
    if dollar:
        return float(number), Unit.USD
    match suffix:
        case "%":
            return share_of(number), Unit.SHARE
        case "/s":
            return float(number), Unit.PER_SECOND
        case "x":
            return float(number), Unit.FACTOR
        case "":
            return float(number), Unit.NUMBER
    return parse_duration(f"{Decimal(number):f}{suffix}"), Unit.SECONDS


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
    return {each.measure: f"{each.op} {_exact(each.limit, each.unit)}" for each in expectations}
