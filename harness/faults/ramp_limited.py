"""Traffic grew too fast."""

from __future__ import annotations

from .spoken_wait import SpokenWait


class RampLimited(SpokenWait):
    """Refuse every request because traffic grew too fast: a 429 that passes when a caller slows down."""

    failure_kind = "ramp_limited"


FAULT = RampLimited
