"""How many calls are due when: a rate that may step, ramp and burst, and the time change that arrivals follow.

A rate λ(t) is made of straight pieces. The calls due until t are on average Λ(t) = ∫λ, which is piecewise quadratic and
has an inverse in closed form. Points 1, 2, 3, … on a clock that shows Λ are calls at an even rate; the points of a
Poisson process of rate 1 on that clock are those of a Poisson process of rate λ(t) on ours (E. Çinlar, Introduction to
Stochastic Processes, 1975, chapter 4.7; "time-scale transformation" in P. A. W. Lewis and G. S. Shedler, Simulation of
nonhomogeneous Poisson processes by thinning, Naval Research Logistics 26, 1979). So no point is drawn and thrown away,
and a constant rate gives the same points as ever.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

from .units import RATE_MAX, Duration, Factor, format_duration, parse_duration, parse_rate, render_duration, render_rate

STEPS_MAX: Final = 1000
"""Most steps of a rate."""
BURSTS_MAX: Final = 1000
"""Most bursts in a load, each repetition counted."""
_KEYS: Final = {"at", "rate", "over"}
_EXAMPLE: Final = "[{at: 0s, rate: 20/s}, {at: 5s, rate: 100/s, over: 2s}]"


@dataclass(frozen=True, slots=True)
class Step:
    """From `at_s` on the rate is `rate`; it gets there in a straight line within `over_s` seconds."""

    at_s: float
    rate: float
    over_s: float = 0.0


Rates = float | tuple[Step, ...]
"""Calls per second: one figure, or steps."""


def parse_rates(value: Any) -> Rates:
    """A rate such as ``60/s``, or a list of steps.

    Raises:
        ValueError: when it is neither, or the steps don't follow each other from 0s on.
    """
    if isinstance(value, str):
        return parse_rate(value)
    if not isinstance(value, list) or not value:
        raise ValueError(f"expected a rate with its unit, such as 60/s, or steps such as {_EXAMPLE}; found {value!r}")
    if len(value) > STEPS_MAX:
        raise ValueError(f"expected at most {STEPS_MAX} steps; found {len(value)}")
    steps = tuple(_step(each, number) for number, each in enumerate(value, 1))
    if steps[0].at_s != 0 or steps[0].over_s != 0:
        raise ValueError("the first step must say the rate at 0s: write {at: 0s, rate: …}")
    for number, (before, after) in enumerate(pairwise(steps), 1):
        if after.at_s < before.at_s + before.over_s or after.at_s == before.at_s:
            raise ValueError(f"step {number + 1} begins before step {number} is over")
    return steps


def _step(value: Any, number: int) -> Step:
    if not isinstance(value, dict) or not {"at", "rate"} <= set(value) <= _KEYS:
        raise ValueError(f"expected step {number} to have at, rate and perhaps over; found {value!r}")
    try:
        return Step(parse_duration(value["at"]), parse_rate(value["rate"]), parse_duration(value.get("over", "0s")))
    except ValueError as error:
        raise ValueError(f"step {number}: {error}") from None


def _render(value: Rates) -> Any:
    if not isinstance(value, tuple):
        return render_rate(value)
    return [
        {"at": render_duration(each.at_s), "rate": render_rate(each.rate), "over": render_duration(each.over_s)}
        for each in value
    ]


_TIME: Final = {"type": "string", "pattern": r"^\s*\d+(\.\d+)?\s*(us|ms|s|m|h)\s*$", "examples": ["5s"]}
_RATE: Final = {"type": "string", "pattern": r"^\s*\d+(\.\d+)?\s*/\s*(s|m|h)\s*$", "examples": ["60/s"]}
RateOrSteps = Annotated[
    float | tuple[Step, ...],
    BeforeValidator(parse_rates),
    PlainSerializer(_render),
    WithJsonSchema(
        {
            "anyOf": [
                _RATE,
                {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": STEPS_MAX,
                    "items": {
                        "type": "object",
                        "properties": {"at": _TIME, "rate": _RATE, "over": _TIME},
                        "required": ["at", "rate"],
                        "additionalProperties": False,
                    },
                },
            ]
        }
    ),
]
"""Calls per second, or steps of them; written with units."""


class Burst(BaseModel):
    """For a while the rate is many times what it is."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True)

    at: Duration = Field(description="start, after the first measured call")
    for_: Duration = Field(alias="for", description="how long it lasts")
    by: Factor = Field(description="how many times the rate it is meanwhile, such as 5x")
    every: Duration | None = Field(default=None, description="it comes again this much later, until the load ends")

    def windows(self, until_s: float) -> Iterable[tuple[float, float]]:
        """Begin and end of each, in seconds, as far as they lie before `until_s`."""
        count = math.ceil((until_s - self.at) / self.every) if self.every and until_s > self.at else 1
        for turn in range(min(count, BURSTS_MAX + 1)):
            from_s = self.at + turn * (self.every or 0.0)
            if from_s < until_s:
                yield from_s, min(until_s, from_s + self.for_)


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch in which the rate goes in a straight line from `rate` to `last`; `before` calls are due until then."""

    from_s: float
    until_s: float
    rate: float
    last: float
    before: float = 0.0

    @property
    def calls(self) -> float:
        """Calls due in it, on average."""
        return (self.until_s - self.from_s) * (self.rate + self.last) / 2

    def rate_at(self, at_s: float) -> float:
        """The rate at a moment of it."""
        if self.rate == self.last:
            return self.rate
        return self.rate + (self.last - self.rate) * (at_s - self.from_s) / (self.until_s - self.from_s)

    def when(self, calls: float) -> float:
        """The moment until which so many calls are due."""
        left = calls - self.before
        if self.rate == self.last:
            return self.from_s + left / self.rate
        # rate·d + slope/2·d² = left, solved without the difference of two nearly equal numbers
        slope = (self.last - self.rate) / (self.until_s - self.from_s)
        root = math.sqrt(max(0.0, self.rate * self.rate + 2 * slope * left))
        return self.from_s + 2 * left / (self.rate + root)


@dataclass(frozen=True, slots=True)
class Profile:
    """The rate over the whole of a load."""

    pieces: tuple[Piece, ...]
    _befores: tuple[float, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_befores", tuple(each.before for each in self.pieces))

    @property
    def calls(self) -> float:
        """Calls due in the load, on average."""
        return self.pieces[-1].before + self.pieces[-1].calls

    @property
    def peak(self) -> float:
        """The highest rate, in calls per second."""
        return max(max(each.rate, each.last) for each in self.pieces)

    @property
    def mean(self) -> float:
        """The mean rate, in calls per second."""
        return self.calls / self.pieces[-1].until_s

    @property
    def first(self) -> float:
        """The rate at time 0, in calls per second."""
        return self.pieces[0].rate

    def when(self, calls: float) -> float:
        """Seconds until which so many calls are due: the inverse of Λ. Beyond the load the last rate goes on."""
        return self.pieces[bisect_right(self._befores, calls) - 1].when(calls)

    @property
    def told(self) -> str:
        """The rate for people."""
        if len(self.pieces) == 1 and self.pieces[0].rate == self.pieces[0].last:
            return f"{self.first:g} calls/s"
        return f"{self.mean:.4g} calls/s on average, at most {self.peak:g}"


def profile_of(rates: Rates, bursts: Sequence[Burst], length_s: float) -> Profile:
    """The rate of a load that lasts `length_s` seconds.

    Raises:
        ValueError: with too many bursts, one that lies outside the load, or a rate past `RATE_MAX`.
    """
    pieces = list(_stretches(rates, length_s))
    count = 0
    for burst in bursts:
        if not burst.for_ > 0:
            raise ValueError("a burst must last: write for: 500ms")
        if burst.every is not None and burst.every <= burst.for_:
            raise ValueError("a burst must be over before it comes again: let every be longer than for")
        if burst.at >= length_s:
            raise ValueError(f"a burst begins at {format_duration(burst.at)}, when the load is over")
        windows = list(burst.windows(length_s))
        count += len(windows)
        if count > BURSTS_MAX:
            raise ValueError(f"expected at most {BURSTS_MAX} bursts, each repetition counted")
        pieces = list(_raised(pieces, windows, burst.by))
    before = 0.0
    summed = []
    for each in pieces:
        summed.append(Piece(each.from_s, each.until_s, each.rate, each.last, before))
        before += each.calls
    profile = Profile(tuple(summed))
    if profile.peak > RATE_MAX:
        raise ValueError(f"the rate reaches {profile.peak:,.0f}/s; the most is {RATE_MAX:,.0f}/s")
    return profile


def _stretches(rates: Rates, length_s: float) -> Iterable[Piece]:
    if not isinstance(rates, tuple):
        yield Piece(0.0, length_s, rates, rates)
        return
    for number, step in enumerate(rates):
        end_s = min(length_s, rates[number + 1].at_s if number + 1 < len(rates) else length_s)
        before = rates[number - 1].rate if number else step.rate
        there_s = step.at_s + step.over_s
        if step.at_s < min(there_s, end_s):
            whole = Piece(step.at_s, there_s, before, step.rate)
            until_s = min(there_s, end_s)
            yield Piece(step.at_s, until_s, before, whole.rate_at(until_s))
        if there_s < end_s:
            yield Piece(there_s, end_s, step.rate, step.rate)


def _raised(pieces: Iterable[Piece], windows: Sequence[tuple[float, float]], by: float) -> Iterable[Piece]:
    """The pieces, cut at the windows' edges and raised within them."""
    edges = sorted({edge for window in windows for edge in window})
    begins = [from_s for from_s, _ in windows]
    for piece in pieces:
        cuts = [piece.from_s, *(each for each in edges if piece.from_s < each < piece.until_s), piece.until_s]
        for from_s, until_s in pairwise(cuts):
            place = bisect_right(begins, from_s) - 1
            factor = by if place >= 0 and from_s < windows[place][1] else 1.0
            yield Piece(from_s, until_s, piece.rate_at(from_s) * factor, piece.rate_at(until_s) * factor)


def scaled(rates: Rates, by: float) -> Rates:
    """The same shape, `by` times as high."""
    if not isinstance(rates, tuple):
        return rates * by
    return tuple(Step(each.at_s, each.rate * by, each.over_s) for each in rates)
