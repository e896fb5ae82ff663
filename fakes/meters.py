"""What counts usage: a bucket that fills steadily, a ramp, a subscription's window, a purse."""

from __future__ import annotations

import math
import time
from calendar import timegm
from typing import Final

_NOTHING: Final = 1e-9
"""Share of a bucket that counts as nothing."""


class Bucket:
    """Holds up to `limit`, and fills at `limit` a `period_s` seconds; in debt below zero.

    Attributes:
        counted: "requests", "tokens", "input_tokens" or "output_tokens".
        prompts: Whether a prompt's tokens are taken out of it.
        answers: Whether an answer's are.
        limit: What it holds.
        level: What is in it.
    """

    __slots__ = ("_at_s", "_rate", "answers", "counted", "level", "limit", "limit_text", "period_s", "prompts")

    def __init__(self, counted: str, limit: float, period_s: float, now_s: float) -> None:
        self.counted = counted
        self.prompts = counted in {"tokens", "input_tokens"}
        self.answers = counted in {"tokens", "output_tokens"}
        self.limit = limit
        self.limit_text = str(int(limit))
        self.period_s = period_s
        self.level = limit
        self._rate = limit / period_s
        self._at_s = now_s

    def fill(self, now_s: float) -> None:
        """Add what has come in since the last time."""
        level = self.level + (now_s - self._at_s) * self._rate
        self.level = min(self.limit, level)
        self._at_s = now_s

    def wait_s(self, need: float) -> float:
        """Seconds until `need` is there, 0 if it is; infinite if it never will be."""
        if need > self.limit:
            return math.inf
        lacking = need - self.level
        # what binary fractions lose must not cost a caller that waited exactly as long as it was told
        return lacking / self._rate if lacking > self.limit * _NOTHING else 0.0

    @property
    def reset_s(self) -> float:
        """Seconds until it is full."""
        return (self.limit - self.level) / self._rate


class Ramp:
    """Lets a window have `factor` times the requests of the one before, and `floor` in any case."""

    __slots__ = ("_before", "_began_s", "_factor", "_floor", "_window_s", "count")

    def __init__(self, factor: float, window_s: float, floor: float, now_s: float) -> None:
        self._factor = factor
        self._window_s = window_s
        self._floor = floor
        self._began_s = now_s
        self._before = 0
        self.count = 0

    @property
    def ceiling(self) -> float:
        """Requests that this window may have."""
        return max(self._floor, self._factor * self._before)

    def wait_s(self, now_s: float) -> float:
        """Seconds until one more request may come, 0 if it may."""
        passed = int((now_s - self._began_s) / self._window_s)
        if passed > 0:
            self._before = self.count if passed == 1 else 0
            self.count = 0
            self._began_s += passed * self._window_s
        return 0.0 if self.count + 1 <= self.ceiling else self._began_s + self._window_s - now_s


class Window:
    """A subscription's window: it begins with the first request after the last one, and all of it comes back at once.

    Attributes:
        short: Its name in headers, e.g. "5h".
        claim: Its name in what the vendor says of it, e.g. "five_hour".
        limit: Tokens that it holds.
        used: Tokens that were used in it; an answer may take it past its limit.
    """

    __slots__ = ("_ends_s", "claim", "limit", "period_s", "short", "used")

    def __init__(self, short: str, claim: str, limit: float, period_s: float) -> None:
        self.short = short
        self.claim = claim
        self.limit = limit
        self.period_s = period_s
        self.used = 0.0
        self._ends_s = math.inf

    def roll(self, now_s: float) -> None:
        """Let it end if its time is over."""
        if now_s >= self._ends_s:
            self.used, self._ends_s = 0.0, math.inf

    def use(self, tokens: float, now_s: float) -> None:
        """Take tokens, which begins it if it had not begun."""
        if self._ends_s == math.inf:
            self._ends_s = now_s + self.period_s
        self.used += tokens

    def reset_s(self, now_s: float) -> float:
        """Seconds until it ends; one that has not begun would end after its whole length."""
        return self.period_s if self._ends_s == math.inf else self._ends_s - now_s

    @property
    def utilisation(self) -> float:
        """The share that is used; above 1 when an answer took it past its limit."""
        return self.used / self.limit


class Purse:
    """US dollars that somebody spent: in all, and in the calendar month (UTC)."""

    __slots__ = ("_ends_s", "_month_usd", "spent_usd")

    def __init__(self) -> None:
        self.spent_usd = 0.0
        self._month_usd = 0.0
        self._ends_s = 0.0

    def spend(self, usd: float, wall_s: float) -> None:
        """Spend at `wall_s` (seconds since 1970)."""
        self.spent_usd += usd
        if wall_s < self._ends_s:
            self._month_usd += usd
        else:
            self._month_usd, self._ends_s = usd, next_month(wall_s)

    def month_usd(self, wall_s: float) -> float:
        """What was spent since the 1st of the month."""
        if wall_s >= self._ends_s:
            self._month_usd, self._ends_s = 0.0, next_month(wall_s)
        return self._month_usd


def next_month(wall_s: float) -> int:
    """The 1st of the next month, 00:00 UTC, after `wall_s`; both in seconds since 1970."""
    now = time.gmtime(wall_s)
    year, month = (now.tm_year + 1, 1) if now.tm_mon == 12 else (now.tm_year, now.tm_mon + 1)
    return timegm((year, month, 1, 0, 0, 0))


def regain(wall_s: float) -> str:
    """When a monthly limit gives way, as messages have it: ``2026-12-01 at 00:00 UTC``."""
    return time.strftime("%Y-%m-%d at %H:%M UTC", time.gmtime(next_month(wall_s)))
