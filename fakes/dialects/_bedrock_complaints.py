"""How Bedrock complains about a request, and how its JSON is read."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any, NoReturn

import orjson

from . import _bedrock_failures as failures
from .base import RequestRefused


def refuse(kind: str, **details: Any) -> NoReturn:
    """Answer the request with a failure; the same complaint gets the same request id."""
    raise RequestRefused(failures.reply(kind, details, id_seed=zlib.crc32(repr(details).encode())))


def complain(message: str) -> NoReturn:
    """Refuse with 400 `ValidationException`."""
    refuse("bad_request", message=message)


def parse(body: bytes) -> dict[str, Any]:
    """The body's JSON object; an empty body is an empty one."""
    try:
        document = orjson.loads(body or b"{}")
    except orjson.JSONDecodeError:
        document = None
    if not isinstance(document, dict):
        refuse("bad_request", exception="SerializationException", message="The request body is not a JSON object.")
    return document


def maybe(document: Mapping[str, Any], name: str, kind: type, where: str) -> Any:
    """A member that may be absent or null."""
    value = document.get(name)
    if value is not None and not isinstance(value, kind):
        unlike(where, "an object" if kind is dict else "a list")
    return value


def unlike(where: str, wanted: str) -> NoReturn:
    """Refuse for a member of the wrong type."""
    refuse("bad_request", exception="SerializationException", message=f"The value at {where} must be {wanted}.")
