"""A tolerance: how far beyond a limit, or beyond an earlier run, is still accepted, as `--tolerance` writes it.

``10%`` is a tenth of the limit, ``50ms`` holds for every measure in seconds, and ``lost_calls=2`` for one measure, for
which it replaces the others. Several are separated by commas; of several for one measure the most generous counts.
What is accepted only because of it is said everywhere: see `verdict` and `gate`.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from ..scenarios.expectation import Expectation, Unit, format_value, parse_expectation
from .measures import find, names

TEXT_CHARS_MAX: Final = 1000
"""Longest tolerance, in characters."""
_EXAMPLE: Final = "write it like 10%, 50ms or lost_calls=2"


@dataclass(frozen=True, slots=True)
class Amount:
    """How much. `unit` None: a share (0 to 1) of what it is added to."""

    value: float
    unit: Unit | None

    @property
    def text(self) -> str:
        """As a person writes it."""
        return format_value(self.value, self.unit or Unit.SHARE)


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What is tolerated, for any measure and for the named ones."""

    text: str = ""
    general: tuple[Amount, ...] = ()
    named: Mapping[str, tuple[Amount, ...]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.general or self.named)

    def amounts(self, key: str) -> tuple[Amount, ...]:
        """What holds for an expectation's key: its own, else its measure's, else what holds for all in its units."""
        own = self.named.get(key) or self.named.get(key.partition(".")[0])
        if own is not None:
            return own
        try:
            units = find(key).units
        except KeyError:  # a later version's: a share of it is one all the same
            units = ()
        return tuple(each for each in self.general if each.unit is None or each.unit in units)

    def loosened(self, wanted: Expectation, found: Mapping[Unit, float]) -> Iterator[Expectation]:
        """The limit with each amount that holds for it, for a value `found` (by unit) that does not meet it as it is.

        Where the limit is 0, an amount may be in another unit than the limit: no call and 0 % of the calls are one.
        """
        for each in self.amounts(wanted.measure):
            unit = each.unit or wanted.unit
            if unit is not wanted.unit and wanted.limit != 0:
                continue
            room = abs(wanted.limit) * each.value if each.unit is None else each.value
            over = wanted.op in {"<=", "<"} or (wanted.op == "==" and found.get(unit, 0.0) > wanted.limit)
            op = wanted.op if wanted.op != "==" else "<=" if over else ">="
            yield Expectation(
                measure=wanted.measure, op=op, limit=wanted.limit + room if over else wanted.limit - room, unit=unit
            )

    def idle(self, expected: Collection[str]) -> list[str]:
        """The names it has amounts for that are no measure with a limit: there it loosens nothing."""
        limits = set(expected) | {key.partition(".")[0] for key in expected}
        return [name for name in self.named if name not in limits]

    def misfit(self, wanted: Expectation) -> str | None:
        """Why a tolerance named for this expectation can't be added to it; None if it can, or none is named."""
        own = self.named.get(wanted.measure) or self.named.get(wanted.measure.partition(".")[0]) or ()
        if not own or wanted.limit == 0 or any(each.unit in {None, wanted.unit} for each in own):
            return None
        told = " and ".join(each.text for each in own)
        return f"{told} can't be added to {wanted.measure} {wanted.wanted}: write it in the limit's own unit"


def parse_tolerance(text: str) -> Tolerance:
    """The tolerance of a text such as ``10%,50ms,lost_calls=2``; of an empty one, none.

    Raises:
        ValueError: when a part of it is no amount, or names no measure, or has another unit than its measure.
    """
    if len(text) > TEXT_CHARS_MAX:
        raise ValueError(f"a tolerance of {len(text)} characters; at most {TEXT_CHARS_MAX} are read")
    general: list[Amount] = []
    named: dict[str, tuple[Amount, ...]] = {}
    parts = [part.strip() for part in text.split(",") if part.strip()]
    for part in parts:
        name, equals, amount = (each.strip() for each in part.rpartition("="))
        if not equals:
            general.append(_general(part))
        else:
            named[name] = (*named.get(name, ()), _named(name, amount))
    return Tolerance(",".join(parts), tuple(general), named)


def _general(text: str) -> Amount:
    amount = _amount("all", text)
    if amount.unit is Unit.SHARE:
        return Amount(amount.value, None)
    if amount.unit is not Unit.SECONDS:
        raise ValueError(f"{text!r} fits no measure by itself: name one, such as lost_calls={text}")
    return amount


def _named(name: str, text: str) -> Amount:
    try:
        measure = find(name)
    except KeyError:
        near = difflib.get_close_matches(name.partition(".")[0], names(), n=1)
        hint = f"did you mean {near[0]!r}?" if near else "`banstorm list measures` names them"
        raise ValueError(f"there is no measure {name!r}: {hint}") from None
    amount = _amount(name, text)
    if amount.unit in measure.units:
        return amount
    if amount.unit is Unit.SHARE:
        return Amount(amount.value, None)
    raise ValueError(f"{text!r} is no amount of {name}, which is in {' or '.join(measure.units)}")


def _amount(name: str, text: str) -> Amount:
    if text[:1] in {"<", ">", "="}:
        raise ValueError(f"{text!r} is a limit, no tolerance: {_EXAMPLE}")
    try:
        read = parse_expectation(name, text)
    except ValueError as error:
        raise ValueError(f"{text!r} is no tolerance: {_EXAMPLE}") from error
    return Amount(read.limit, read.unit)
