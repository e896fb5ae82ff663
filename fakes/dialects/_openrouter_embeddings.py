"""OpenRouter's embeddings: OpenAI's, with an id, who answered, and what it cost.

Fields: openrouter.ai/docs/api_reference/embeddings and the vendor's SDK for TypeScript.
"""

from __future__ import annotations

from dataclasses import replace

import orjson

from . import _ids
from . import _openai_embeddings as embeddings
from . import _openrouter_failures as failures
from ._openai_complaints import parse
from ._openrouter_completion import cost, provider
from ._routes import Request
from .base import Answer, Ask, Headers, Reply


def read(request: Request) -> Ask:
    """Understand a request; what a model takes does not depend on its maker's name."""
    document = parse(request.body)
    model = document.get("model")
    if not isinstance(model, str) or "/" not in model:
        return embeddings.read(request)
    bare = {**document, "model": model.rpartition("/")[2] or model}
    return replace(embeddings.read(replace(request, body=orjson.dumps(bare))), model=model)


def write(ask: Ask, answer: Answer) -> Reply:
    """The vectors."""
    bare = embeddings.write(replace(ask, model=ask.model.rpartition("/")[2]), answer)
    vectors, ending, _ = bare.body.rpartition(b'],"model":')  # 80 MB at the most: nothing to parse again
    usage = {"prompt_tokens": answer.input_tokens, "total_tokens": answer.input_tokens, "cost": cost(ask, answer)}
    more = {
        "provider": provider(ask.model),
        "id": f"gen-emb-{answer.created_s}-" + _ids.letters(answer.id_seed, "generation", 20),
        "usage": usage,
    }
    body = vectors + ending + orjson.dumps(ask.model) + b"," + orjson.dumps(more)[1:]
    headers: Headers = [("content-type", "application/json"), ("content-length", str(len(body)))]
    return Reply(200, headers + failures.response_headers(answer.id_seed), body)
