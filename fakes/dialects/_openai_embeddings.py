"""OpenAI embeddings: vectors of length one that are a pure function of the text, and mean nothing.

Shapes and limits: OpenAI's API reference and the types of the official SDK; the words of complaints are a guess.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Final

import orjson

from . import _openai_failures as failures
from . import _tokens
from ._openai_complaints import maybe, missing, parse, refuse, shown, wrong_type
from ._routes import Request
from ._vectors import blocks_of
from .base import Answer, Ask, Headers, Reply

DIMENSIONS: Final = {"text-embedding-3-large": 3072}
"""Length of a vector by model, where it is not `USUAL_DIMENSIONS`."""
USUAL_DIMENSIONS: Final = 1536
INPUTS_MAX: Final = 2048
"""Most inputs of one request, and most tokens in an array of them."""
INPUT_TOKENS_MAX: Final = 8192
"""Longest input, in tokens."""


def read(request: Request) -> Ask:
    """Understand the body of ``POST /v1/embeddings``."""
    document = parse(request.body)
    model = document.get("model")
    if not isinstance(model, str) or not model:
        refuse("bad_request", message="you must provide a model parameter")
    if document.get("encoding_format", "float") not in ("float", "base64", None):
        refuse(
            "bad_request",
            message=f"Invalid value: {shown(document['encoding_format'])}. Supported values are: 'float' and 'base64'.",
            param="encoding_format",
            code="invalid_value",
        )
    dimensions = maybe(document, "dimensions", int, "an integer")
    most = DIMENSIONS.get(model, USUAL_DIMENSIONS)
    if dimensions is not None and (isinstance(dimensions, bool) or not 1 <= dimensions <= most):
        refuse(
            "bad_request",
            message=f"Invalid value for 'dimensions' = {int(dimensions)}. Must be greater than 0 and less than or "
            f"equal to {most}.",
            param="dimensions",
        )
    if dimensions is not None and model == "text-embedding-ada-002":
        refuse("bad_request", message="This model does not support specifying dimensions.")
    inputs = _inputs(document)
    tokens = [len(each) if isinstance(each, list) else -(-len(each) // _tokens.LETTERS_PER_TOKEN) for each in inputs]
    if max(tokens) > INPUT_TOKENS_MAX:
        refuse(
            "context_too_long",
            message=f"This model's maximum context length is {INPUT_TOKENS_MAX} tokens, however you requested "
            f"{max(tokens)} tokens ({max(tokens)} in your prompt; 0 for the completion). Please reduce your prompt; "
            "or completion length.",
            param=None,
            code=None,
        )
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
    """The vectors, in the order of the inputs; base64 is of little-endian floats of 32 bits."""
    blocks = blocks_of(ask.body.get("dimensions") or DIMENSIONS.get(ask.model, USUAL_DIMENSIONS))
    plain = ask.body.get("encoding_format") != "base64"
    usage = {"prompt_tokens": answer.input_tokens, "total_tokens": answer.input_tokens}
    # put together by hand, with each vector copied once: 80 MB of floats, at the most, are much to render
    body = [b'{"object":"list","data":']
    for index, each in enumerate(_inputs(ask.body)):
        seed = each.encode("utf-8", "surrogatepass") if isinstance(each, str) else repr(each).encode()
        body.append(b'%b{"object":"embedding","index":%d,"embedding":' % (b"," if index else b"[", index))
        body += (b"[", blocks.json(seed), b"]}") if plain else (b'"', base64.b64encode(blocks.binary(seed)), b'"}')
    body += (b'],"model":', orjson.dumps(ask.model), b',"usage":', orjson.dumps(usage), b"}")
    whole = b"".join(body)
    headers: Headers = [("content-type", "application/json"), ("content-length", str(len(whole)))]
    own = failures.response_headers(answer.id_seed, 20 + answer.id_seed % 60)
    return Reply(200, [*headers, *own, *failures.limits(answer.input_tokens)], whole)


def _inputs(document: Mapping[str, Any]) -> list[Any]:
    """The inputs, each a text or a list of tokens."""
    given = document.get("input")
    if isinstance(given, str):
        given = [given]
    elif not isinstance(given, list):
        missing("input", given, "one of a string or array of strings")
    elif given and all(_is_token(each) for each in given):
        given = [given]
    if not given:
        refuse(
            "bad_request",
            message="Invalid 'input': input cannot be an empty array.",
            param="input",
            code="invalid_value",
        )
    if len(given) > INPUTS_MAX:
        refuse(
            "bad_request",
            message=f"Invalid 'input': maximum context length is {INPUTS_MAX} inputs.",
            param="input",
            code="array_above_max_length",
        )
    for place, each in enumerate(given):
        tokens = isinstance(each, list) and bool(each) and all(_is_token(one) for one in each)
        if not tokens and not isinstance(each, str):
            wrong_type(f"input[{place}]", "one of a string or array of integers", each)
        if each == "":
            refuse("bad_request", message="Invalid 'input': input cannot be an empty string.", param="input")
    return given


def _is_token(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
