"""A model that is retired."""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar

from pydantic import Field

from .base import Context
from .spoken import Spoken


class ModelRetired(Spoken):
    """Refuse every request because the model was retired: the 404 of an unknown model, or words of its own.

    A scenario has no calendar: the model is gone while the window is open. `date` only fills the words of vendors that
    name one.
    """

    failure_kind = "model_retired"
    spoken: ClassVar[tuple[str, ...]] = (*Spoken.spoken, "date")

    date: dt.date | None = Field(
        default=None, strict=False, description="day on which it was retired, for the vendor's words"
    )

    def told(self, context: Context) -> dict[str, Any]:
        """What fills the vendor's words."""
        told = super().told(context)
        if self.date is None:
            return told
        return {**told, "date": f"{self.date:%B} {self.date.day}, {self.date.year}"}


FAULT = ModelRetired
