"""How fast a provider answers, as a scenario says it: figures or quantiles, under load, from afar, model by model."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

from .units import Factor, Share, format_duration, parse_duration, render_duration

TOKEN_RATE_MAX: Final = 100_000.0
"""Most tokens per second."""
QUANTILE_S_MIN: Final = 1e-6
"""Least value of a quantile, in seconds."""
_NAME: Final = re.compile(r"p(\d{1,2}(?:\.\d+)?)")

Speed = float | dict[str, float]
"""A figure, or quantiles by name, lowest first: ``{"p50": 0.3, "p95": 1.2}``."""


def parse_ttft(value: Any) -> Speed:
    """Seconds of a time to first token such as ``120ms``, or of its quantiles such as ``{p50: 300ms, p95: 1.2s}``.

    Raises:
        ValueError: when it is neither.
    """
    if not isinstance(value, dict):
        return parse_duration(value)
    found = parse_quantiles(value, parse_duration, "{p50: 300ms, p95: 1.2s}")
    if min(found.values()) < QUANTILE_S_MIN:
        raise ValueError(f"expected quantiles of 1us or more; found {value!r}")
    return found


def parse_token_rate(value: Any) -> Speed:
    """Tokens per second such as ``80``, or quantiles of them such as ``{p5: 30, p50: 80}``.

    Raises:
        ValueError: when it is neither.
    """
    return parse_quantiles(value, _rate, "{p5: 30, p50: 80}") if isinstance(value, dict) else _rate(value)


def _rate(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= TOKEN_RATE_MAX:
        raise ValueError(
            f"expected tokens per second above 0 and at most {TOKEN_RATE_MAX:,.0f}, such as 80, or quantiles of them, "
            f"such as {{p5: 30, p50: 80}}; found {value!r}"
        )
    return float(value)


def parse_quantiles(value: dict[Any, Any], parse: Callable[[Any], float], example: str) -> dict[str, float]:
    """Quantiles by name, lowest first; `parse` reads each value.

    Raises:
        ValueError: when there are fewer than two, a name is none, or values fall while their quantiles rise.
    """
    levels: dict[float, str] = {}
    for name in value:
        match = _NAME.fullmatch(name) if isinstance(name, str) else None
        if match is None or not 0.1 <= float(match[1]) <= 99.9:
            raise ValueError(f"expected quantiles from p0.1 to p99.9, such as {example}; found {name!r}")
        if levels.setdefault(float(match[1]), name) != name:
            raise ValueError(f"expected each quantile once; {levels[float(match[1])]!r} and {name!r} are the same")
    if len(levels) < 2:
        raise ValueError(f"expected two quantiles or more, such as {example}; found {value!r}")
    found = {levels[level]: parse(value[levels[level]]) for level in sorted(levels)}
    for (lower, low), (higher, high) in pairwise(found.items()):
        if low > high:
            raise ValueError(f"expected values that rise with their quantiles; {higher} is less than {lower}")
    return found


def _render_ttft(value: Speed) -> str | dict[str, str]:
    if isinstance(value, dict):
        return {name: render_duration(seconds) for name, seconds in value.items()}
    return render_duration(value)


def format_speed(ttft: Speed, tokens_per_second: Speed, distance: float, slowdown: Slowdown | None) -> str:
    """A provider's speed for people: ``first token after 120ms, 80 tokens/s``."""
    parts = [f"first token after {_told(ttft, format_duration)}", f"{_told(tokens_per_second, '{:g}'.format)} tokens/s"]
    if distance:
        parts.append(f"{format_duration(distance)} away")
    if slowdown is not None:
        parts.append(f"slower from {slowdown.at} in flight on, up to {slowdown.to:g}x")
    return ", ".join(parts)


def _told(value: Speed, show: Callable[[float], str]) -> str:
    if isinstance(value, dict):
        return " ".join(f"{name} {show(each)}" for name, each in value.items())
    return show(value)


def _schema(figure: dict[str, Any], example: dict[str, Any]) -> WithJsonSchema:
    quantiles = {
        "type": "object",
        "patternProperties": {r"^p\d{1,2}(\.\d+)?$": figure},
        "additionalProperties": False,
        "minProperties": 2,
        "examples": [example],
    }
    return WithJsonSchema({"anyOf": [figure, quantiles]})


Ttft = Annotated[
    Speed,
    BeforeValidator(parse_ttft),
    PlainSerializer(_render_ttft),
    _schema(
        {"type": "string", "pattern": r"^\s*\d+(\.\d+)?\s*(us|ms|s|m|h)\s*$", "examples": ["120ms"]},
        {"p50": "300ms", "p95": "1.2s"},
    ),
]
"""Seconds, or quantiles of them; written with its unit."""
TokenRate = Annotated[
    Speed,
    BeforeValidator(parse_token_rate),
    _schema({"type": "number", "exclusiveMinimum": 0, "maximum": TOKEN_RATE_MAX}, {"p5": 30, "p50": 80}),
]
"""Tokens per second, or quantiles of them."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Slowdown(_Part):
    """How load slows a provider down: beyond `at` requests in flight, its speed is shared evenly between them.

    Everything then takes in_flight / `at` times as long, until that reaches `to`.
    """

    at: int = Field(ge=1, le=100_000, description="requests in flight up to which each has the full speed")
    to: Factor = Field(description="how many times slower it gets at most")


class ModelSpeed(_Part):
    """What is different about the speed of one model; what is left out is the provider's."""

    ttft: Ttft | None = Field(default=None, description="time to first token, or quantiles of it")
    tokens_per_second: TokenRate | None = Field(default=None, description="tokens per second, or quantiles of them")
    jitter: Share | None = Field(default=None, description="largest seeded deviation of plain figures")
