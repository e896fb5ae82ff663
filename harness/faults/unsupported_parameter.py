"""A parameter that the model does not take any more."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from .base import Context
from .spoken import Spoken


class UnsupportedParameter(Spoken):
    """Refuse requests because the model does not take one of their parameters, as newer models refuse `temperature`."""

    failure_kind = "unsupported_parameter"
    spoken: ClassVar[tuple[str, ...]] = (*Spoken.spoken, "instead")

    param: str | None = Field(
        default=None,
        min_length=1,
        max_length=100,
        description="only requests that have this key at the top of their body; all if absent",
    )
    instead: str | None = Field(
        default=None, min_length=1, max_length=100, description="parameter that the vendor says to use in its place"
    )

    @property
    def picks(self) -> bool:
        """Whether requests without the parameter pass."""
        return self.param is not None

    def concerns(self, context: Context) -> bool:
        """Whether the request has the parameter."""
        return self.param is None or (context.ask is not None and self.param in context.ask.body)

    def told(self, context: Context) -> dict[str, Any]:
        """What fills the vendor's words."""
        named = {"param": self.param, "instead": self.instead}
        return {**super().told(context), **{name: value for name, value in named.items() if value is not None}}


FAULT = UnsupportedParameter
