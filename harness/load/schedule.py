"""The schedule: which calls are due when, by whom and for what. Pure; the same scenario gives the same list.

Every choice is a hash of the seed, the phase and the call's place in its phase, so a longer warm-up moves no choice of
the measured calls. Calls are numbered from 1 in the order in which they are due, warm-up first.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Final, TypeVar

from ...fakes.answer import Shape
from ...scenarios.model import CALLS_MAX, Load, Scenario
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
    due: list[Due] = []
    for phase, (index, offset_ns) in chain((("warmup", at) for at in before), (("load", at) for at in measured)):
        if len(due) >= CALLS_MAX:
            break
        due.append(
            Due(
                call=len(due) + 1,
                caller=int(chance(seed, "caller", phase, index) * load.callers),
                shape=_choose(shapes, seed, "shape", phase, index),
                stream=_happens(load.stream, seed, "stream", phase, index),
                client=_choose(clients, seed, "client", phase, index),
                tokens=load.answer,
                phase=phase,
                offset_ns=offset_ns,
            )
        )
    return due


def _arrivals(load: Load, seed: int, phase: str, length_ns: int) -> Iterator[tuple[int, int]]:
    """Index and nanoseconds (from 0, below `length_ns`) of each arrival of a phase; the first is at 0."""
    at_s, index = 0.0, 0
    while (at_ns := round(at_s * NS)) < length_ns:
        yield index, at_ns
        index += 1
        if load.arrivals == "constant":
            at_s = index / load.rate
        else:
            at_s -= math.log(1.0 - chance(seed, "arrival", phase, index)) / load.rate


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
