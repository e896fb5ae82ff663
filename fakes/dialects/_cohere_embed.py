"""Cohere embed, version 2: vectors of length one that are a pure function of the text, and mean nothing.

Fields: the vendor's API reference and the official SDK's types (7.3); the words of complaints are a guess.
"""

from __future__ import annotations

import base64
from array import array
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from . import _cohere_failures as failures
from . import _cohere_response as response
from . import _tokens
from ._cohere_complaints import complain, count, maybe, model_of, parse
from ._routes import Request
from ._vectors import blocks_of
from .base import Answer, Ask, Reply

DIMENSIONS: Final = (256, 512, 1024, 1536)
"""Lengths of vectors; the last is the usual one."""
TEXTS_MAX: Final = 96
"""Most texts of one request (the API reference)."""
_PURPOSES: Final = ("search_document", "search_query", "classification", "clustering", "image")
_KINDS: Final = ("float", "int8", "uint8", "binary", "ubinary", "base64")
_TEXTS, _SIGN, _ESCAPED = "$texts", b"~", b"\\u007e"


def read(request: Request) -> Ask:
    """Understand the body of ``POST /v2/embed``."""
    document = parse(request.body)
    model = model_of(document)
    if document.get("input_type") not in _PURPOSES:
        complain(f"input_type must be one of the following: {', '.join(_PURPOSES)}")
    texts = [*_texts(document), *_inputs(document)]
    images = maybe(document, "images", list, "a list") or []
    if any(not isinstance(image, str) for image in images):
        complain("images must be a list of data URIs.")
    wanted = texts + images
    if not wanted:
        complain("must provide at least one of texts, images or inputs.")
    if len(wanted) > TEXTS_MAX:
        complain(f"at most {TEXTS_MAX} texts or images can be embedded at once.")
    kinds = maybe(document, "embedding_types", list, "a list") or ["float"]
    if any(kind not in _KINDS for kind in kinds):
        complain(f"embedding_types must be of the following: {', '.join(_KINDS)}")
    if count(document, "output_dimension") not in (None, *DIMENSIONS):
        complain(f"output_dimension must be one of the following: {', '.join(map(str, DIMENSIONS))}")
    return Ask(
        model=model,
        stream=False,
        text="",
        mark=None,
        input_tokens=sum(-(-len(text) // _tokens.LETTERS_PER_TOKEN) for text in texts) + len(images),
        operation="embeddings",
        body={**document, _TEXTS: wanted},
    )


def write(ask: Ask, answer: Answer) -> Reply:
    """The vectors by their type, in the order of what was to be embedded."""
    blocks = blocks_of(ask.body.get("output_dimension") or DIMENSIONS[-1])
    rows = [blocks.binary(text.encode("utf-8", "surrogatepass")) for text in ask.body[_TEXTS]]
    kinds = dict.fromkeys(ask.body.get("embedding_types") or ["float"])
    document = {
        "id": failures.uuid(answer.id_seed, "reply"),
        "embeddings": {kind: [_as(kind, row) for row in rows] for kind in kinds},
        "texts": ask.body.get("texts") or [],
        "response_type": "embeddings_by_type",
        "meta": {"api_version": {"version": "2"}, "billed_units": {"input_tokens": answer.input_tokens}},
    }
    reply = response.plain(document, answer)
    if _SIGN not in reply.body:  # whoever counts words of answers must not count those of questions
        return reply
    data = reply.body.replace(_SIGN, _ESCAPED)
    headers = [(name, str(len(data)) if name == "content-length" else value) for name, value in reply.headers]
    return Reply(reply.status, headers, data)


def _as(kind: str, row: bytes) -> Any:
    """A vector of floats of 32 bits in the form that is asked for."""
    if kind == "base64":
        return base64.b64encode(row).decode()
    floats = array("f", row)
    if kind == "float":
        return orjson.Fragment(b"[" + b",".join(b"%.7g" % value for value in floats) + b"]")
    if kind in ("binary", "ubinary"):
        shift = 128 if kind == "binary" else 0
        return [byte - shift for byte in _bits(floats)]
    shift = 128 if kind == "uint8" else 0
    return [max(-128, min(127, round(value * 127))) + shift for value in floats]


def _bits(floats: Sequence[float]) -> list[int]:
    """A bit a number, eight to a byte: whether it is above zero."""
    return [
        sum((value > 0) << (7 - place) for place, value in enumerate(floats[at : at + 8]))
        for at in range(0, len(floats), 8)
    ]


def _texts(document: Mapping[str, Any]) -> list[str]:
    texts = maybe(document, "texts", list, "a list") or []
    if any(not isinstance(text, str) for text in texts):
        complain("texts must be a list of strings.")
    return texts


def _inputs(document: Mapping[str, Any]) -> list[str]:
    """The texts of mixed inputs; what else they hold has no words."""
    found = []
    for place, each in enumerate(maybe(document, "inputs", list, "a list") or []):
        content = each.get("content") if isinstance(each, dict) else None
        if not isinstance(content, list):
            complain(f"inputs[{place}].content must be a list.")
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        found.append("\n".join(part for part in parts if isinstance(part, str)))
    return found
