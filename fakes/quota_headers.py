"""The figures of a quota in the headers that a dialect wrote, each in the form that the dialect gave it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Final

from .dialects._anthropic_failures import moment
from .dialects._openai_failures import duration
from .dialects.base import Headers
from .meters import Bucket

_WORDS: Final = ("limit", "remaining", "reset")
_SECOND_FROM_S: Final = 0.9995
"""What is told as a second, in milliseconds."""

Choose = Callable[[str, bool | None], Sequence[Bucket]]
"""Which buckets a header tells of: what it counts, and whether of a day (None if it doesn't say)."""


class Places:
    """Where the headers called `names` tell of which buckets, looked up once for every answer like it."""

    __slots__ = ("_constant", "_remaining", "_resets", "_rest")

    def __init__(self, names: tuple[str, ...], choose: Choose) -> None:
        self._constant: list[tuple[int, tuple[str, str]]] = []
        self._remaining: list[tuple[int, str, Bucket]] = []
        self._resets: list[tuple[int, str, Bucket]] = []
        self._rest: list[tuple[int, str, str, Sequence[Bucket], bool]] = []
        for index, name, word, counted, daily, rounded in _places(names):
            chosen = choose(counted, daily)
            if not chosen:
                continue
            if word == "limit" and len(chosen) == 1:
                self._constant.append((index, (name, chosen[0].limit_text)))
            elif word == "remaining" and len(chosen) == 1 and not rounded:
                self._remaining.append((index, name, chosen[0]))
            elif word == "reset" and len(chosen) == 1:
                self._resets.append((index, name, chosen[0]))
            else:
                self._rest.append((index, name, word, chosen, rounded))

    def fill(self, headers: Headers, now_s: float) -> Headers:
        """`headers` with the buckets' figures in place of the dialect's; a vendor's "-1", which tells nothing, stays.

        Args:
            headers: What the dialect wrote.
            now_s: Seconds since 1970.
        """
        result = headers.copy()
        for index, pair in self._constant:
            if headers[index][1] != "-1":
                result[index] = pair
        for index, name, bucket in self._remaining:
            if headers[index][1] != "-1":
                level = bucket.level
                result[index] = (name, str(int(level)) if level > 0 else "0")
        for index, name, bucket in self._resets:
            sample = headers[index][1]
            if sample != "-1":
                result[index] = (name, _form(sample)(bucket.reset_s, now_s))
        for index, name, word, chosen, rounded in self._rest:
            sample = headers[index][1]
            if sample != "-1":
                result[index] = (name, _figure(word, sample, chosen, now_s, rounded=rounded))
        return result


def _figure(word: str, sample: str, chosen: Sequence[Bucket], now_s: float, *, rounded: bool) -> str:
    if word == "reset":
        reset_s = max([bucket.reset_s for bucket in chosen])
        return _form(sample)(reset_s, now_s)
    if word == "remaining":
        level = sum([bucket.level for bucket in chosen])
        return str(_thousands(level, chosen) if rounded else max(0, int(level)))
    return str(int(sum([bucket.limit for bucket in chosen])))


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


def _duration(reset_s: float, _: float) -> str:
    # rounded here only where a second would come of it: that costs more than all the rest
    return duration(reset_s if reset_s < _SECOND_FROM_S else round(reset_s, 3))


_FORMS: Final[Mapping[str, Callable[[float, float], str]]] = {
    "moment": lambda reset_s, now_s: moment(math.ceil(now_s + reset_s)),
    "duration": _duration,
    "epoch_ms": lambda reset_s, now_s: str(math.ceil((now_s + reset_s) * 1000)),
    "epoch_s": lambda reset_s, now_s: str(math.ceil(now_s + reset_s)),
    "fraction": lambda reset_s, _: f"{reset_s:.3f}",
    "seconds": lambda reset_s, _: str(math.ceil(reset_s)),
}
"""How a reset is written, in seconds from now, which is given in seconds since 1970."""


@lru_cache(maxsize=1024)
def _form(sample: str) -> Callable[[float, float], str]:
    """What writes a reset as it is in `sample`: a moment (RFC 3339, or since 1970), a Go duration, or seconds."""
    return _FORMS[_form_of(sample)]


def _form_of(sample: str) -> str:
    if re.match(r"\d{4}-\d\d-\d\dT", sample):
        return "moment"
    try:
        figure = float(sample)
    except ValueError:
        return "duration"
    if figure >= 1e9:
        return "epoch_ms" if figure >= 1e12 else "epoch_s"
    return "fraction" if "." in sample else "seconds"
