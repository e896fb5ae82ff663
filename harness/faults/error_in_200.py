"""A failure that hides behind a 200."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from .base import Context
from .spoken import Spoken


class ErrorIn200(Spoken):
    """Answer with a failure under status 200, in the words of the vendors that do so."""

    failure_kind = "error_in_200"
    spoken = (*Spoken.spoken, "cause")

    cause: str | None = Field(
        default=None,
        min_length=1,
        max_length=60,
        description="the failure that is told, one of the vendor's; the usual one if absent",
    )

    def told(self, context: Context) -> dict[str, Any]:
        """What fills the vendor's words."""
        return super().told(context) | ({} if self.cause is None else {"cause": self.cause})


FAULT = ErrorIn200
