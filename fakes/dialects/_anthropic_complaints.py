"""How Anthropic complains about a request: the words of its validator, field by field."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any, NoReturn

import orjson

from . import _anthropic_failures as failures
from .base import RequestRefused


def refuse(kind: str, **details: Any) -> NoReturn:
    """Answer the request with a failure; the same complaint gets the same request id."""
    raise RequestRefused(failures.reply(kind, details, id_seed=zlib.crc32(repr(details).encode())))


def complain(message: str) -> NoReturn:
    """Refuse with 400 `invalid_request_error`."""
    refuse("bad_request", message=message)


def parse(body: bytes) -> dict[str, Any]:
    """The body's JSON object."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        complain(f"The request body is not valid JSON: {error}")
    if not isinstance(document, dict):
        complain("Input should be a valid dictionary")
    return document


def need(document: Mapping[str, Any], name: str, kind: type, wanted: str) -> Any:
    """A required field of the request."""
    if name not in document:
        complain(f"{name}: Field required")
    value = document[name]
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        complain(f"{name}: Input should be a valid {wanted}")
    return value


def maybe(document: Mapping[str, Any], name: str, kind: type, wanted: str) -> Any:
    """A field that may be absent or null."""
    return None if document.get(name) is None else need(document, name, kind, wanted)
