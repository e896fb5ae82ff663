"""All that counts one customer's usage of a model under one rule, and the refusal when something is used up."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any, Final

from .dialects.base import Headers
from .limits import Limits, Refusal
from .meters import Bucket, Purse, Ramp, Window, regain
from .quota_headers import Places

DAY_S: Final = 86_400.0
_PLACES_MAX: Final = 16
_NAME: Final = itemgetter(0)
_MINUTE: Final = 60.0
_BUCKETS: Final = (
    ("requests_per_minute", "requests", _MINUTE),
    ("requests_per_day", "requests", DAY_S),
    ("tokens_per_minute", "tokens", _MINUTE),
    ("tokens_per_day", "tokens", DAY_S),
    ("input_tokens_per_minute", "input_tokens", _MINUTE),
    ("output_tokens_per_minute", "output_tokens", _MINUTE),
)
_WINDOWS: Final = (
    ("window_5h_tokens", "5h", "five_hour", 5 * 3600.0),
    ("window_7d_tokens", "7d", "seven_day", 7 * DAY_S),
)
_SPENT_OUT: Final = (
    ("spend_usd", ("quota_exhausted", "spend_capped", "rate_limited")),
    ("spend_cap_usd", ("spend_capped", "quota_exhausted", "rate_limited")),
    ("tier_cap_usd", ("tier_capped", "quota_exhausted", "rate_limited")),
)
# a project's own limit has other words than its organisation's, where the vendor says which one it was
_VARIANTS: Final[Mapping[tuple[str, str, str], str]] = {
    ("anthropic", "spend_capped", "project"): "workspace",
    ("openai", "spend_capped", "project"): "project",
}
# requests without a period in their header's name are those of a day; console.groq.com/docs/rate-limits
_PERIODS: Final[Mapping[tuple[str, str], bool]] = {("groq", "requests"): True, ("groq", "tokens"): False}


class Vendor:
    """What the meters need to know of the vendor: its name, its failures, and the time by its wall clock."""

    __slots__ = ("failures", "name", "wall")

    def __init__(self, name: str, failures: frozenset[str], wall: Callable[[], float]) -> None:
        self.name = name
        self.failures = failures
        self.wall = wall

    def kind(self, *wanted: str) -> str:
        """The first of the failures `wanted` that it has."""
        return next((kind for kind in wanted if kind in self.failures), "server_error")


class Shelf:
    """The meters of one customer at one model (or at all that a pattern fits).

    Attributes:
        key: Level, customer, and model or pattern.
        buckets: Its buckets.
        windows: Its subscription windows.
        filled_s: When all this was last brought up to date.
        purse: What the customer spent, over all models.
    """

    __slots__ = (
        "_chosen",
        "_entry",
        "_limits",
        "_money",
        "_places",
        "_plain",
        "_ramp",
        "_vendor",
        "buckets",
        "filled_s",
        "key",
        "purse",
        "windows",
    )

    def __init__(
        self,
        key: tuple[str, str, str],
        limits: Limits,
        entry: str | None,
        vendor: Vendor,
        purse: Purse,
        windows: list[Window],
        now_s: float,
    ) -> None:
        self.key = key
        self.filled_s = now_s
        self.purse = purse
        self.windows = windows
        self.buckets = [
            Bucket(counted, limit, period_s, now_s)
            for name, counted, period_s in _BUCKETS
            if (limit := getattr(limits, name)) is not None
        ]
        self._limits = limits
        self._entry = entry
        self._vendor = vendor
        self._ramp: Ramp | None = None
        if limits.ramp_factor is not None:
            self._ramp = Ramp(limits.ramp_factor, limits.ramp_window_s, limits.ramp_floor, now_s)
        self._money = [
            (name, most_usd, kinds) for name, kinds in _SPENT_OUT if (most_usd := getattr(limits, name)) is not None
        ]
        self._plain = not (self._money or self.windows or self._ramp)
        self._chosen: dict[tuple[str, bool | None], list[Bucket]] = {}
        self._places: dict[tuple[str, ...], Places] = {}

    def fill(self, now_s: float) -> None:
        """Bring everything up to now."""
        self.filled_s = now_s
        for bucket in self.buckets:
            bucket.fill(now_s)
        for window in self.windows:
            window.roll(now_s)

    def told(self, headers: Headers) -> Headers:
        """`headers` with the buckets' figures in them."""
        names = tuple(map(_NAME, headers))
        found = self._places.get(names)
        if found is None:
            if len(self._places) >= _PLACES_MAX:
                self._places.clear()
            found = self._places[names] = Places(names, self.choose)
        return found.fill(headers, self._vendor.wall())

    def refusal(self, model: str, input_tokens: int, now_s: float) -> Refusal | None:
        """What a request is refused with, None if nothing that it needs is used up. It takes nothing yet."""
        if not self._plain and (refused := self._refused(model, now_s)) is not None:
            return refused
        worst: Bucket | None = None
        worst_s = 0.0
        for bucket in self.buckets:
            # an answer's length is not known yet: it starts as soon as anything is left
            need = input_tokens if bucket.prompts else 1
            if bucket.level < need and (wait_s := bucket.wait_s(need)) > worst_s:
                worst, worst_s = bucket, wait_s
        return None if worst is None else self._emptied(worst, worst_s, model, input_tokens)

    def take(self, input_tokens: int, now_s: float) -> None:
        """Take a request and its prompt."""
        for bucket in self.buckets:
            if bucket.prompts:
                bucket.level -= input_tokens
            elif not bucket.answers:
                bucket.level -= 1
        if self._ramp is not None:
            self._ramp.count += 1
        for window in self.windows:
            window.use(input_tokens, now_s)

    def settle(self, produced_tokens: int, usd: float, now_s: float) -> None:
        """Take what was produced, and what it cost."""
        for bucket in self.buckets:
            if bucket.answers:
                bucket.level -= produced_tokens
        for window in self.windows:
            window.use(produced_tokens, now_s)
        if usd:
            self.purse.spend(usd, self._vendor.wall())

    def choose(self, counted: str, daily: bool | None) -> list[Bucket]:  # noqa: FBT001 - a header says it or doesn't
        """The buckets that a header is about: that of its period, else of the minute, else of the day."""
        chosen = self._chosen.get((counted, daily))
        if chosen is None:
            chosen = self._chosen[counted, daily] = self._look(counted, daily)
        return chosen

    def _look(self, counted: str, daily: bool | None) -> list[Bucket]:  # noqa: FBT001 - see above
        found = [bucket for bucket in self.buckets if bucket.counted == counted]
        if daily is None:
            daily = _PERIODS.get((self._vendor.name, counted))
        if daily is not None:
            return [bucket for bucket in found if (bucket.period_s >= DAY_S) == daily]
        if not found and counted == "tokens":  # a vendor that counts both ways shows their sum as well
            parts = [bucket for bucket in self.buckets if bucket.counted in {"input_tokens", "output_tokens"}]
            return parts if len(parts) == 2 else []
        return found[:1]

    def _refused(self, model: str, now_s: float) -> Refusal | None:
        """What money, a window or a ramp refuses."""
        for name, most_usd, kinds in self._money:
            spent = self.purse.spent_usd if name == "spend_usd" else self.purse.month_usd(self._vendor.wall())
            if spent >= most_usd:
                wall_s = self._vendor.wall()
                kind = self._vendor.kind(*kinds)
                details = {"model": model, "now_s": wall_s, "regain": regain(wall_s)}
                if variant := _VARIANTS.get((self._vendor.name, kind, self.key[0])):
                    details["variant"] = variant
                return Refusal(kind, details, self._entry)
        if drained := [
            window for window in self.windows if window.used >= window.limit
        ]:  # all of them must be open, so the one that opens last is what to wait for
            last = max(drained, key=lambda each: each.reset_s(now_s))
            wait_s = math.ceil(last.reset_s(now_s))
            details = {"model": model, "claim": last.claim, "retry_after": wait_s, "now_s": self._vendor.wall()}
            return Refusal(self._vendor.kind("window_drained", "rate_limited"), details, self._entry)
        if self._ramp is not None and (wait_s_ := self._ramp.wait_s(now_s)) > 0:
            told = _told(wait_s_)
            details = {"model": model, "retry_after": told, "now_s": self._vendor.wall(), "limit": "requests"}
            return Refusal(self._vendor.kind("ramp_limited", "rate_limited"), details, self._entry)
        return None

    def _emptied(self, bucket: Bucket, wait_s: float, model: str, input_tokens: int) -> Refusal:
        ceiling, remaining = int(bucket.limit), max(0, int(bucket.level))
        requested = 1 if bucket.counted == "requests" else input_tokens
        details: dict[str, Any] = {
            "model": model,
            "limit": bucket.counted,
            "ceiling": ceiling,
            "remaining": remaining,
            "used": max(0, ceiling - remaining),
            "requested": requested,
            "reset_s": bucket.reset_s,
            "now_s": self._vendor.wall(),
        }
        if math.isinf(wait_s):
            kind = self._vendor.kind("request_over_limit", "rate_limited")
            return Refusal(kind, {**details, "ceiling_tokens": ceiling, "over_ceiling": requested}, self._entry)
        details["retry_after"] = _told(wait_s)
        if bucket.period_s >= DAY_S:
            kind = self._vendor.kind("daily_limited", "rate_limited")
            return Refusal(kind, {**details, "ceiling_daily": ceiling}, self._entry)
        return Refusal(self._vendor.kind("rate_limited", "quota_exhausted"), details, self._entry)


def windows_of(limits: Limits) -> list[Window]:
    """The subscription windows that limits speak of."""
    return [
        Window(short, claim, limit, period_s)
        for name, short, claim, period_s in _WINDOWS
        if (limit := getattr(limits, name)) is not None
    ]


def _told(wait_s: float) -> float:
    # a client that comes back at this very moment must be let in, so the wait is never rounded down
    return math.ceil(round(wait_s * 1000, 6)) / 1000
