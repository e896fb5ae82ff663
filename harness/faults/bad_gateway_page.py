"""A gateway's plain page of HTML where JSON is expected."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from .base import Context
from .spoken import Spoken


class BadGatewayPage(Spoken):
    """Refuse every request with a gateway's plain HTML page, which no JSON parser reads."""

    failure_kind = "bad_gateway_page"
    spoken: ClassVar[tuple[str, ...]] = (*Spoken.spoken, "status")

    status: Literal[500, 502, 503, 504] = Field(default=502, description="HTTP status, of which the page speaks too")

    def told(self, context: Context) -> dict[str, Any]:
        """What fills the page."""
        return {**super().told(context), "status": self.status}


FAULT = BadGatewayPage
