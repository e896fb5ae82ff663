"""A model's price, as a scenario states it over the list price."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Usd = Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False)]
"""US dollars per million tokens."""


class ModelPrice(BaseModel):
    """What a model costs, in US dollars per million tokens."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    input: Usd = Field(description="fresh input")
    output: Usd = Field(description="output, reasoning included")
    cached: Usd | None = Field(default=None, description="input read from the cache; as fresh input if absent")
    cache_write: Usd | None = Field(default=None, description="input put into the cache; as fresh input if absent")
    cache_write_1h: Usd | None = Field(
        default=None, description="input put into the cache for an hour; as other cache writes if absent"
    )
