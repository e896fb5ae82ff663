"""Mistral's failures, in the five shapes that its API, its gateway and its validator have.

Statuses, codes and messages: the threads named in each row. Rows without one follow the vendor's envelope and usual
words, which were not seen in a capture. ``form`` among a failure's details picks another of its shapes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from . import _ids
from ._edge_pages import page as edge
from ._failure_table import PAGES, FailureTable, Row, json_reply, wait_headers
from .base import Headers, Reply

HOST: Final = "api.mistral.ai"
REQUESTS_PER_MINUTE: Final = 720
TOKENS_PER_MINUTE: Final = 5_000_000
_INVALID: Final = "invalid_request_error"
_UNAUTHORIZED: Final = Row(401, "Unauthorized")
_FULL: Final = "Service tier capacity exceeded for this model."

TABLE: Final = FailureTable(
    "Mistral",
    {
        "bad_key": _UNAUTHORIZED,  # diegosouzapw/OmniRoute#7638
        # byte for byte the same: nobody can tell a used-up quota from a revoked key; diegosouzapw/OmniRoute#7638
        "quota_exhausted": _UNAUTHORIZED,
        "missing_key": _UNAUTHORIZED,  # from the gateway; ZhangHanDong/CoolCline#36
        # raycast/extensions#31107; the older form: dnakov/anon-kode#53
        "rate_limited": Row(429, "Rate limit exceeded", "rate_limited", "1300", waits=True),
        # continuedev/continue#6185
        "capacity_exceeded": Row(429, _FULL, _INVALID, waits=True),
        # the same words with another status mean that the backend is full; BerriAI/litellm#25078
        "overloaded": Row(503, _FULL, _INVALID, waits=True),
        "server_error": Row(500, "Internal server error", "internal_server_error", "1000"),
        **{kind: Row(status, words, "internal_server_error") for kind, (status, words) in PAGES.items()},
        "model_not_found": Row(400, "Invalid model: {model}", "invalid_model", "1500"),
        "context_too_long": Row(
            400,
            "Prompt contains {requested} tokens and 0 draft tokens, too large for model with {maximum} maximum context "
            "length",
            _INVALID,
        ),
        "bad_request": Row(422, "Input should be a valid value", "value_error"),
        "request_too_large": Row(413, "Request size limit exceeded"),
        "unknown_url": Row(404, "no Route matched with those values"),
        "wrong_method": Row(405, "Method Not Allowed"),
    },
    {"model": "mistral-large-latest", "requested": "280000", "maximum": "262144"},
)
_PLACES: Final = re.compile(r"[^.\[\]]+")


def body(kind: str, details: Mapping[str, Any], id_seed: int) -> Any:
    """The failure's body, None where it has none."""
    row = TABLE.row(kind, details)
    message = TABLE.message(kind, details)
    form = details.get("form", _FORMS.get(kind, "object"))
    return _SHAPES[form if form in _SHAPES else "object"](row, message, details, id_seed)


def _detail(_: Row, message: str, __: Mapping[str, Any], ___: int) -> dict[str, Any]:
    return {"detail": message}


def _gateway(_: Row, message: str, __: Mapping[str, Any], id_seed: int) -> dict[str, Any]:
    return {"message": message, "request_id": _ids.hexadecimal(id_seed, "kong", 32)}


def _bare(_: Row, __: str, ___: Mapping[str, Any], ____: int) -> dict[str, Any]:
    return {"message": "Requests rate limit exceeded"}


def _nothing(_: Row, __: str, ___: Mapping[str, Any], ____: int) -> None:
    return None


def _object(row: Row, message: str, _: Mapping[str, Any], __: int) -> dict[str, Any]:
    error = {"object": "error", "message": message, "type": row.type, "param": None, "code": row.code}
    return {**error, "raw_status_code": row.status} if row.code == "1300" else error


def _fields(row: Row, message: str, details: Mapping[str, Any], _: int) -> dict[str, Any]:
    """What the validator says of a field: where it is, and what is wrong with it."""
    missing = details.get("code") == "missing_required_parameter"
    places = _PLACES.findall(str(details.get("param") or ""))
    return {
        "detail": [
            {
                "type": "missing" if missing else row.type,
                "loc": ["body", *(int(place) if place.isdecimal() else place for place in places)],
                "msg": "Field required" if missing else message,
                "input": None,
            }
        ]
    }


def _nested(row: Row, message: str, details: Mapping[str, Any], id_seed: int) -> dict[str, Any]:
    fields = _fields(row, message, details, id_seed)
    return {"object": "error", "message": fields, "type": _INVALID, "param": None, "code": None}


_SHAPES: Final[Mapping[str, Callable[[Row, str, Mapping[str, Any], int], Any]]] = {
    "detail": _detail,
    "gateway": _gateway,
    "none": _nothing,  # a 401 without a body: continuedev/continue#10277
    "object": _object,
    "bare": _bare,  # dnakov/anon-kode#53
    "fields": _fields,
    "nested": _nested,
}
_FORMS: Final = {
    "bad_key": "detail",
    "quota_exhausted": "detail",
    "missing_key": "gateway",
    "request_too_large": "gateway",
    "unknown_url": "gateway",
    "wrong_method": "detail",
    "bad_request": "fields",
}


def reply(kind: str, details: Mapping[str, Any], id_seed: int) -> Reply:
    """The failure as a response."""
    row = TABLE.row(kind, details)
    if (page := edge(kind, HOST, details, id_seed)) is not None:
        return page
    headers = response_headers(id_seed)
    if kind == "rate_limited":
        requests = details.get("limit") == "requests"
        headers += _limits(0 if requests else REQUESTS_PER_MINUTE - 1, TOKENS_PER_MINUTE if requests else 0)
    headers += wait_headers(row, details)
    return json_reply(row.status, body(kind, details, id_seed), headers)


def response_headers(id_seed: int) -> Headers:
    """The headers that every answer of the API carries, rate limits apart."""
    return [
        ("mistral-correlation-id", _ids.uuid(id_seed, "correlation")),
        ("x-kong-request-id", _ids.hexadecimal(id_seed, "kong", 32)),
        ("server", "cloudflare"),
        ("cf-cache-status", "DYNAMIC"),
        ("cf-ray", _ids.hexadecimal(id_seed, "ray", 16) + "-FRA"),
    ]


def limits(tokens: int) -> Headers:
    """Rate-limit headers of a request that took `tokens` out of full buckets; there are no resets."""
    left = _limits(REQUESTS_PER_MINUTE - 1, max(0, TOKENS_PER_MINUTE - tokens))
    return [*left, ("x-ratelimit-tokens-query-cost", str(tokens))]


def _limits(requests: int, tokens: int) -> Headers:
    """Names as in mistralai/client-ts#169."""
    return [
        ("x-ratelimit-limit-tokens-minute", str(TOKENS_PER_MINUTE)),
        ("x-ratelimit-remaining-tokens-minute", str(tokens)),
        ("x-ratelimit-limit-req-minute", str(REQUESTS_PER_MINUTE)),
        ("x-ratelimit-remaining-req-minute", str(requests)),
    ]
