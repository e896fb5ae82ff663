"""Cohere's failures: a status, and a body that has an id and a message and no code at all.

Messages: the vendor's page of errors (docs.cohere.com/reference/errors) unless a row says otherwise; statuses that the
page leaves out have a class in the official SDK 7.3 (403, 498, 503, 504), but no words there, so the words are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import orjson

from . import _ids
from ._failure_table import worded
from .base import Headers, Reply

DEFAULT_MODEL: Final = "command-a-03-2025"
CALLS_PER_MINUTE: Final = 20
CALLS_PER_MONTH: Final = 1_000
TOKENS_PER_MINUTE: Final = 100_000
_CONTACT: Final = (
    " You can continue to use the Trial key for free or upgrade to a Production key with higher rate limits at "
    "'https://dashboard.cohere.com/api-keys'. Contact us on 'https://discord.gg/XW44jPfYJu' or email us at "
    "support@cohere.com with any questions"
)
_BILLING: Final = "https://dashboard.cohere.com/billing?tab=payment"


@dataclass(frozen=True, slots=True)
class _Row:
    status: int
    message: str


_LIMITS: Final = MappingProxyType(
    {
        "trial": "You are using a Trial key, which is limited to {ceiling} API calls / minute." + _CONTACT,
        "requests": "You are past the per minute request limit, please wait and try again later.",
        "tokens": "trial token rate limit exceeded, limit is {tokens} tokens per minute",
    }
)
_ROWS: Final[Mapping[str, _Row]] = MappingProxyType(
    {
        "missing_key": _Row(401, "no api key supplied"),
        "bad_key": _Row(401, "invalid api token"),
        "key_expired": _Row(
            401,
            "Your API key has expired. Please create a production key at dashboard.cohere.com or reach out to your "
            "contact at Cohere to continue usage.",
        ),
        "permission_denied": _Row(403, "you do not have permission to perform this operation"),
        "billing_problem": _Row(402, f"Please add or update your payment method at {_BILLING} to continue"),
        "spend_capped": _Row(
            402,
            f"Maximum billing reached for this API key as set in your dashboard, please go to {_BILLING} to increase "
            "your maximum amount to continue using this API key. Your billing capacity will reset at the beginning of "
            "next month.",
        ),
        # the same status as the limit a minute; the count is that of the page of rate limits
        "tier_capped": _Row(
            429, f"You are using a Trial key, which is limited to {CALLS_PER_MONTH} API calls / month." + _CONTACT
        ),
        "rate_limited": _Row(429, ""),
        "overloaded": _Row(503, "the service is currently overloaded, please wait and try again later"),
        "server_error": _Row(500, "internal server error"),
        "timeout": _Row(504, "the request timed out"),
        "bad_request": _Row(400, "invalid request"),
        "unsupported_parameter": _Row(400, "invalid request: {param} is not supported with RAG."),
        "model_not_found": _Row(
            404,
            "model '{model}' not found, make sure the correct model ID was used and that you have access to the model.",
        ),
        # a capture of 2026-04
        "model_retired": _Row(
            404,
            "model '{model}' was removed on {date}. See https://docs.cohere.com/docs/models#command for a "
            "list of models you can use instead.",
        ),
        "context_too_long": _Row(
            400,
            "too many tokens: total number of tokens in the prompt cannot exceed {maximum} - received {requested}. Try "
            "using a shorter prompt, or enabling prompt truncating. See https://docs.cohere.com/reference/generate for "
            "more details.",
        ),
        "max_tokens_too_high": _Row(
            400,
            "too many tokens: max tokens must be less than or equal to {output}, the maximum output for this model - "
            "received {requested}.",
        ),
        # 498 is `InvalidTokenError` in the SDK: a token of the text, not the credential, is on a list
        "content_filtered": _Row(498, "the request or the response contains a deny-listed token"),
        "request_too_large": _Row(413, "request body too large"),
        "unknown_url": _Row(404, "404 page not found"),
        "wrong_method": _Row(405, "method not allowed"),
        # not an error but an answer: the SDK's finish reasons; its text stands in a stream's last event
        "error_in_200": _Row(200, "the model failed to complete its answer"),
    }
)
_VARIANTS: Final[Mapping[tuple[str, str], _Row]] = MappingProxyType(
    {
        # statuses that have a class in the SDK
        ("bad_request", "unprocessable"): _Row(422, "invalid request: the request can not be processed"),
        ("timeout", "client_closed"): _Row(499, "client closed request"),
        ("server_error", "not_implemented"): _Row(501, "not implemented"),
        ("error_in_200", "timeout"): _Row(200, "the model took too long to complete its answer"),
    }
)
"""Other words for a kind, asked for by the detail `variant`."""

KINDS: Final = frozenset(_ROWS)


def uuid(id_seed: int, purpose: str) -> str:
    """An id as the vendor's are, a version 4 UUID."""
    digits = _ids.hexadecimal(id_seed, purpose, 32)
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def response_headers(id_seed: int, calls_left: int) -> Headers:
    """The headers that every answer to a trial key carries (a capture of 2026-04); no others tell limits."""
    return [
        ("access-control-expose-headers", "X-Debug-Trace-ID"),
        ("cache-control", "no-cache, no-store, no-transform, must-revalidate, private, max-age=0"),
        ("vary", "Origin,Accept-Encoding"),
        ("x-debug-trace-id", _ids.hexadecimal(id_seed, "trace", 32)),
        ("x-endpoint-monthly-call-limit", str(CALLS_PER_MONTH)),
        ("x-trial-endpoint-call-limit", str(CALLS_PER_MINUTE)),
        ("x-trial-endpoint-call-remaining", str(calls_left)),
        ("x-envoy-upstream-service-time", str(10 + id_seed % 90)),
        ("server", "envoy"),
        ("via", "1.1 google"),
    ]


