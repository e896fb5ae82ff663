"""What every part of the configuration has in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """A part of the document: unknown keys are mistakes. Defaults are in seconds, bytes and shares of 1."""

    model_config = ConfigDict(extra="forbid", frozen=True)
