"""How Cohere complains about a request, and how its JSON is read."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any, NoReturn

import orjson

from . import _cohere_failures as failures
from .base import RequestRefused


def refuse(kind: str, **details: Any) -> NoReturn:
    """Answer the request with a failure; the same complaint gets the same ids."""
    raise RequestRefused(failures.reply(kind, details, id_seed=zlib.crc32(repr(details).encode())))


def complain(message: str) -> NoReturn:
    """Refuse with 400."""
    refuse("bad_request", message=f"invalid request: {message}")


def parse(body: bytes) -> dict[str, Any]:
    """The body's JSON object."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        refuse("bad_request", message="invalid json syntax: the body can not be parsed")
    if not isinstance(document, dict):
        refuse("bad_request", message="invalid type: the body must be an object")
    return document


def model_of(document: Mapping[str, Any]) -> str:
    """The model that a request names."""
    model = document.get("model")
    if not isinstance(model, str) or not model:
        refuse("bad_request", message="a model parameter is required for this endpoint.")
    return model


def maybe(document: Mapping[str, Any], name: str, kind: type, wanted: str) -> Any:
    """A field that may be absent or null."""
    value = document.get(name)
    if value is not None and not isinstance(value, kind):
        complain(f"{name} must be {wanted}.")
    return value


def count(document: Mapping[str, Any], name: str, least: int = 1) -> int | None:
    """A field that holds a whole number of at least `least`; None if it is absent."""
    value = document.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        complain(f"{name} must be an integer.")
    if value < least:
        complain(f"{name} must be at least {least}.")
    return value
