"""Quantities as people write them: durations, rates, shares, factors, token counts. Every one carries its unit."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(us|ms|s|m|h)")
# Parts of a second are divided, not multiplied by 0.001: so that 100000us is exactly what 0.1 is.
_SECONDS: Final = {"us": (1, 1_000_000), "ms": (1, 1000), "s": (1, 1), "m": (60, 1), "h": (3600, 1)}
_RATE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*/\s*(s|m|h)")
_SHARE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*%")
_FACTOR: Final = re.compile(r"(\d+(?:\.\d+)?)\s*x")
_TOKENS: Final = re.compile(r"(\d+)\s*tokens?")
DURATION_S_MAX: Final = 7 * 24 * 3600.0
"""Longest duration, in seconds."""
RATE_MAX: Final = 100_000.0
"""Highest rate, per second."""
FACTOR_MAX: Final = 1000.0
"""Highest factor."""
TOKEN_LIMIT_MAX: Final = 100_000_000
"""Highest limit of a request's tokens."""
DIGITS: Final = 6
"""Significant digits shown of a quantity."""
PLAIN_MIN: Final = 1e-9
PLAIN_MAX: Final = 1e15
"""Numbers from the one up to the other are shown without an exponent."""


def parse_duration(value: Any) -> float:
    """Seconds of a duration such as ``250ms``, ``2s``, ``1.5m``, ``1h``.

    Raises:
        ValueError: without a unit, with an unknown one, or past `DURATION_S_MAX`.
    """
    match = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"expected a duration with its unit, such as 250ms, 2s, 1.5m or 1h; found {value!r}")
    times, divided = _SECONDS[match[2]]
    seconds = float(match[1]) * times / divided
    if seconds > DURATION_S_MAX:
        raise ValueError(f"expected a duration of at most 168h; found {value!r}")
    return seconds


def parse_rate(value: Any) -> float:
    """Events per second of a rate such as ``60/s`` or ``600/m``.

    Raises:
        ValueError: without a unit, at zero, or past `RATE_MAX`.
    """
    match = _RATE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"expected a rate with its unit, such as 60/s or 600/m; found {value!r}")
    rate = float(match[1]) / _SECONDS[match[2]][0]
    if not 0 < rate <= RATE_MAX:
        raise ValueError(f"expected a rate above 0 and at most {RATE_MAX:.0f}/s; found {value!r}")
    return rate


def parse_share(value: Any) -> float:
    """A share between 0 and 1 of a percentage such as ``50%``.

    Raises:
        ValueError: without the percent sign or past 100%.
    """
    match = _SHARE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or (share := share_of(match[1])) > 1:
        raise ValueError(f"expected a percentage from 0% to 100%, such as 50%; found {value!r}")
    return share


def share_of(percent: str) -> float:
    """The share nearest to a percentage's digits: ``99.9`` divided as a float would be a little more than 0.999."""
    return float(Decimal(percent).scaleb(-2))


def parse_factor(value: Any) -> float:
    """How many times, such as ``3x`` or ``1.5x``.

    Raises:
        ValueError: without the x, under 1x, or past `FACTOR_MAX`.
    """
    match = _FACTOR.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or not 1 <= float(match[1]) <= FACTOR_MAX:
        raise ValueError(f"expected a factor from 1x to {FACTOR_MAX:.0f}x, such as 3x; found {value!r}")
    return float(match[1])


def parse_tokens(value: Any) -> int:
    """A number of tokens such as ``24 tokens``; banstorm counts one word as one token.

    Raises:
        ValueError: without the unit, at zero, or past 4096.
    """
    match = _TOKENS.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or not 1 <= int(match[1]) <= 4096:
        raise ValueError(f"expected a count from 1 to 4096 tokens, such as 24 tokens; found {value!r}")
    return int(match[1])


