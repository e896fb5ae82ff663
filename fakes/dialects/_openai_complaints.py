"""How OpenAI complains about a request: the words for what is missing, of the wrong type, or not a value it knows."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from typing import Any, Final, NoReturn

import orjson

from . import _openai_failures as failures
from ._nesting import is_deeper
from ._routes import Request
from .base import Ask, Reply, RequestRefused

_NOT_JSON: Final = (
    "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP library "
    "correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON. If you have trouble "
    "figuring out how to fix this, please contact us through our help center at help.openai.com.)"
)
_KINDS_OF_JSON: Final = {
    str: "a string",
    bool: "a boolean",
    int: "an integer",
    float: "a decimal",
    list: "an array",
    dict: "an object",
    type(None): "null",
}


class Complaint(RequestRefused):
    """What is wrong with a request; its `reply` says so in OpenAI's words, others have words of their own."""

    def __init__(self, kind: str, details: Mapping[str, Any]) -> None:
        self.kind = kind
        self.details = details
        self.id_seed = zlib.crc32(repr(details).encode())
        super().__init__(failures.reply(kind, details, self.id_seed))


def refuse(kind: str, **details: Any) -> NoReturn:
    """Answer the request with a failure; the same complaint gets the same request id."""
    raise Complaint(kind, details)


def in_words_of(
    say: Callable[[str, Mapping[str, Any], int], Reply], read: Callable[[Request], Ask]
) -> Callable[[Request], Ask]:
    """`read` for another vendor, which refuses what OpenAI refuses, as `say(kind, details, id_seed)` has it."""

    def read_theirs(request: Request) -> Ask:
        try:
            return read(request)
        except Complaint as complaint:
            raise RequestRefused(say(complaint.kind, complaint.details, complaint.id_seed)) from None

    return read_theirs


def parse(body: bytes) -> dict[str, Any]:
    """The body's JSON object."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        refuse("bad_request", message=_NOT_JSON)
    if not isinstance(document, dict) or is_deeper(body, document):
        refuse("bad_request", message=_NOT_JSON)
    return document


def need(document: Mapping[str, Any], name: str, kind: type, wanted: str) -> Any:
    """A required field of the request."""
    if name not in document:
        missing(name, None, wanted)
    value = document[name]
    if not isinstance(value, kind):
        wrong_type(name, wanted, value)
    return value


def maybe(document: Mapping[str, Any], name: str, kind: type, wanted: str) -> Any:
    """An optional field of the request, None when it is absent or null."""
    value = document.get(name)
    if value is not None and not isinstance(value, kind):
        wrong_type(name, wanted, value)
    return value


def missing(name: str, value: Any, wanted: str) -> NoReturn:
    """Refuse for a field that is missing, or null where it must not be, or (if it is there) of the wrong type."""
    if value is not None:
        wrong_type(name, wanted, value)
    refuse(
        "bad_request",
        message=f"Missing required parameter: '{name}'.",
        param=name,
        code="missing_required_parameter",
    )


def wrong_type(name: str, wanted: str, value: Any) -> NoReturn:
    """Refuse for a value of the wrong type."""
    found = _KINDS_OF_JSON[type(value)]
    refuse(
        "bad_request",
        message=f"Invalid type for '{name}': expected {wanted}, but got {found} instead.",
        param=name,
        code="invalid_type",
    )


def shown(value: Any) -> str:
    """A value as OpenAI's messages quote it, at most 200 letters of it."""
    try:
        text = value if isinstance(value, str) else orjson.dumps(value).decode()
    except orjson.JSONEncodeError:  # parsing goes deeper than writing does
        text = "[...]"
    return f"'{text[:200]}'"
