"""The content delivery network's own error page."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from .base import Context
from .spoken import Spoken


class EdgePage(Spoken):
    """Refuse every request with the edge's big HTML page and a status that is none of HTTP's (520 to 530)."""

    failure_kind = "edge_page"
    spoken: ClassVar[tuple[str, ...]] = (*Spoken.spoken, "status")

    status: Literal[500, 520, 521, 522, 523, 524, 525, 526, 530] = Field(
        default=520,
        description="HTTP status: 520 unknown, 521 down, 522 no connection, 523 unreachable, 524 timeout, 525 and 526 "
        "TLS, 530 DNS",
    )

    def told(self, context: Context) -> dict[str, Any]:
        """What fills the page."""
        return {**super().told(context), "status": self.status}


FAULT = EdgePage
