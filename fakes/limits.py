"""What a customer may use up, and what a request beyond it is refused with."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final

RAMP_WINDOW_S: Final = 60.0
"""Seconds of a ramp's window unless the rule says otherwise."""
RAMP_FLOOR: Final = 10.0
"""Requests a window that a ramp always lets through unless the rule says otherwise."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request gets no answer: a failure kind of the vendor, the details of its words, whose timeline entry."""

    kind: str
    details: Mapping[str, Any] = field(default_factory=dict)
    entry: str | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """What somebody may use of a model; None is no limit.

    `tokens` are those of prompt and answer together. Money and subscription windows count over all models.

    Attributes:
        requests_per_minute: A bucket, as all that say "per": it fills steadily.
        requests_per_day: The same over a day.
        tokens_per_minute: Prompt and answer.
        tokens_per_day: Prompt and answer.
        input_tokens_per_minute: Prompts alone.
        output_tokens_per_minute: Answers alone.
        spend_usd: A balance in US dollars, which does not fill again.
        spend_cap_usd: What the customer allows itself in a calendar month (UTC), in US dollars.
        tier_cap_usd: What the customer's tier allows in a calendar month (UTC), in US dollars.
        ramp_factor: How many times the requests of the window before a window may have; above 1.
        ramp_window_s: Seconds of such a window.
        ramp_floor: Requests that each window may have in any case.
        window_5h_tokens: Tokens in a subscription's five hours, which begin with the first request after the last ones.
        window_7d_tokens: The same over seven days.
    """

    requests_per_minute: float | None = None
    requests_per_day: float | None = None
    tokens_per_minute: float | None = None
    tokens_per_day: float | None = None
    input_tokens_per_minute: float | None = None
    output_tokens_per_minute: float | None = None
    spend_usd: float | None = None
    spend_cap_usd: float | None = None
    tier_cap_usd: float | None = None
    ramp_factor: float | None = None
    ramp_window_s: float = RAMP_WINDOW_S
    ramp_floor: float = RAMP_FLOOR
    window_5h_tokens: float | None = None
    window_7d_tokens: float | None = None

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if value is not None and not 0 < value < math.inf:
                raise ValueError(f"{each.name} must be above 0 and finite, got {value!r}: leave it out for no limit")
        if self.ramp_factor is not None and self.ramp_factor <= 1:
            raise ValueError(f"ramp_factor must be above 1, got {self.ramp_factor!r}: traffic could never grow")