def message(kind: str, details: Mapping[str, Any]) -> str:
    """The failure's words. `details` may replace them (`message`) and fill them in.

    `limit` chooses those of `rate_limited`: "trial", "requests" (a production key's) or "tokens".
    """
    row = _row(kind, details)
    template = row.message or _LIMITS.get(str(details.get("limit", "trial")), _LIMITS["requests"])
    return str(details.get("message", template.format_map(_Blanks(details))))


def reply(kind: str, details: Mapping[str, Any], id_seed: int) -> Reply:
    """The failure as a response. `retry_after` (seconds, or any text) becomes a header where waiting is of use.

    Cohere names no moments in its headers, so no failure needs a clock.
    """
    row = _row(kind, details)
    data = orjson.dumps({"id": uuid(id_seed, "error"), "message": message(kind, details)})
    headers: Headers = [("content-type", "application/json"), ("content-length", str(len(data)))]
    headers += response_headers(id_seed, 0 if kind == "rate_limited" else CALLS_PER_MINUTE - 1)
    wait = details.get("retry_after")
    if wait is not None and row.status in {429, 503}:
        # whole seconds: the SDK reads no others
        headers.append(("retry-after", str(-int(-wait // 1)) if isinstance(wait, float) else str(wait)))
    return Reply(row.status, headers, data)


def finish_reason(kind: str, details: Mapping[str, Any]) -> str:
    """How an answer ends that the failure `kind` ends."""
    return "TIMEOUT" if kind == "timeout" or details.get("variant") == "timeout" else "ERROR"


def is_answer(kind: str, details: Mapping[str, Any]) -> bool:
    """Whether the failure is an answer of status 200."""
    return _row(kind, details).status == 200


def _row(kind: str, details: Mapping[str, Any]) -> _Row:
    return worded("Cohere", _ROWS, _VARIANTS, kind, details)


class _Blanks(dict[str, Any]):
    """What a message's blanks are filled with: the failure's details, else a plausible figure."""

    def __missing__(self, name: str) -> str:
        filled = {
            "model": DEFAULT_MODEL,
            "ceiling": str(CALLS_PER_MINUTE),
            "tokens": str(TOKENS_PER_MINUTE),
            "maximum": "256000",
            "output": "8192",
            "param": "response_format",
            "date": "September 15, 2025",
            "requested": "262144",
        }
        return filled[name]
