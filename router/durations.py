"""Durations as people and Go write them: `6m0s`, `20ms`, `30 s`, `5 minutes`, `1 minute and 30 seconds`."""

from __future__ import annotations

import re

_PART = (
    r"([0-9]{1,15}(?:\.[0-9]{1,9})?)\s?"
    r"(milliseconds?|msecs?|ms|[u\u00b5\u03bc]s|ns|seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d)(?![a-z])"
)
_UNIT = re.compile(_PART, re.IGNORECASE)
_WHOLE = re.compile(rf"(?:{_PART}(?:,? ?(?:and )?)){{1,5}}", re.IGNORECASE)
_SECONDS = {"n": 1e-9, "u": 1e-6, "\u00b5": 1e-6, "\u03bc": 1e-6, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}

# OpenAI: "Please try again in 18.642s", "in 6m0s", "in 120ms"; it states it in the message too, and some gateways strip
# the header. Google: "Please retry in 7s". Azure: "Please retry after 60 seconds". Others: "try again in 5 minutes".
IN_WORDS = re.compile(
    rf"(?:try again|retry)(?: your requests?)? (?:in|after) (?:about )?({_WHOLE.pattern})", re.IGNORECASE
)
"""Where a message says when to come back; its first group is a duration."""


def read_duration(text: str) -> float | None:
    """A duration in seconds, or None if the text is anything else; a number needs its unit."""
    if _WHOLE.fullmatch(text) is None:
        return None
    return sum(float(number) * _scale(unit.lower()) for number, unit in _UNIT.findall(text))


def _scale(unit: str) -> float:
    return 0.001 if unit.startswith(("ms", "mil")) else _SECONDS[unit[0]]
