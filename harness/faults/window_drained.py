"""A subscription's usage window is used up."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from .base import Context
from .spoken_wait import SpokenWait


class WindowDrained(SpokenWait):
    """Refuse every request because a subscription's usage window is used up, for hours (Anthropic asks for 7,999 s).

    The reset stands in headers: Anthropic's `anthropic-ratelimit-unified-*`, OpenAI's `x-codex-*` and its body.
    """

    failure_kind = "window_drained"
    spoken: ClassVar[tuple[str, ...]] = (*SpokenWait.spoken, "claim")

    claim: Literal["five_hour", "seven_day", "seven_day_opus", "seven_day_sonnet"] | None = Field(
        default=None, description="which of Anthropic's windows; the one of five hours if absent"
    )

    def told(self, context: Context) -> dict[str, Any]:
        """What fills the vendor's words."""
        told = super().told(context)
        return told if self.claim is None else {**told, "claim": self.claim}


FAULT = WindowDrained
