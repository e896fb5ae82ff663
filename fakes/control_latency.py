"""What the control API takes and tells of speed: figures or quantiles, load, distance, and models that differ."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Annotated, Any, Final

from pydantic import Field, PlainValidator, WithJsonSchema

from .control_bodies import Body
from .pace import Pace, Slowdown, speed_of
from .quantiles import Quantiles

TTFT_S_MAX: Final = 3600.0
"""Longest time to first token, in seconds."""
TOKEN_RATE_MAX: Final = 1e9
"""Most tokens per second."""


def _seconds(value: Any) -> Speed:
    return _speed(value, 0.0, TTFT_S_MAX, "seconds from 0 to 3600")


def _token_rate(value: Any) -> Speed:
    return _speed(value, 1e-9, TOKEN_RATE_MAX, "tokens per second above 0, at most 1e9")


def _speed(value: Any, least: float, most: float, wanted: str) -> Speed:
    """A figure, or quantiles by name in rising order."""
    figures = list(value.values()) if isinstance(value, dict) else [value]
    if not all(type(each) in (int, float) and least <= each <= most for each in figures):
        raise ValueError(f"expected {wanted}, or quantiles such as {{'p50': …, 'p95': …}}, got {value!r}")
    return Quantiles.of(value).named() if isinstance(value, dict) else float(value)


def _either(figure: dict[str, Any], example: dict[str, float]) -> WithJsonSchema:
    quantiles = {
        "type": "object",
        "description": "quantiles: lognormal between two of them, the outermost pieces go on into the tails",
        "patternProperties": {r"^p\d{1,2}(\.\d+)?$": figure},
        "additionalProperties": False,
        "minProperties": 2,
        "examples": [example],
    }
    return WithJsonSchema({"anyOf": [figure, quantiles]})


Speed = float | dict[str, float]
Ttft = Annotated[
    Speed,
    PlainValidator(_seconds),
    _either({"type": "number", "minimum": 0, "maximum": TTFT_S_MAX}, {"p50": 0.3, "p95": 1.2}),
]
TokenRate = Annotated[
    Speed,
    PlainValidator(_token_rate),
    _either({"type": "number", "exclusiveMinimum": 0, "maximum": TOKEN_RATE_MAX}, {"p5": 30, "p50": 80}),
]


class Slower(Body):
    """How load slows answers down: beyond `at` requests in flight everything takes in_flight / `at` times as long."""

    at: int = Field(ge=1, description="requests in flight up to which each has the full speed")
    to: float = Field(ge=1, le=1000, description="how many times slower it gets at most")


class ModelLatency(Body):
    """What is different about one model; what is left out is as for the others."""

    ttft_s: Ttft | None = None
    tokens_per_second: TokenRate | None = None
    jitter: float | None = Field(None, ge=0, le=1)


class Latency(Body):
    """How fast answers come from now on; a request's own figures are drawn by the seed."""

    ttft_s: Ttft = Field(0.0, description="seconds to the first token, or quantiles of them")
    tokens_per_second: TokenRate = Field(1e9, description="tokens per second after the first, or quantiles of them")
    jitter: float = Field(0.0, ge=0, le=1, description="largest deviation of plain figures, as a share")
    distance_s: float = Field(0.0, ge=0, le=60, description="seconds of network round trip, before the first token")
    slowdown: Slower | None = Field(None, description="how load slows them down")
    models: dict[str, ModelLatency] = Field(
        default_factory=dict, max_length=100, description="models that differ, by the name that requests have"
    )

    def pace(self) -> Pace:
        """The pace that this describes."""
        slowdown = None if self.slowdown is None else Slowdown(self.slowdown.at, self.slowdown.to)
        own = Pace(speed_of(self.ttft_s), speed_of(self.tokens_per_second), self.jitter, self.distance_s, slowdown)
        models = {
            name: own.varied(speed_of(each.ttft_s), speed_of(each.tokens_per_second), each.jitter)
            for name, each in self.models.items()
        }
        return replace(own, models=models)


def tell_pace(pace: Pace) -> dict[str, Any]:
    """A pace in the words of `Latency`."""
    return {
        **_tell_figures(pace),
        "distance_s": pace.distance_s,
        "slowdown": None if pace.slowdown is None else asdict(pace.slowdown),
        "models": {name: _tell_figures(each) for name, each in pace.models.items()},
    }


def _tell_figures(pace: Pace) -> dict[str, Any]:
    return {
        "ttft_s": _told(pace.ttft_s),
        "tokens_per_second": _told(pace.tokens_per_second),
        "jitter": pace.jitter,
    }


def _told(speed: float | Quantiles) -> Speed:
    return speed.named() if isinstance(speed, Quantiles) else speed
