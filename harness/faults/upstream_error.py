"""The model behind the vendor failed."""

from __future__ import annotations

from .spoken import Spoken


class UpstreamError(Spoken):
    """Refuse every request because the model behind the vendor failed (Bedrock: 424, OpenRouter: 502)."""

    failure_kind = "upstream_error"


FAULT = UpstreamError
