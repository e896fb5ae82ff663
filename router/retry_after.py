"""When may I come back? Retry-After in every form that providers and gateways send, and what stands in for it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from .durations import IN_WORDS, read_duration

_DAY_S = 86_400.0
_EPOCH_S_MIN = 1e9
"""Smallest number that may be a Unix timestamp: 2001, or a wait of 31 years."""


@dataclass(frozen=True, slots=True)
class Wait:
    """How long to stay away.

    Attributes:
        seconds: None if the provider didn't say anything usable.
        note: What was odd about it, for logs and errors.
    """

    seconds: float | None
    note: str = ""


_HEADERS = (
    ("retry-after-ms", 0.001),
    ("retry-after", 1.0),
    ("x-amz-retry-after", 0.001),  # AWS's own, in milliseconds; its SDKs read no other
)
_WINDOW = "anthropic-ratelimit-unified-reset"
"""When a subscription's window begins anew; Retry-After doesn't always come with it."""
_RESETS = (("x-ratelimit-reset", "x-ratelimit-remaining"), ("ratelimit-reset", "ratelimit-remaining"))
"""When a limit's window begins anew (OpenRouter's, the IETF draft's), and what is left of it.

They come with every answer, so only a refusal for a limit makes them a wait, and only of a window with nothing left.
OpenAI's, Groq's and Anthropic's resets of requests and tokens aren't read: they tell when a bucket is full, and it has
room long before.
"""


def read_retry_after(
    headers: Mapping[str, str],
    message: str,
    *,
    now_s: float,
    max_s: float,
    body_s: float | None = None,
    limited: bool = True,
) -> Wait:
    """Read a wait from the headers, from the body's own field, or from the message's words.

    Args:
        headers: Response headers, looked up in lower case.
        message: The provider's error message.
        now_s: Wall-clock time as a Unix timestamp, for dates.
        max_s: Longest wait that is believed; more is capped, and the note says so.
        body_s: What a field of the body says, in seconds (Google's `RetryInfo`).
        limited: Whether a limit was reached, so that the end of its window is worth waiting for.
    """
    note = ""
    for name, scale in _HEADERS:
        raw = headers.get(name)
        if raw is None:
            continue
        seconds = _seconds(raw, scale, now_s)
        if seconds is not None:
            wait = _bounded(seconds, max_s, f"{name} {raw[:40]!r}")
            return replace(wait, note=note) if note else wait
        note = note or f"{name} {raw[:40]!r} can't be read"
    stand_in = _stand_in(headers, message, now_s=now_s, max_s=max_s, body_s=body_s, limited=limited)
    return replace(stand_in, note=note) if note else stand_in


def _stand_in(
    headers: Mapping[str, str], message: str, *, now_s: float, max_s: float, body_s: float | None, limited: bool
) -> Wait:
    window_s = _seconds(headers.get(_WINDOW, ""), 1.0, now_s) if limited else None
    if window_s is not None and window_s > 0:
        return _bounded(window_s, max_s, _WINDOW)
    if body_s is not None:
        return _bounded(body_s, max_s, "the body's wait")
    said = IN_WORDS.search(message)
    said_s = read_duration(said[1]) if said is not None else None
    if said_s is not None:
        return Wait(min(max_s, said_s))
    named = any(name in headers for name, _ in _HEADERS)
    reset_s = _reset(headers, now_s) if limited and not named else None
    return Wait(None) if reset_s is None else _bounded(reset_s, max_s, "the limit's reset")


def _reset(headers: Mapping[str, str], now_s: float) -> float | None:
    """The longest wait of the windows in which nothing is left."""
    found = [
        _seconds(headers.get(name, ""), 1.0, now_s) for name, left in _RESETS if headers.get(left, "0").strip() == "0"
    ]
    return max((seconds for seconds in found if seconds is not None and seconds > 0), default=None)


def _seconds(raw: str, scale: float, now_s: float) -> float | None:
    """Seconds from now: a number, a duration with units, or a point in time (RFC 3339, HTTP, Unix).

    Two proxies may each have said it, which makes a list: the first is the nearest to the provider.
    """
    raw = raw.strip()
    try:
        seconds = float(raw) * scale
    except ValueError:
        pass
    else:
        return None if math.isnan(seconds) else _from_now(seconds, now_s)
    duration = read_duration(raw)
    if duration is not None:
        return duration
    moment = _moment(raw)
    if moment is not None:
        return moment - now_s
    first, comma, _ = raw.partition(",")
    return _seconds(first, scale, now_s) if comma else None


def _from_now(seconds: float, now_s: float) -> float:
    """A number that is too large for a wait of anybody's is a Unix timestamp; OpenRouter's is in milliseconds."""
    if seconds < max(_EPOCH_S_MIN, now_s - _DAY_S):
        return seconds
    return (seconds / 1000 if seconds >= _EPOCH_S_MIN * 1000 else seconds) - now_s


def _moment(raw: str) -> float | None:
    """A date as a Unix timestamp; without a zone it is UTC."""
    try:
        found = datetime.fromisoformat(raw.upper())
    except ValueError:
        try:
            found = parsedate_to_datetime(raw)
        except (ValueError, TypeError, OverflowError, IndexError):
            return None
    try:
        return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def _bounded(seconds: float, max_s: float, shown: str) -> Wait:
    if seconds < 0:
        return Wait(0.0, f"{shown} lies in the past, read as 0 s")
    if seconds > max_s:
        return Wait(max_s, f"{shown} capped at {max_s:g} s")
    return Wait(seconds)