def parse_token_limit(value: Any) -> int:
    """A limit of tokens such as ``30000 tokens``, or ``0 tokens`` for one that everything is above.

    Raises:
        ValueError: without the unit, or past `TOKEN_LIMIT_MAX`.
    """
    match = _TOKENS.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or len(match[1]) > 9 or int(match[1]) > TOKEN_LIMIT_MAX:
        raise ValueError(f"expected a limit from 0 to {TOKEN_LIMIT_MAX} tokens, such as 30000 tokens; found {value!r}")
    return int(match[1])


def rounded_text(value: float, digits: int) -> str:
    """A number with so many significant digits at most, and without an exponent as far as people write it so."""
    text = f"{value:.{digits}g}"
    if "e" in text and PLAIN_MIN <= abs(value) < PLAIN_MAX:
        return format(Decimal(text), "f")
    return text


def exact_text(value: float) -> str:
    """A number's digits, without an exponent, as many as it takes to read the same number of them."""
    return format(Decimal(repr(value)).normalize(), "f")


def format_duration(seconds: float, digits: int = DIGITS) -> str:
    """Seconds as a duration that a person reads and `parse_duration` accepts: ``250ms``, ``2s``, ``90s``."""
    if seconds < 1:
        return f"{rounded_text(seconds * 1000, digits)}ms"
    return f"{rounded_text(seconds, digits)}s"


def render_duration(seconds: float) -> str:
    """Seconds as a scenario's JSON has them; `parse_duration` reads the same number of them."""
    return f"{exact_text(seconds)}s"


def render_rate(rate: float) -> str:
    """A rate as a scenario's JSON has it; `parse_rate` reads the same."""
    return f"{exact_text(rate)}/s"


def render_share(share: float) -> str:
    """A share as a scenario's JSON has it, as a percentage; `parse_share` reads the same."""
    return f"{exact_percent(share)}%"


def exact_percent(share: float) -> str:
    """A share's digits as a percentage; `share_of` reads the same share of them."""
    return format(Decimal(repr(share)).scaleb(2).normalize(), "f")


def render_factor(factor: float) -> str:
    """A factor as a scenario's JSON has it; `parse_factor` reads the same."""
    return f"{exact_text(factor)}x"


def _text_schema(pattern: str, example: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern, "examples": [example]})


Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    PlainSerializer(render_duration, return_type=str),
    _text_schema(r"^\s*\d+(\.\d+)?\s*(us|ms|s|m|h)\s*$", "250ms"),
]
"""Seconds; written with its unit."""
Rate = Annotated[
    float,
    BeforeValidator(parse_rate),
    PlainSerializer(render_rate, return_type=str),
    _text_schema(r"^\s*\d+(\.\d+)?\s*/\s*(s|m|h)\s*$", "60/s"),
]
"""Events per second; written with its unit."""
Share = Annotated[
    float,
    BeforeValidator(parse_share),
    PlainSerializer(render_share, return_type=str),
    _text_schema(r"^\s*\d+(\.\d+)?\s*%\s*$", "50%"),
]
"""A share from 0 to 1; written as a percentage."""
Factor = Annotated[
    float,
    BeforeValidator(parse_factor),
    PlainSerializer(render_factor, return_type=str),
    _text_schema(r"^\s*\d+(\.\d+)?\s*x\s*$", "3x"),
]
"""How many times; written with an x."""
Tokens = Annotated[
    int,
    BeforeValidator(parse_tokens),
    PlainSerializer(lambda count: f"{count} tokens", return_type=str),
    _text_schema(r"^\s*\d+\s*tokens?\s*$", "24 tokens"),
]
"""A count of tokens; written with its unit."""
TokenLimit = Annotated[
    int,
    BeforeValidator(parse_token_limit),
    PlainSerializer(lambda count: f"{count} tokens", return_type=str),
    _text_schema(r"^\s*\d+\s*tokens?\s*$", "30000 tokens"),
]
"""A limit of a request's tokens; written with its unit."""
