"""What a credential may use up: token buckets for requests and tokens, and money to spend, per credential and model.

A bucket is full at first, fills steadily, and gives what is asked for while it lasts; the refusal comes when it is
empty, with the wait that fills it again. A prompt's tokens are taken when it is admitted, an answer's once they are
produced, so a long answer may leave a debt that the next request waits for.
"""

from __future__ import annotations

import math
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from typing import Any, Final

from .dialects._anthropic_failures import moment
from .dialects._openai_failures import duration
from .dialects.base import Headers

HELD_MAX: Final = 100_000
"""Pairs of credential and model whose buckets are kept; beyond it the one unused for longest counts as full again."""
RULES_MAX: Final = 10_000
"""Rules that a quota may have."""

_NOTHING: Final = 1e-9
"""Share of a bucket that counts as nothing."""
_MINUTE: Final = 60.0
_DAY: Final = 86_400.0
_BUCKETS: Final = (
    ("requests_per_minute", "requests", _MINUTE),
    ("requests_per_day", "requests", _DAY),
    ("tokens_per_minute", "tokens", _MINUTE),
    ("tokens_per_day", "tokens", _DAY),
    ("input_tokens_per_minute", "input_tokens", _MINUTE),
    ("output_tokens_per_minute", "output_tokens", _MINUTE),
)
_WORDS: Final = ("limit", "remaining", "reset")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request gets no answer: a failure kind of the vendor, the details of its words, whose timeline entry."""

    kind: str
    details: Mapping[str, Any] = field(default_factory=dict)
    entry: str | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """What a credential may use of a model; None is no limit.

    `tokens` are those of prompt and answer together. `spend_usd` is a balance in US dollars over all models of the
    credential: it does not fill again.
    """

    requests_per_minute: float | None = None
    requests_per_day: float | None = None
    tokens_per_minute: float | None = None
    tokens_per_day: float | None = None
    input_tokens_per_minute: float | None = None
    output_tokens_per_minute: float | None = None
    spend_usd: float | None = None

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if value is not None and not 0 < value < math.inf:
                raise ValueError(f"{each.name} must be above 0 and finite, got {value!r}: leave it out for no limit")


class Bucket:
    """Holds up to `limit`, and fills at `limit` a `period_s` seconds; in debt below zero."""

    __slots__ = ("_at_s", "_rate", "counted", "level", "limit", "limit_text", "period_s")

    def __init__(self, counted: str, limit: float, period_s: float, now_s: float) -> None:
        self.counted = counted
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


class _Shelf:
    """The buckets of one credential at one model."""

    __slots__ = ("_chosen", "buckets", "limits")

    def __init__(self, limits: Limits | None, now_s: float) -> None:
        self.limits = limits
        self.buckets = [
            Bucket(counted, limit, period_s, now_s)
            for name, counted, period_s in _BUCKETS
            if limits is not None and (limit := getattr(limits, name)) is not None
        ]
        self._chosen: dict[tuple[str, bool | None], list[Bucket]] = {}

    def choose(self, counted: str, daily: bool | None) -> list[Bucket]:  # noqa: FBT001 - a header says it or doesn't
        """The buckets that a header is about: that of its period, else of the minute, else of the day."""
        chosen = self._chosen.get((counted, daily))
        if chosen is None:
            chosen = self._chosen[counted, daily] = self._look(counted, daily)
        return chosen

    def _look(self, counted: str, daily: bool | None) -> list[Bucket]:  # noqa: FBT001 - see above
        found = [bucket for bucket in self.buckets if bucket.counted == counted]
        if daily is not None:
            return [bucket for bucket in found if (bucket.period_s >= _DAY) == daily]
        if not found and counted == "tokens":  # a vendor that counts both ways shows their sum as well
            parts = [bucket for bucket in self.buckets if bucket.counted in {"input_tokens", "output_tokens"}]
            return parts if len(parts) == 2 else []
        return found[:1]


class Quota:
    """The quotas of one provider.

    Args:
        failures: The failure kinds that the vendor has; what it lacks is said with the nearest it has.
        clock: Seconds that never go back.
        wall: Seconds since 1970, for resets that are moments.
    """

    def __init__(
        self,
        failures: frozenset[str],
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._failures = failures
        self._clock = clock
        self._wall = wall
        self._rules: dict[tuple[str | None, str | None], Limits] = {}
        self._entries: dict[tuple[str | None, str | None], str | None] = {}
        self._held: OrderedDict[tuple[str, str], _Shelf] = OrderedDict()
        self._spent: OrderedDict[str, float] = OrderedDict()

    @property
    def rules(self) -> Mapping[tuple[str | None, str | None], Limits]:
        """Limits by credential and model, None for any."""
        return self._rules

    def set(
        self, limits: Limits, *, credential: str | None = None, model: str | None = None, entry: str | None = None
    ) -> None:
        """Limit a credential (None: each of them) at a model (None: each of them); the nearest rule counts alone.

        Buckets that the rule may concern are full again, what was spent stays spent. Refusals name `entry`, the
        timeline entry that sets the limits.

        Raises:
            ValueError: when there are too many rules.
        """
        if len(self._rules) >= RULES_MAX and (credential, model) not in self._rules:
            raise ValueError(f"a quota has at most {RULES_MAX} rules: reset it first")
        self._rules[credential, model] = limits
        self._entries[credential, model] = entry
        self._held.clear()

    def reset(self) -> None:
        """No limits, and nothing spent."""
        self._rules.clear()
        self._entries.clear()
        self._held.clear()
        self._spent.clear()

    def admit(self, credential: str, model: str, input_tokens: int) -> Refusal | None:
        """Take a request and its prompt out of the buckets; say what it is refused with if one has too little."""
        if not self._rules:
            return None
        refusal = self._take(credential, model, input_tokens)
        return None if refusal is None else replace(refusal, entry=self._entry(credential, model))

    def _take(self, credential: str, model: str, input_tokens: int) -> Refusal | None:
        shelf = self._filled(credential, model)
        limits = shelf.limits
        if limits is None:
            return None
        if limits.spend_usd is not None and self._spent.get(credential, 0.0) >= limits.spend_usd:
            return Refusal(self._kind("quota_exhausted", "spend_capped", "rate_limited"), {"model": model})
        worst: Bucket | None = None
        worst_s = 0.0
        for bucket in shelf.buckets:
            wait_s = bucket.wait_s(_need(bucket, input_tokens))
            if wait_s > worst_s:
                worst, worst_s = bucket, wait_s
        if worst is not None:
            return self._refuse(worst, worst_s, model, input_tokens)
        for bucket in shelf.buckets:
            if bucket.counted == "requests":
                bucket.level -= 1
            elif bucket.counted != "output_tokens":
                bucket.level -= input_tokens
        return None

    def settle(self, credential: str, model: str, produced_tokens: int, usd: float) -> None:
        """Take what was produced out of the buckets, and what it costs out of the balance."""
        if not self._rules:
            return
        shelf = self._filled(credential, model)
        if shelf.limits is None:
            return
        for bucket in shelf.buckets:
            if bucket.counted in {"tokens", "output_tokens"}:
                bucket.level -= produced_tokens
        if usd:
            self._spent[credential] = self._spent.get(credential, 0.0) + usd
            self._spent.move_to_end(credential)
            if len(self._spent) > HELD_MAX:
                self._spent.popitem(last=False)

    def headers(self, credential: str, model: str, headers: Headers) -> Headers:
        """`headers` with the buckets' figures in place of the dialect's, each in the form the dialect gave it."""
        if not self._rules:
            return headers
        shelf = self._filled(credential, model)
        if not shelf.buckets:
            return headers
        result = list(headers)
        for index, word, counted, daily in _places(tuple([name for name, _ in headers])):
            if chosen := shelf.choose(counted, daily):
                name, sample = headers[index]
                result[index] = (name, self._figure(name, sample, word, chosen))
        return result

    def levels(self) -> Iterator[dict[str, Any]]:
        """Each bucket that is in use: its credential, model, what it counts, limit, remaining, seconds to its reset."""
        now_s = self._clock()
        for (credential, model), shelf in self._held.items():
            for bucket in shelf.buckets:
                bucket.fill(now_s)
                yield {
                    "credential": credential,
                    "model": model,
                    "counted": bucket.counted,
                    "period_s": bucket.period_s,
                    "limit": bucket.limit,
                    "remaining": bucket.level,
                    "reset_s": bucket.reset_s,
                }

    def spent(self) -> Mapping[str, float]:
        """US dollars spent, by credential."""
        return self._spent

    def _entry(self, credential: str, model: str) -> str | None:
        for rule in ((credential, model), (credential, None), (None, model), (None, None)):
            if rule in self._rules:
                return self._entries[rule]
        return None

    def _limits(self, credential: str, model: str) -> Limits | None:
        rules = self._rules
        return (
            rules.get((credential, model))
            or rules.get((credential, None))
            or rules.get((None, model))
            or rules.get((None, None))
        )

    def _filled(self, credential: str, model: str) -> _Shelf:
        """The pair's buckets, filled up to now."""
        now_s = self._clock()
        held = self._held
        shelf = held.get((credential, model))
        if shelf is None:
            shelf = held[credential, model] = _Shelf(self._limits(credential, model), now_s)
            if len(held) > HELD_MAX:
                held.popitem(last=False)
        else:
            held.move_to_end((credential, model))
            for bucket in shelf.buckets:
                bucket.fill(now_s)
        return shelf

    def _refuse(self, bucket: Bucket, wait_s: float, model: str, input_tokens: int) -> Refusal:
        requested = 1 if bucket.counted == "requests" else input_tokens
        details: dict[str, Any] = {
            "model": model,
            "limit": bucket.counted,
            "ceiling": int(bucket.limit),
            "remaining": max(0, int(bucket.level)),
            "requested": requested,
            "reset_s": bucket.reset_s,
            "now_s": self._wall(),
        }
        if math.isinf(wait_s):
            return Refusal(self._kind("request_over_limit", "rate_limited"), details)
        # a client that comes back at this very moment must be let in, so the wait is never rounded down
        details["retry_after"] = math.ceil(round(wait_s * 1000, 6)) / 1000
        if bucket.period_s >= _DAY:
            return Refusal(self._kind("daily_limited", "rate_limited"), details)
        return Refusal(self._kind("rate_limited", "quota_exhausted"), details)

    def _kind(self, *wanted: str) -> str:
        return next((kind for kind in wanted if kind in self._failures), "server_error")

    def _figure(self, name: str, sample: str, word: str, chosen: list[Bucket]) -> str:
        alone = chosen[0] if len(chosen) == 1 else None
        if word == "limit":
            return alone.limit_text if alone else str(int(sum(bucket.limit for bucket in chosen)))
        if word == "reset":
            return _reset(_form(sample), alone.reset_s if alone else max(each.reset_s for each in chosen), self._wall())
        left = max(0, int(alone.level if alone else sum(bucket.level for bucket in chosen)))
        if name.startswith("anthropic-") and chosen[0].counted != "requests":  # the vendor rounds, says its reference
            left = min(round(left, -3), int(sum(bucket.limit for bucket in chosen)))
        return str(left)


def _need(bucket: Bucket, input_tokens: int) -> float:
    # an answer's length is not known yet: it starts as soon as anything is left
    return input_tokens if bucket.counted in {"tokens", "input_tokens"} else 1


@lru_cache(maxsize=256)
def _places(names: tuple[str, ...]) -> tuple[tuple[int, str, str, bool | None], ...]:
    """Which of these headers tell limit, remaining or reset; of what; of a day (None if it doesn't say)."""
    places = []
    for index, name in enumerate(names):
        _, found, rest = name.partition("ratelimit")
        words = rest.strip("-").split("-")
        word = next((each for each in words if each in _WORDS), None)
        if not found or word is None:
            continue
        daily = True if "day" in words else False if "minute" in words else None
        if "requests" in words:
            places.append((index, word, "requests", daily))
        elif "tokens" in words:
            counted = next((f"{each}_tokens" for each in ("input", "output") if each in words), "tokens")
            places.append((index, word, counted, daily))
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
