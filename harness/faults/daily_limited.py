"""The requests or tokens of a day are used up."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from .base import Context
from .spoken_wait import SpokenWait


class DailyLimited(SpokenWait):
    """Refuse every request because the day's requests or tokens are used up: the same status as a limit a minute."""

    failure_kind = "daily_limited"
    spoken: ClassVar[tuple[str, ...]] = (*SpokenWait.spoken, "limit")

    limit: Literal["requests", "tokens"] | None = Field(
        default=None, description="what was counted; the vendor's usual one if absent"
    )

    def told(self, context: Context) -> dict[str, Any]:
        """What fills the vendor's words."""
        told = super().told(context)
        return told if self.limit is None else {**told, "limit": self.limit}


FAULT = DailyLimited
