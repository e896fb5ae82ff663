"""OpenAI's SDK and its Azure client, by deployment."""

from __future__ import annotations

from typing import Any

import openai

from .openai_chat import OpenAIChat


class Azure(OpenAIChat):
    """The client as it is documented."""

    makers = (openai.AzureOpenAI, openai.AsyncAzureOpenAI)
    model = "gpt-4.1"

    def options(self, root: str) -> dict[str, Any]:
        """What the client is made with."""
        return {"azure_endpoint": root, "api_key": "k", "api_version": "2024-10-21"}


PLAYER = Azure
