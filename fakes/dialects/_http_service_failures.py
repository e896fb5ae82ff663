"""A service's failures: the rows of its definition, laid over those that every service needs."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final

import orjson

from . import _edge_pages
from ._failure_table import worded
from ._http_service_model import Definition, Failure, Words
from ._http_service_template import Filling, Template, as_text
from .base import Headers, Reply

OWN_PREFIX: Final = "x_"
"""What a failure's name begins with that no other dialect has."""
PAGES: Final = frozenset({"bad_gateway_page", "edge_page"})
"""Failures that have a page of their own, unless the definition gives them a body."""
ALWAYS: Final[Mapping[str, tuple[int, str]]] = MappingProxyType(
    {
        "unknown_url": (404, "There is nothing at {path}."),
        "wrong_method": (405, "{path} takes {allowed}, not {method}."),
        "bad_request": (400, "{field} {problem}."),
        "request_too_large": (413, "The body is larger than {bytes_max} bytes."),
        "server_error": (500, "Something went wrong on our side."),
        "missing_key": (401, "The request has no credential."),
        "bad_key": (401, "The credential {masked} is not known."),
        "not_found": (404, "There is no {id} in {collection}."),
        "conflict": (409, "The idempotency key was used with another request."),
    }
)
"""What every service can say, and how, unless its definition has other words."""
BLANKS: Final = frozenset(
    [
        *("message", "kind", "status", "masked", "retry_after", "limit", "ceiling", "remaining", "requested"),
        *("reset_s", "model", "method", "path", "field", "problem", "allowed", "id", "collection", "bytes_max"),
    ]
)
"""What blanks of errors may refer to, besides what a row gives under `with`."""
WAIT_S_MAX: Final = 1e9
"""Longest wait that is taken for one, in seconds."""

_NOT_LATIN: Final = re.compile(r"[^\t\x20-\x7e\xa0-\xff]")
_HEADER_LETTERS_MAX: Final = 4096


@dataclass(frozen=True, slots=True)
class Row:
    """A failure, compiled. `body` None is a page."""

    status: int
    message: Template
    fill: Mapping[str, Template]
    headers: Mapping[str, Template]
    body: Template | None


@dataclass(frozen=True, slots=True)
class Failures:
    """The failures of one service."""

    title: str
    host: str
    example: str
    bytes_max: int
    rows: Mapping[str, Row]
    variants: Mapping[tuple[str, str], Row]

    def reply(self, kind: str, details: Mapping[str, Any], id_seed: int) -> Reply:
        """The failure as a response.

        Raises:
            UnknownFailureError: when the service has no such failure.
        """
        row = worded(self.title, self.rows, self.variants, kind, details)
        if row.body is None:
            if kind == "edge_page":
                return _edge_pages.edge_page(self.host, details, id_seed)
            return _edge_pages.gateway_page(details, id_seed)
        filling = self._filling(kind, row, details, id_seed)
        return reply(row.status, row.headers, row.body, filling)

    def suited(self, kind: str, variant: str) -> dict[str, str]:
        """The detail that chooses `variant` of `kind`, if the service has other words for it."""
        return {"variant": variant} if (kind, variant) in self.variants else {}

    def _filling(self, kind: str, row: Row, details: Mapping[str, Any], id_seed: int) -> Filling:
        wait = _wait(details.get("retry_after"))
        values: dict[str, Any] = {
            "limit": "requests",
            "ceiling": 100,
            "remaining": 0,
            "requested": 1,
            "method": "GET",
            "path": "/",
            "field": "the request",
            "problem": "is not valid",
            "allowed": "",
            "collection": "objects",
            "bytes_max": self.bytes_max,
            **{name: value for name, value in details.items() if name in BLANKS},
            "kind": kind,
            "status": row.status,
            "masked": mask(str(details.get("credential") or self.example)),
            "retry_after": wait,
            "reset_s": _wait(details.get("reset_s", wait)),
        }
        now_s = details.get("now_s")
        filling = Filling(values, id_seed, int(now_s) if isinstance(now_s, int | float) else None)
        values["message"] = as_text(details.get("message", row.message(filling)))
        values |= {name: template(filling) for name, template in row.fill.items()}
        return filling


def reply(status: int, headers: Mapping[str, Template], body: Template | None, filling: Filling) -> Reply:
    """A response: a header that nothing fills is left out."""
    data = b"" if body is None else orjson.dumps(body(filling), default=str)
    sent: dict[str, str] = {} if body is None else {"content-type": "application/json"}
    if status != 204:
        sent["content-length"] = str(len(data))
    for name, template in headers.items():
        value = template(filling)
        if value is not None:
            sent[name] = _NOT_LATIN.sub("?", as_text(value)).strip()[:_HEADER_LETTERS_MAX]
    return Reply(status, _pairs(sent), data)


def _pairs(headers: Mapping[str, str]) -> Headers:
    return list(headers.items())


def mask(credential: str) -> str:
    """A credential as errors show it: its first and its last four letters, if enough are left between them."""
    if len(credential) < 16:
        return "*" * 8
    return f"{credential[:4]}{'*' * 8}{credential[-4:]}"


def _wait(value: Any) -> Any:
    """A wait in whole seconds, never shorter than it is; any other text as it is, an implausible number as nothing."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return math.ceil(value) if 0 <= value < WAIT_S_MAX else None


def rows_of(definition: Definition) -> dict[str, Failure]:
    """Every failure of a service: those of its definition, and those that it can't do without."""
    rows = dict(definition.errors)
    for kind in ALWAYS:
        needed = {
            "missing_key": definition.auth.kind != "none",
            "bad_key": definition.auth.kind != "none",
            "not_found": any(route.item_from for route in definition.routes),
            "conflict": any(route.idempotency for route in definition.routes),
        }
        if needed.get(kind, True):
            rows.setdefault(kind, Failure())
    return rows


def status_of(kind: str, words: Words, base: Words) -> int | None:
    """The status of a failure in these words; None if neither says one."""
    given = words.status or base.status
    return given or (ALWAYS[kind][0] if kind in ALWAYS else 502 if kind in PAGES else None)


def message_of(kind: str, words: Words, base: Words, status: int) -> str:
    """The message of a failure in these words."""
    for given in (words.message, base.message):
        if given is not None:
            return given
    if kind in ALWAYS:
        return ALWAYS[kind][1]
    known = {each.value: each.phrase for each in HTTPStatus}
    return known.get(status, "Error")
