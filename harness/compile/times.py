"""Moments and latencies as logs write them: ISO 8601, an access log's, or a number from seconds to nanoseconds."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import Final

_UNIT: Final = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_NAMED: Final = re.compile(r"(?:^|[^a-z])(ns|us|ms|s|sec|secs|seconds|millis|milliseconds|micros|nanos)\)?$")
_CAMEL: Final = re.compile(r"(Ns|Us|Ms|Sec|Secs|Seconds|Millis)$")
_LONG: Final = {
    "sec": "s",
    "secs": "s",
    "seconds": "s",
    "millis": "ms",
    "milliseconds": "ms",
    "micros": "us",
    "nanos": "ns",
}
_WITH_UNIT: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ns|us|µs|ms|s)")
_UTC: Final = re.compile(r"\s*(?:UTC|GMT)$")
_ACCESS_LOG: Final = re.compile(r"\[?\d\d/[A-Za-z]{3}/\d{4}:")
"""How a time begins in the access logs of nginx and Apache."""
# An epoch in one unit stays below the next one's: 1e11 s is the year 5138, 1e11 ms was in 1973.
_EPOCHS: Final = ((1e11, 1.0), (1e14, 1e-3), (1e17, 1e-6), (math.inf, 1e-9))


class NoMomentError(ValueError):
    """A text is no moment, or no latency; the message never shows it."""


def parse_moment(text: str) -> tuple[float, str]:
    """Seconds since 1970 of a moment, and how it was written: ``zoned``, ``naive`` (taken as UTC), or ``epoch``.

    A number is an epoch, in the unit that its size tells; a small one may be seconds since anything.

    Raises:
        NoMomentError: when it is none.
    """
    text = text.strip()
    try:
        number = float(text)
    except ValueError:
        return _iso(text)
    if not math.isfinite(number) or number < 0:
        raise NoMomentError("no moment")
    return next(number * unit for limit, unit in _EPOCHS if number < limit), "epoch"


def _iso(text: str) -> tuple[float, str]:
    text = _UTC.sub("+00:00", text)
    try:
        if _ACCESS_LOG.match(text):
            return datetime.strptime(text.strip("[]"), "%d/%b/%Y:%H:%M:%S %z").timestamp(), "zoned"
        moment = datetime.fromisoformat(text.replace(",", ".", 1))
    except ValueError:
        raise NoMomentError("no moment") from None
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC).timestamp(), "naive"
    return moment.timestamp(), "zoned"


def unit_named(column: str) -> float | None:
    """Seconds in the unit that a column's name ends in (``latency_ms``, ``took (s)``, ``durationMs``), else None."""
    match = _NAMED.search(column.lower()) or _CAMEL.search(column)
    if match is None:
        return None
    word = match[1].lower()
    return _UNIT[_LONG.get(word, word)]


def parse_latency(text: str, unit: float | None) -> float:
    """A latency in seconds, or in an unknown unit if `unit` is None and the text names none (``1.2s`` does).

    Raises:
        NoMomentError: when it is none.
    """
    text = text.strip().lower()
    if match := _WITH_UNIT.fullmatch(text):
        return float(match[1]) * _UNIT[match[2]]
    try:
        number = float(text)
    except ValueError:
        raise NoMomentError("no latency") from None
    if not math.isfinite(number):
        raise NoMomentError("no latency")
    return number * (unit or 1.0)
