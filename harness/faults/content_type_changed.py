"""A drift of the envelope: the same bytes under another content type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from .base import Context, Fault

if TYPE_CHECKING:
    from ...fakes.dialects.base import Headers


class ContentTypeChanged(Fault):
    """Send answers under another Content-Type, their bytes unchanged."""

    phase = "head"
    reaches_provider = True
    billed = True

    to: str = Field(
        default="text/html",
        pattern=r"^[\w.+-]+/[\w.+-]+(; ?[\w-]+=[\w.-]+)*$",
        max_length=200,
        description="the content type that answers get",
    )

    def on_head(self, context: Context, status: int, headers: Headers) -> tuple[int, Headers]:
        """Change the header of answers; refusals keep theirs."""
        if status >= 300:
            return status, headers
        rest = [(name, value) for name, value in headers if name != "content-type"]
        return status, [*rest, ("content-type", self.to)]


FAULT = ContentTypeChanged
