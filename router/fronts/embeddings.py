"""`POST /v1/embeddings`, as OpenAI's SDKs call it. Only providers that are said to offer the same model are asked."""

from __future__ import annotations

import orjson

from ..messages import LLMRequest, LLMResponse
from .base import Asked, Front, Reading, read_object, rejected


class EmbeddingsFront(Front):
    """Embeddings."""

    path = "/v1/embeddings"

    def read(self, asked: Asked) -> Reading:
        """Wrap the caller's body.

        Raises:
            RequestRejected: It isn't JSON, or names no model or no input.
        """
        body = read_object(asked.body)
        if not isinstance(body.get("model"), str) or not body["model"]:
            raise rejected("'model' is missing", "model")
        if not isinstance(body.get("input"), str | list) or not body["input"]:
            raise rejected("'input' has to be text or a list with at least one input", "input")
        model = body["model"]

        def plain(response: LLMResponse) -> bytes:
            # The caller's own name for it: it is what vectors are kept under.
            return orjson.dumps({**response.body, "model": model})

        return Reading(LLMRequest.from_embeddings(body), stream=False, plain=plain)


FRONT = EmbeddingsFront()
