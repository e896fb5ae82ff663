"""How fast a fake answers: time to first token and tokens per second, drawn for each request by the seed."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import overload

from .quantiles import Quantiles


@dataclass(frozen=True, slots=True)
class TokenTimes:
    """When each token of one answer is produced, in seconds after the request arrived."""

    first_s: float
    gap_s: float

    def due(self, token: int) -> float:
        """When token number `token` (from 1) is produced; an answer without tokens is ready with its first."""
        return self.first_s + self.gap_s * max(0, token - 1)

    def produced(self, elapsed_s: float, total: int) -> int:
        """How many of `total` tokens are produced `elapsed_s` seconds after the request arrived."""
        if elapsed_s < self.first_s:
            return 0
        if self.gap_s <= 0:
            return total
        return min(total, 1 + int((elapsed_s - self.first_s) / self.gap_s))


@dataclass(frozen=True, slots=True)
class Slowdown:
    """How a provider slows down under load: from `at` requests in flight on, `to` times slower at most.

    Up to `at` requests it gives each its full speed. Beyond, what it can do in all is shared evenly between those in
    flight, so that everything takes in_flight / at times as long (processor sharing: Kleinrock, "Time-shared systems: a
    theoretical treatment", Journal of the ACM 14, 1967), until that reaches `to`. It is settled for an answer when its
    request arrives.
    """

    at: int
    to: float

    def __post_init__(self) -> None:
        if self.at < 1 or not 1 <= self.to < math.inf:
            raise ValueError(f"a slowdown needs at >= 1 and to >= 1, got {self!r}")

    def factor(self, in_flight: int) -> float:
        """How many times slower an answer is while `in_flight` requests are under way, itself included."""
        return min(self.to, max(1.0, in_flight / self.at))


@dataclass(frozen=True, slots=True)
class Pace:
    """A provider's speed.

    Time to first token and tokens per second are drawn for each request, independently: a hash of seed and request
    gives the level, and the distribution has the value there (inversion). The same request has the same speed again.

    Attributes:
        ttft_s: Time to first token, in seconds: a figure, or quantiles.
        tokens_per_second: Tokens per second after the first: a figure, or quantiles.
        jitter: Share (0 to 1) by which a request may differ from a plain figure, up or down, evenly; quantiles have
            their own deviation.
        distance_s: The network's round trip to the provider, in seconds, before the first token; load doesn't
            lengthen it.
        slowdown: How load slows it down.
        models: The paces of models that differ, by the name that requests have; they are whole, and have no models.
    """

    ttft_s: float | Quantiles = 0.0
    tokens_per_second: float | Quantiles = 1e9
    jitter: float = 0.0
    distance_s: float = 0.0
    slowdown: Slowdown | None = None
    models: Mapping[str, Pace] = field(default_factory=dict)
    _figures: tuple[float, float] | None = field(init=False, repr=False, compare=False)
    _steady: TokenTimes | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        first, rate = self.ttft_s, self.tokens_per_second
        right = (isinstance(first, Quantiles) or first >= 0) and (isinstance(rate, Quantiles) or rate > 0)
        if not right or not 0 <= self.jitter <= 1 or self.distance_s < 0:
            raise ValueError(
                f"a pace needs ttft_s >= 0, tokens_per_second > 0, 0 <= jitter <= 1 and distance_s >= 0, got {self!r}"
            )
        # Most paces are two figures: those are worked out once, and drawn without a look at what they lack.
        figures = None
        if not (isinstance(first, Quantiles) or isinstance(rate, Quantiles) or self.slowdown or self.models):
            figures = None if self.distance_s else (first, rate)
        object.__setattr__(self, "_figures", figures)
        steady = None if figures is None or self.jitter else TokenTimes(figures[0], 1 / figures[1])
        object.__setattr__(self, "_steady", steady)

    def plan(self, seed: int, entity: str, *, model: str = "", in_flight: int = 1) -> TokenTimes:
        """The times of one answer; chance in them depends on `seed` and `entity` (the call, say) alone."""
        if self._steady is not None:
            return self._steady
        if self._figures is None:
            return self._plan(seed, entity, model, in_flight)
        first, rate = _hash(seed, entity)
        ttft_s, tokens_per_second = self._figures
        return TokenTimes(ttft_s * _deviation(first, self.jitter), _deviation(rate, self.jitter) / tokens_per_second)

    def varied(
        self, ttft_s: float | Quantiles | None, tokens_per_second: float | Quantiles | None, jitter: float | None
    ) -> Pace:
        """This pace with other figures, where they are not None."""
        return replace(
            self,
            ttft_s=self.ttft_s if ttft_s is None else ttft_s,
            tokens_per_second=self.tokens_per_second if tokens_per_second is None else tokens_per_second,
            jitter=self.jitter if jitter is None else jitter,
        )

    def _plan(self, seed: int, entity: str, model: str, in_flight: int) -> TokenTimes:
        own = self.models.get(model)
        if own is not None:
            return own.plan(seed, entity, in_flight=in_flight)
        first, rest = _hash(seed, entity)
        ttft_s, rate = self.ttft_s, self.tokens_per_second
        first_s = ttft_s.at(first) if isinstance(ttft_s, Quantiles) else ttft_s * _deviation(first, self.jitter)
        gap_s = 1 / rate.at(rest) if isinstance(rate, Quantiles) else _deviation(rest, self.jitter) / rate
        slower = 1.0 if self.slowdown is None else self.slowdown.factor(in_flight)
        return TokenTimes(self.distance_s + first_s * slower, gap_s * slower)


@overload
def speed_of(said: None) -> None: ...
@overload
def speed_of(said: float | Mapping[str, float]) -> float | Quantiles: ...
def speed_of(said: float | Mapping[str, float] | None) -> float | Quantiles | None:
    """What was said of a speed, as a pace has it: a figure, a mapping of quantiles, or nothing."""
    return Quantiles.of(said) if isinstance(said, Mapping) else said


def _hash(seed: int, entity: str) -> tuple[float, float]:
    """Two levels from 0 to 1, drawn evenly and independently."""
    digest = hashlib.blake2b(f"{seed}\x1fpace\x1f{entity}".encode(), digest_size=16).digest()
    return int.from_bytes(digest[:8], "big") / 2**64, int.from_bytes(digest[8:], "big") / 2**64


def _deviation(level: float, jitter: float) -> float:
    return 1 + jitter * (2 * level - 1)
