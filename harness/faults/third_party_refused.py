"""A subscription's token is refused outside the vendor's own application."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from .base import Context
from .spoken import Spoken
from .system_prompt import matches, system_prompt

PATTERN_MAX: Final = 500
"""Longest pattern, in letters."""


class ThirdPartyRefused(Spoken):
    """Refuse requests because the credential may not be used by third-party applications (Anthropic's is a 400).

    Anthropic's words since April 2026 speak of extra usage; the variants `system_2025` and `claude_code_only` are those
    of before, `out_of_extra_usage` that of an account which has none left. The vendor knows an application by its
    system prompt, so that a conversation may be refused halfway: `system` and `unless_system` do the same.
    """

    failure_kind = "third_party_refused"

    system: str | None = Field(
        default=None,
        min_length=1,
        max_length=PATTERN_MAX,
        description="only requests whose system prompt contains this, * standing for anything; capitals don't matter",
    )
    unless_system: str | None = Field(
        default=None, min_length=1, max_length=PATTERN_MAX, description="not those whose system prompt contains this"
    )

    @property
    def picks(self) -> bool:
        """Whether the system prompt decides."""
        return self.system is not None or self.unless_system is not None

    def concerns(self, context: Context) -> bool:
        """Whether the system prompt is one that is refused; a request that is not understood has none."""
        prompt = "" if context.ask is None else system_prompt(context.ask.body)
        if self.unless_system is not None and matches(prompt, self.unless_system):
            return False
        return self.system is None or matches(prompt, self.system)


FAULT = ThirdPartyRefused
