"""When may I come back? Retry-After in every form that providers and gateways send."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

# "Please try again in 18.642s", "in 6m0s", "in 120ms": OpenAI states it in the message too, and some gateways strip
# the header. Google says "Please retry in 7s", Azure "Please retry after 60 seconds".
_IN_WORDS = re.compile(
    r"(?:try again|please retry) in ((?:[0-9.]+h)?(?:[0-9.]+m(?!s))?(?:[0-9.]+s)?(?:[0-9.]+ms)?)", re.IGNORECASE
)
_AFTER_WORDS = re.compile(r"please retry after ([0-9]{1,9}) seconds?", re.IGNORECASE)
_GO_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|h|m|s)")
_GO_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


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
_RESET = "anthropic-ratelimit-unified-reset"
"""When a subscription's window begins anew, as a Unix timestamp; Retry-After doesn't always come with it."""


def read_retry_after(
    headers: Mapping[str, str], message: str, *, now_s: float, max_s: float, body_s: float | None = None
) -> Wait:
    """Read a wait from the headers, from the body's own field, or from the message's words.

    Args:
        headers: Response headers, looked up in lower case.
        message: The provider's error message.
        now_s: Wall-clock time as a Unix timestamp, for HTTP dates.
        max_s: Longest wait that is believed; more is capped, and the note says so.
        body_s: What a field of the body says, in seconds (Google's `RetryInfo`).
    """
    for name, scale in _HEADERS:
        raw = headers.get(name)
        if raw is None:
            continue
        seconds = _number_or_date(raw.strip(), scale, now_s)
        if seconds is None:
            return Wait(_from_words(message, max_s), f"{name} {raw[:40]!r} can't be read")
        return _bounded(seconds, max_s, f"{name} {raw[:40]!r}")
    reset = _number_or_date(headers.get(_RESET, ""), 1.0, now_s)
    if reset is not None and reset > now_s:
        return _bounded(reset - now_s, max_s, _RESET)
    if body_s is not None:
        return _bounded(body_s, max_s, "the body's wait")
    return Wait(_from_words(message, max_s))


def _number_or_date(raw: str, scale: float, now_s: float) -> float | None:
    try:
        seconds = float(raw) * scale
    except ValueError:
        pass
    else:
        return None if math.isnan(seconds) else seconds
    try:
        return parsedate_to_datetime(raw).timestamp() - now_s
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _bounded(seconds: float, max_s: float, shown: str) -> Wait:
    if seconds < 0:
        return Wait(0.0, f"{shown} lies in the past, read as 0 s")
    if seconds > max_s:
        return Wait(max_s, f"{shown} capped at {max_s:g} s")
    return Wait(seconds)


def _from_words(message: str, max_s: float) -> float | None:
    plain = _AFTER_WORDS.search(message)
    if plain is not None:
        return min(max_s, float(plain[1]))
    found = _IN_WORDS.search(message)
    if found is None or not found[1]:
        return None
    return min(max_s, sum(float(number) * _GO_SECONDS[unit] for number, unit in _GO_PART.findall(found[1])))
