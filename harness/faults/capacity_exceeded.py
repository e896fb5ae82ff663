"""The tier's shared capacity is used up."""

from __future__ import annotations

from .spoken_wait import SpokenWait


class CapacityExceeded(SpokenWait):
    """Refuse every request because the capacity that the tier shares is used up (Groq: 498, which no SDK retries)."""

    failure_kind = "capacity_exceeded"


FAULT = CapacityExceeded
