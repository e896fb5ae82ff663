"""Azure OpenAI's responses and embeddings: OpenAI's, under the headers of Azure.

Paths: the official SDK's `AzureOpenAI` client (3.51) and Microsoft's reference. Limits of the Responses API:
learn.microsoft.com/answers/questions/5625878 (2025-11).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import orjson

from . import _azure_failures as failures
from . import _openai_embeddings as embeddings
from . import _openai_responses as responses
from ._openai_complaints import parse
from ._routes import Request
from .base import Answer, Ask, Headers, Reply

_CONTENT: Final = frozenset({"content-type", "content-length"})


def read_embeddings(request: Request) -> Ask:
    """Understand a request for embeddings; a path that names the deployment goes before the body."""
    if request.name:
        document = {**parse(request.body), "model": request.name}
        request = replace(request, body=orjson.dumps(document))
    return embeddings.read(request)


def write_embeddings(ask: Ask, answer: Answer) -> Reply:
    """The vectors."""
    own = failures.response_headers(answer.id_seed) + failures.limits(answer.input_tokens)
    return _under(embeddings.write(ask, answer), own)


def write_response(ask: Ask, answer: Answer) -> Reply:
    """The answer as one `response`."""
    return _under(responses.write(ask, answer), failures.response_headers(answer.id_seed) + failures.NO_LIMITS)


def response_stream_head(_: Ask, answer: Answer) -> tuple[int, Headers]:
    """Status and headers of a streamed response."""
    kind = ("content-type", "text/event-stream; charset=utf-8")
    return 200, [kind, *failures.response_headers(answer.id_seed), *failures.NO_LIMITS]


def _under(reply: Reply, headers: Headers) -> Reply:
    own = [header for header in reply.headers if header[0] in _CONTENT]
    return Reply(reply.status, own + headers, reply.body)
