"""Gemini embeddings: embedContent and batchEmbedContents; vectors are a pure function of the text, and mean nothing.

Fields: google-genai 3.4 (`EmbedContentResponse`) and the vendor's API reference; the words of complaints are a guess.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from . import _gemini_failures as failures
from . import _tokens
from ._gemini_complaints import complain, field, integer, invalid, listing, message_field, parse
from ._gemini_contents import read_parts
from ._routes import Request
from ._vectors import blocks_of
from .base import Answer, Ask, Headers, Reply

BATCH: Final = "batch"
"""The `Ask.api` of batchEmbedContents."""
DIMENSIONS_MAX: Final = 3072
"""Longest vector, and the usual one."""
REQUESTS_MAX: Final = 100
"""Most requests of a batch (ai.google.dev)."""
_SETTINGS: Final = "$embedded"
"""Key in `Ask.body` for what was asked for: text and dimensions of each vector."""


def read(request: Request) -> Ask:
    """Understand the body of ``:embedContent``."""
    return _ask(request.name, [_read_one(parse(request.body), "embed_content_request")], "")


def read_batch(request: Request) -> Ask:
    """Understand the body of ``:batchEmbedContents``."""
    requests = listing(field(parse(request.body), "requests"))
    if not requests:
        complain("* BatchEmbedContentsRequest.requests: at least one request is required\n")
    if len(requests) > REQUESTS_MAX:  # chroma-core/chroma's users know these words
        complain(f"* BatchEmbedContentsRequest.requests: at most {REQUESTS_MAX} requests can be in one batch\n")
    read_ones = []
    for place, each in enumerate(requests):
        if not isinstance(each, dict):
            invalid(f"requests[{place}]", "EmbedContentRequest", each)
        read_ones.append(_read_one(each, f"requests[{place}]"))
    return _ask(request.name, read_ones, BATCH)


def write(ask: Ask, answer: Answer) -> Reply:
    """One vector, or those of a batch in their order."""
    vectors = [
        b'{\n"values": [' + blocks_of(dimensions).json(text.encode("utf-8", "surrogatepass")) + b"]\n}"
        for text, dimensions in ask.body[_SETTINGS]
    ]
    if ask.api == BATCH:
        data = b'{\n"embeddings": [' + b",".join(vectors) + b"]\n}\n"
    else:
        data = b'{\n"embedding": ' + vectors[0] + b"\n}\n"
    head: Headers = [("content-type", "application/json; charset=UTF-8"), ("content-length", str(len(data)))]
    return Reply(200, head + failures.response_headers(answer.id_seed), data)


def _read_one(document: Mapping[str, Any], where: str) -> tuple[str, int]:
    content = message_field(document, "content", f"{where}.content", "Content")
    if not content:
        complain("* EmbedContentRequest.content: content is required\n")
    text, _, _ = read_parts(content, f"{where}.content")
    dimensions = integer(field(document, "outputDimensionality"), f"{where}.output_dimensionality")
    if dimensions is None:
        return text, DIMENSIONS_MAX
    if not 1 <= dimensions <= DIMENSIONS_MAX:
        complain(f"* EmbedContentRequest.output_dimensionality: must be between 1 and {DIMENSIONS_MAX}\n")
    return text, dimensions


def _ask(model: str, wanted: list[tuple[str, int]], api: str) -> Ask:
    return Ask(
        model=model,
        stream=False,
        text="",
        mark=None,
        input_tokens=sum(-(-len(text) // _tokens.LETTERS_PER_TOKEN) for text, _ in wanted),
        operation="embeddings",
        api=api,
        body={_SETTINGS: wanted},
    )
