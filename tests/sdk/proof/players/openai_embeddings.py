"""OpenAI's SDK and embeddings."""

from __future__ import annotations

from typing import Any

from .base import settle
from .openai_chat import OpenAIChat


class OpenAIEmbeddings(OpenAIChat):
    """The client as it is documented."""

    model = "text-embedding-3-small"

    async def ask(self, *, stream: bool) -> Any:
        """The vector of "hello"."""
        return await settle(self.client.embeddings.create(model=self.model, input="hello"))


PLAYER = OpenAIEmbeddings
