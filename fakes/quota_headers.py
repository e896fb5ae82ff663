"""The figures of a quota in the headers that a dialect wrote, each in the form that the dialect gave it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final

from .dialects._anthropic_failures import moment
from .dialects._openai_failures import duration
from .dialects.base import Headers
from .meters import Bucket

_WORDS: Final = ("limit", "remaining", "reset")

Choose = Callable[[str, bool | None], Sequence[Bucket]]
"""Which buckets a header tells of: what it counts, and whether of a day (None if it doesn't say)."""
Place = tuple[int, str, str, Sequence[Bucket], bool]
"""A header that tells of buckets: where it stands, its name, what it tells, of which, whether in round thousands."""


def places(names: tuple[str, ...], choose: Choose) -> list[Place]:
    """Which of the headers called `names` tell of which buckets."""
    return [
        (index, name, word, chosen, rounded)
        for index, name, word, counted, daily, rounded in _places(names)
        if (chosen := choose(counted, daily))
    ]


def filled(headers: Headers, places: Sequence[Place], now_s: float) -> Headers:
    """`headers` with the buckets' figures in place of the dialect's; a vendor's "-1", which tells nothing, stays.

    Args:
        headers: What the dialect wrote.
        places: Where figures stand in it.
        now_s: Seconds since 1970.
    """
    result = headers.copy()
    for index, name, word, chosen, rounded in places:
        sample = headers[index][1]
        if sample == "-1":
            continue
        alone = len(chosen) == 1
        if word == "reset":
            reset_s = chosen[0].reset_s if alone else max([bucket.reset_s for bucket in chosen])
            figure = _reset(_form(sample), reset_s, now_s)
        elif word == "remaining":
            level = chosen[0].level if alone else sum([bucket.level for bucket in chosen])
            figure = str(_thousands(level, chosen) if rounded else int(level) if level > 0 else 0)
        elif alone:
            figure = chosen[0].limit_text
        else:
            figure = str(int(sum([bucket.limit for bucket in chosen])))
        result[index] = (name, figure)
    return result


def _thousands(level: float, chosen: Sequence[Bucket]) -> int:
    """What is left as Anthropic's reference has it, which rounds tokens."""
    return min(round(max(0, int(level)), -3), int(sum([bucket.limit for bucket in chosen])))


@lru_cache(maxsize=256)
def _places(names: tuple[str, ...]) -> tuple[tuple[int, str, str, str, bool | None, bool], ...]:
    """Which of these headers tell limit, remaining or reset: of what, of a day (None if unsaid), in round thousands."""
    places = []
    for index, name in enumerate(names):
        _, found, rest = name.partition("ratelimit")
        words = rest.strip("-").split("-")
        word = next((each for each in words if each in _WORDS), None)
        if not found or word is None:
            continue
        daily = True if "day" in words else False if "minute" in words else None
        if "requests" in words:
            places.append((index, name, word, "requests", daily, False))
        elif "tokens" in words:
            counted = next((f"{each}_tokens" for each in ("input", "output") if each in words), "tokens")
            places.append((index, name, word, counted, daily, name.startswith("anthropic-")))
    return tuple(places)


@lru_cache(maxsize=1024)
def _form(sample: str) -> str:
    """The form of a reset: a moment (RFC 3339, or since 1970), a Go duration, or seconds."""
    if re.match(r"\d{4}-\d\d-\d\dT", sample):
        return "moment"
    try:
        figure = float(sample)
    except ValueError:
        return "duration"
    if figure >= 1e9:
        return "epoch_ms" if figure >= 1e12 else "epoch_s"
    return "fraction" if "." in sample else "seconds"


def _reset(form: str, reset_s: float, now_s: float) -> str:
    match form:
        case "moment":
            return moment(math.ceil(now_s + reset_s))
        case "duration":
            return duration(round(reset_s, 3))
        case "epoch_ms":
            return str(math.ceil((now_s + reset_s) * 1000))
        case "epoch_s":
            return str(math.ceil(now_s + reset_s))
        case "fraction":
            return f"{reset_s:.3f}"
        case _:
            return str(math.ceil(reset_s))
