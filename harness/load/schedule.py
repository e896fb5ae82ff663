"""The schedule: which calls are due when, by whom and for what. Pure; the same scenario gives the same list.

Every choice is a hash of the seed, the phase and the call's place in its phase, so a longer warm-up moves no choice of
the measured calls. Calls are numbered from 1 in the order in which they are due, warm-up first.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate, chain
from typing import Final, TypeVar

from ...fakes.answer import Shape
from ...fakes.quantiles import Quantiles
from ...scenarios.load import CALLS_MAX, Load
from ...scenarios.model import Scenario
from ...scenarios.sizes import Size
from ..chance import chance

T = TypeVar("T")
NS: Final = 1_000_000_000
"""Nanoseconds in a second."""


@dataclass(frozen=True, slots=True)
class Due:
    """A call that is due at `offset_ns` after time 0 (before it, in the warm-up). `tokens` is the answer's length."""

    call: int
    caller: int
    shape: Shape
    stream: bool
    client: str  # http, openai_sdk
    tokens: int
    phase: str  # warmup, load
    offset_ns: int
    prompt: int | None = None  # words of filler; None: the usual two sentences


def schedule(scenario: Scenario) -> list[Due]:
    """Every call that `scenario` makes due, in order, at most `CALLS_MAX`.

    The first measured call is due at exactly time 0, all measured ones in [0, duration), the warm-up's in [-warmup, 0).
    """
    load, seed = scenario.load, scenario.seed
    warmup_ns, duration_ns = round(load.warmup * NS), round(load.duration * NS)
    # The warm-up's first call does not leave at once: only the measured load has a call at its very beginning.
    before = ((index, at - warmup_ns) for index, at in _arrivals(load, seed, "warmup", warmup_ns) if at > 0)
    measured = _arrivals(load, seed, "load", duration_ns)
    shapes = {Shape.TEXT: load.shapes.text, Shape.JSON: load.shapes.json_, Shape.TOOL: load.shapes.tools}
    clients = {"http": load.clients.http, "openai_sdk": load.clients.openai_sdk}
    caller, answer, prompt = _caller(load), _size(load.answer), _size(load.prompt)
    due: list[Due] = []
    for phase, (index, offset_ns) in chain((("warmup", at) for at in before), (("load", at) for at in measured)):
        if len(due) >= CALLS_MAX:
            break
        due.append(
            Due(
                call=len(due) + 1,
                caller=caller(chance(seed, "caller", phase, index)),
                shape=_choose(shapes, seed, "shape", phase, index),
                stream=_happens(load.stream, seed, "stream", phase, index),
                client=_choose(clients, seed, "client", phase, index),
                tokens=_drawn(answer, seed, "answer", phase, index),
                phase=phase,
                offset_ns=offset_ns,
                prompt=None if prompt is None else _drawn(prompt, seed, "prompt", phase, index),
            )
        )
    return due


def callers(scenario: Scenario) -> array[int]:
    """Who makes each call: the caller of call n stands at n - 1."""
    return array("l", (each.caller for each in schedule(scenario)))


def _arrivals(load: Load, seed: int, phase: str, length_ns: int) -> Iterator[tuple[int, int]]:
    """Index and nanoseconds (from 0, below `length_ns`) of each arrival of a phase; the first is at 0.

    Points at an even rate of 1, or those of a Poisson process of that rate, on a clock that shows how many calls are
    due (see `banstorm.scenarios.arrivals`). The warm-up has the rate of the load's beginning.
    """
    profile = load.profile
    when = profile.when if phase == "load" else lambda calls: calls / profile.first
    calls, index = 0.0, 0
    while (at_ns := round(when(calls) * NS)) < length_ns:
        yield index, at_ns
        index += 1
        if load.arrivals == "constant":
            calls = float(index)
        else:
            calls -= math.log(1.0 - chance(seed, "arrival", phase, index))


def _caller(load: Load) -> Callable[[float], int]:
    """Which caller a chance from 0 to 1 means; caller 0 calls most where they are uneven."""
    count, zipf = load.callers.count, load.callers.zipf
    if not zipf:
        return lambda point: int(point * count)
    sums = list(accumulate(rank**-zipf for rank in range(1, count + 1)))
    return lambda point: min(bisect_right(sums, point * sums[-1]), count - 1)


def _size(size: Size | None) -> int | Quantiles | None:
    return Quantiles.of(size) if isinstance(size, dict) else size


def _drawn(size: int | Quantiles | None, seed: int, *parts: str | int) -> int:
    """A number of tokens, at least 1. A hash is taken only where there is a choice."""
    if isinstance(size, Quantiles):
        # Beyond its highest quantile a distribution goes on; lengths don't, since a scenario's limits hold for each.
        return max(1, round(min(size.at(chance(seed, *parts)), size.points[-1][1])))
    return size or 1


def _choose(weights: Mapping[T, int], seed: int, *parts: str | int) -> T:
    """One of the keys, as often as its weight says. A hash is taken only where there is a choice."""
    possible = [(key, weight) for key, weight in weights.items() if weight]
    if len(possible) == 1:
        return possible[0][0]
    point = chance(seed, *parts) * sum(weight for _, weight in possible)
    for key, weight in possible:
        point -= weight
        if point < 0:
            return key
    return possible[-1][0]


def _happens(share: float, seed: int, *parts: str | int) -> bool:
    """Whether something that happens with probability `share` does."""
    return share >= 1 or (share > 0 and chance(seed, *parts) < share)
