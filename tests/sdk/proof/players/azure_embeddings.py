"""OpenAI's SDK, its Azure client and embeddings."""

from __future__ import annotations

from .azure import Azure
from .openai_embeddings import OpenAIEmbeddings


class AzureEmbeddings(Azure, OpenAIEmbeddings):
    """The client as it is documented."""

    model = "text-embedding-3-small"


PLAYER = AzureEmbeddings
