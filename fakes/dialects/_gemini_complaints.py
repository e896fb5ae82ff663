"""How Gemini complains about a request, and how its JSON is read: as protocol buffers' JSON, which is forgiving.

Fields may be named in camel or in snake case, and a single value may stand where a list belongs.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, NoReturn

import orjson

from . import _gemini_failures as failures
from ._nesting import is_deeper
from .base import RequestRefused

_CAPITAL: Final = re.compile("[A-Z]")
DEPTH_MAX: Final = 100
"""Levels of nesting that the vendor's JSON parser reads (protocol buffers' own limit)."""
_SHOWN_LETTERS: Final = 200
"""Letters of a wrong value that a complaint repeats."""


def complain(message: str, **details: Any) -> NoReturn:
    """Refuse with 400 INVALID_ARGUMENT; the same complaint gets the same reply."""
    complain_of("bad_request", message=message, **details)


def complain_of(kind: str, **details: Any) -> NoReturn:
    """Refuse with a failure of this kind; the same complaint gets the same reply."""
    raise RequestRefused(failures.reply(kind, details, zlib.crc32(repr(details).encode())))


def demand(where: str, what: str) -> NoReturn:
    """Refuse as the API's validator does: the field by its path in the message, and a line end."""
    complain(f"* GenerateContentRequest.{where}: {what}\n")


def invalid(where: str, kind: str, value: Any) -> NoReturn:
    """Refuse for a value of the wrong type; the wording is the JSON parser's, `kind` is a protocol buffers type."""
    shown = orjson.dumps(value).decode()[:_SHOWN_LETTERS]
    message = f"Invalid value at '{where}' ({kind}), {shown}"
    complain(message, violations=[{"field": where, "description": message}])


def unknown(name: str) -> NoReturn:
    """Refuse for a field that the request doesn't have (Alishahryar1/free-claude-code#542)."""
    message = f'Invalid JSON payload received. Unknown name "{name[:_SHOWN_LETTERS]}": Cannot find field.'
    complain(message, violations=[{"description": message}])


def parse(body: bytes) -> dict[str, Any]:
    """The body's JSON object; an empty body is an empty one."""
    if not body.strip():
        return {}
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        complain("Invalid JSON payload received. Unexpected token.")
    if not isinstance(document, dict):
        complain('Invalid JSON payload received. Unknown name "": Root element must be a message.')
    if is_deeper(body, document, DEPTH_MAX):
        complain("Invalid JSON payload received. Message too deep. Max recursion depth reached.")
    return document


@lru_cache(maxsize=256)
def _snake(name: str) -> str:
    return _CAPITAL.sub(lambda letter: "_" + letter.group().lower(), name)


def field(document: Mapping[str, Any], name: str) -> Any:
    """A field by its name in camel case, in whichever case it stands; None if it is absent or null."""
    value = document.get(name)
    return value if value is not None else document.get(_snake(name))


def message_field(document: Mapping[str, Any], name: str, where: str, kind: str) -> Mapping[str, Any]:
    """A field that holds an object; empty if it is absent."""
    value = field(document, name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        invalid(where, kind, value)
    return value


def listing(value: Any) -> list[Any]:
    """A repeated field's values: none if it is absent, one if it is no list."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def integer(value: Any, where: str) -> int | None:
    """A number, which may come as a string; None if it is absent."""
    if value is None:
        return None
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,18}", value, re.ASCII):
        return int(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        invalid(where, "TYPE_INT32", value)
    return value
