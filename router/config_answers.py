"""What `router.yaml` may say about answers that nobody could give."""

from __future__ import annotations

from pydantic import Field

from .part import Part
from .units import Seconds


class LastGoodAnswers(Part):
    """The last known-good plain answer to the same question, when nobody can give a new one; marked as such."""

    enabled: bool = Field(default=False, description="Do so.")
    entries_max: int = Field(default=1000, ge=1, le=100_000, description="Answers that are kept, in memory.")
    age_max: Seconds = Field(default=3600.0, description="How old an answer may be.")
