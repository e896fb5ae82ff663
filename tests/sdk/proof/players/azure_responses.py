"""OpenAI's SDK, its Azure client and responses."""

from __future__ import annotations

from typing import Any

from .azure import Azure
from .openai_responses import OpenAIResponses


class AzureResponses(Azure, OpenAIResponses):
    """The client as it is documented: this API has the newest version alone."""

    def options(self, root: str) -> dict[str, Any]:
        """What the client is made with."""
        return {**super().options(root), "api_version": "preview"}


PLAYER = AzureResponses
