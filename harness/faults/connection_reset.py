"""A connection that breaks after the request, before a byte of the answer."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ...scenarios.units import Duration
from .base import Action, Close, Context, Fault


class ConnectionReset(Fault):
    """Take the request, and break the connection before any byte of an answer."""

    reaches_provider = False
    billed = False

    how: Literal["reset", "close"] = Field(
        default="reset", description="reset: a TCP reset (ECONNRESET); close: an orderly end without an answer"
    )
    delay: Duration = Field(default="0s", validate_default=True, description="wait before it, the request taken")

    def on_request(self, context: Context) -> Action:
        """Hang up."""
        return Close(reset=self.how == "reset", delay_s=self.delay)


FAULT = ConnectionReset
