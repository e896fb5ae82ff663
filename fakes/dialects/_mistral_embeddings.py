"""Mistral's embeddings: lists of texts become vectors of length one, in floats or in fewer bits.

Fields, types and answers: the official SDK's types (3.7). The lengths of vectors: docs.mistral.ai.
"""

from __future__ import annotations

import base64
from array import array
from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from . import _ids, _tokens
from . import _mistral_failures as failures
from ._openai_complaints import maybe, missing, need, parse, refuse, wrong_type
from ._routes import Request
from ._vectors import blocks_of
from .base import Answer, Ask, Headers, Reply

DIMENSIONS: Final = {"codestral-embed": 1536}
"""Length of a vector by model, where it is not `USUAL_DIMENSIONS`."""
USUAL_DIMENSIONS: Final = 1024
DIMENSIONS_MAX: Final = 3072
INPUTS_MAX: Final = 512
"""Most texts of one request."""
INPUT_TOKENS_MAX: Final = 8192
"""Longest text, in tokens."""


def _bits(vector: array[float]) -> list[int]:
    signs = [part > 0 for part in vector]
    return [
        sum(bit << (7 - place) for place, bit in enumerate(signs[start : start + 8]))
        for start in range(0, len(signs), 8)
    ]


# how the vendor shortens a number, and the type of what comes out
_SHORTER: Final[Mapping[str, tuple[str, Callable[[array[float]], list[int]]]]] = {
    "int8": ("b", lambda vector: [round(part * 127) for part in vector]),
    "uint8": ("B", lambda vector: [round(part * 127) + 128 for part in vector]),
    "binary": ("b", lambda vector: [byte - 128 for byte in _bits(vector)]),
    "ubinary": ("B", _bits),
}


def read(request: Request) -> Ask:
    """Understand the body of ``POST /v1/embeddings``."""
    document = parse(request.body)
    model = need(document, "model", str, "a string")
    texts = _texts(document)
    tokens = [-(-len(text) // _tokens.LETTERS_PER_TOKEN) for text in texts]
    if max(tokens) > INPUT_TOKENS_MAX:
        refuse("context_too_long", requested=str(max(tokens)), maximum=str(INPUT_TOKENS_MAX))
    length = maybe(document, "output_dimension", int, "an integer")
    if length is not None and (isinstance(length, bool) or not 1 <= length <= DIMENSIONS_MAX):
        refuse("bad_request", message=f"Input should be from 1 to {DIMENSIONS_MAX}", param="output_dimension")
    for name, known in (("output_dtype", ("float", *_SHORTER)), ("encoding_format", ("float", "base64"))):
        value = maybe(document, name, str, "a string")
        if value is not None and value not in known:
            refuse("bad_request", message=f"Input should be {', '.join(map(repr, known))}", param=name)
    return Ask(
        model=model,
        stream=False,
        text="",
        mark=None,
        input_tokens=sum(tokens),
        operation="embeddings",
        body=document,
    )


def write(ask: Ask, answer: Answer) -> Reply:
    """The vectors, in the order of the texts; base64 is of little-endian numbers."""
    blocks = blocks_of(ask.body.get("output_dimension") or DIMENSIONS.get(ask.model, USUAL_DIMENSIONS))
    code, shorten = _SHORTER.get(ask.body.get("output_dtype") or "float", ("f", None))
    plain = ask.body.get("encoding_format") != "base64"
    data = []
    for index, text in enumerate(_texts(ask.body)):
        seed = text.encode("utf-8", "surrogatepass")
        if shorten is None and plain:
            shown = b"[" + blocks.json(seed) + b"]"
        else:
            vector = blocks.binary(seed)
            if shorten is not None:
                vector = array(code, shorten(array("f", vector))).tobytes()
            shown = orjson.dumps(array(code, vector).tolist()) if plain else b'"' + base64.b64encode(vector) + b'"'
        data.append(b'{"object":"embedding","embedding":%b,"index":%d}' % (shown, index))
    usage = {"prompt_tokens": answer.input_tokens, "total_tokens": answer.input_tokens, "completion_tokens": 0}
    body = orjson.dumps(
        {
            "id": _ids.hexadecimal(answer.id_seed, "embedding", 32),
            "object": "list",
            "data": orjson.Fragment(b"[" + b",".join(data) + b"]"),
            "model": ask.model,
            "usage": usage,
        }
    )
    headers: Headers = [("content-type", "application/json"), ("content-length", str(len(body)))]
    own = failures.response_headers(answer.id_seed)
    return Reply(200, headers + own + failures.limits(answer.input_tokens), body)


def _texts(document: Mapping[str, Any]) -> list[str]:
    given = document.get("input")
    if isinstance(given, str):
        return [given]
    if not isinstance(given, list):
        missing("input", given, "one of a string or array of strings")
    if not 1 <= len(given) <= INPUTS_MAX:
        refuse("bad_request", message=f"Input should have from 1 to {INPUTS_MAX} items", param="input")
    for place, text in enumerate(given):
        if not isinstance(text, str):
            wrong_type(f"input[{place}]", "a string", text)
    return given
