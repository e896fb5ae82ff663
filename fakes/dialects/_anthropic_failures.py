"""Anthropic's failures, word for word: routers and SDKs match on substrings of them.

Most account failures are HTTP 400 `invalid_request_error`, not 401 or 403. Statuses and types: the vendor's error
page; `details.error_code`: the official SDK 2.10; messages: the threads named in each row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

import orjson

from . import _ids
from .base import Headers, Reply, UnknownFailureError

ORGANIZATION: Final = "b3a57042-0fa4-4e0b-9a11-5ca1ab1e0001"
"""The made-up organisation that the fake's keys belong to."""
DEFAULT_MODEL: Final = "claude-sonnet-5"
REQUESTS_PER_MINUTE: Final = 4_000
INPUT_TOKENS_PER_MINUTE: Final = 2_000_000
OUTPUT_TOKENS_PER_MINUTE: Final = 400_000

_INVALID: Final = "invalid_request_error"


@dataclass(frozen=True, slots=True)
class _Row:
    status: int
    type: str
    message: str
    error_code: str | None = None


_ROWS: Final[Mapping[str, _Row]] = MappingProxyType(
    {
        # anthropics/claude-code#8327, #19028, #72457; the code: SDK 2.10 `organization_on_hold_error.py`
        "org_disabled": _Row(400, _INVALID, "This organization has been disabled.", "organization_on_hold"),
        "permission_denied": _Row(
            403, "permission_error", "Your API key does not have permission to use the specified resource"
        ),
        # anthropics/claude-code#9635
        "oauth_revoked": _Row(403, "permission_error", "OAuth token has been revoked. Please obtain a new token."),
        # anthropics/claude-code#6459
        "oauth_expired": _Row(
            401,
            "authentication_error",
            "OAuth token has expired. Please obtain a new token or refresh your existing token.",
        ),
        # All-Hands-AI/OpenHands#9259, anthropics/claude-code#55132
        "rate_limited": _Row(
            429,
            "rate_limit_error",
            "This request would exceed your organization's rate limit of {ceiling} {counted} per minute "
            "(org: {organization}, model: {model}). For details, refer to: "
            "https://docs.claude.com/en/api/rate-limits. You can see the response headers for current usage. Please "
            "reduce the prompt length or the maximum tokens requested, or try again later. You may also contact sales "
            "at https://www.anthropic.com/contact-sales to discuss your options for a rate limit increase.",
        ),
        # anthropics/claude-code#66314
        "quota_exhausted": _Row(
            400,
            _INVALID,
            "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or "
            "purchase credits.",
        ),
        # anthropics/claude-code#63051
        "overloaded": _Row(529, "overloaded_error", "Overloaded"),
        "server_error": _Row(500, "api_error", "Internal server error"),
        "bad_key": _Row(401, "authentication_error", "invalid x-api-key"),
        "missing_key": _Row(401, "authentication_error", "x-api-key header is required"),
        "model_not_found": _Row(404, "not_found_error", "model: {model}"),
        # anthropics/claude-code#66799
        "context_too_long": _Row(400, _INVALID, "prompt is too long: {requested} tokens > {maximum} maximum"),
        "bad_request": _Row(400, _INVALID, "Invalid request"),
        "unknown_url": _Row(404, "not_found_error", "Not found"),
        "wrong_method": _Row(405, _INVALID, "Method Not Allowed"),
        # anthropics/claude-code#1613: from the edge, which gives no request id and no outer type
        "region_blocked": _Row(403, "forbidden", "Request not allowed"),
        # anthropics/anthropic-sdk-python#938: from the edge as well
        "request_too_large": _Row(413, "request_too_large", "Request exceeds the maximum size"),
    }
)
_FROM_THE_EDGE: Final = frozenset({"region_blocked", "request_too_large"})

KINDS: Final = frozenset(_ROWS)


def request_id(id_seed: int) -> str:
    """The id in the `request-id` header and in error bodies."""
    return "req_011C" + _ids.letters(id_seed, "request", 20, _ids.BASE58)


def response_headers(id_seed: int) -> Headers:
    """The headers that every answer of the API carries, rate limits apart (a capture in R's tidyllm has them)."""
    return [
        ("request-id", request_id(id_seed)),
        ("anthropic-organization-id", ORGANIZATION),
        *_edge_headers(id_seed),
        ("via", "1.1 google"),
        ("strict-transport-security", "max-age=31536000; includeSubDomains; preload"),
        ("x-robots-tag", "none"),
    ]


def body(kind: str, details: Mapping[str, Any], id_seed: int) -> dict[str, Any]:
    """The failure's body. `details` may replace `message`, `type` and `error_code`, and fill in the message."""
    row = _row(kind)
    error = {
        "type": details.get("type", row.type),
        "message": details.get("message", row.message.format_map(_Blanks(details))),
    }
    error_code = details.get("error_code", row.error_code)
    if error_code is not None:
        error["details"] = {"error_code": error_code}
    if kind in _FROM_THE_EDGE:
        return {"error": error}
    return {"type": "error", "error": error, "request_id": request_id(id_seed)}


def reply(kind: str, details: Mapping[str, Any], id_seed: int) -> Reply:
    """The failure as a response.

    `retry_after` (seconds, or any text) becomes a header where the kind has a wait. `now_s` (seconds since 1970) adds
    the moments at which limits reset: without it they are left out, since this function reads no clock.
    """
    row = _row(kind)
    data = orjson.dumps(body(kind, details, id_seed))
    headers: Headers = [("content-type", "application/json"), ("content-length", str(len(data)))]
    headers += _edge_headers(id_seed) if kind in _FROM_THE_EDGE else response_headers(id_seed)
    if kind == "rate_limited":
        headers += _drained(details)
    if row.status in {429, 503, 529} and details.get("retry_after") is not None:
        headers.append(("retry-after", _seconds(details["retry_after"])))
    return Reply(row.status, headers, data)


def limits(input_tokens: int, output_tokens: int, now_s: int) -> Headers:
    """Rate-limit headers of a request that took its tokens out of full buckets; token counts are in thousands."""
    left_in = max(0, INPUT_TOKENS_PER_MINUTE - input_tokens)
    left_out = max(0, OUTPUT_TOKENS_PER_MINUTE - output_tokens)
    reset = moment(now_s + 1)
    return [
        ("anthropic-ratelimit-requests-limit", str(REQUESTS_PER_MINUTE)),
        ("anthropic-ratelimit-requests-remaining", str(REQUESTS_PER_MINUTE - 1)),
        ("anthropic-ratelimit-requests-reset", reset),
        ("anthropic-ratelimit-input-tokens-limit", str(INPUT_TOKENS_PER_MINUTE)),
        ("anthropic-ratelimit-input-tokens-remaining", _thousands(left_in)),
        ("anthropic-ratelimit-input-tokens-reset", reset),
        ("anthropic-ratelimit-output-tokens-limit", str(OUTPUT_TOKENS_PER_MINUTE)),
        ("anthropic-ratelimit-output-tokens-remaining", _thousands(left_out)),
        ("anthropic-ratelimit-output-tokens-reset", reset),
        ("anthropic-ratelimit-tokens-limit", str(INPUT_TOKENS_PER_MINUTE + OUTPUT_TOKENS_PER_MINUTE)),
        ("anthropic-ratelimit-tokens-remaining", _thousands(left_in + left_out)),
        ("anthropic-ratelimit-tokens-reset", reset),
    ]


@lru_cache(maxsize=4)
def moment(at_s: int) -> str:
    """`at_s` (seconds since 1970) as Anthropic's reset headers have it, RFC 3339: ``2026-11-20T12:40:59Z``."""
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _drained(details: Mapping[str, Any]) -> Headers:
    family = _family(details)
    ceilings = {
        "requests": REQUESTS_PER_MINUTE,
        "input-tokens": INPUT_TOKENS_PER_MINUTE,
        "output-tokens": OUTPUT_TOKENS_PER_MINUTE,
    }
    now_s, wait = details.get("now_s"), details.get("retry_after")
    wait_s = wait if isinstance(wait, int | float) and 0 <= wait < 1e9 else 60
    headers: Headers = []
    for name, ceiling in ceilings.items():
        headers.append((f"anthropic-ratelimit-{name}-limit", str(ceiling)))
        headers.append((f"anthropic-ratelimit-{name}-remaining", "0" if name == family else str(ceiling)))
        if isinstance(now_s, int | float):
            reset = int(now_s + wait_s) if name == family else int(now_s)
            headers.append((f"anthropic-ratelimit-{name}-reset", moment(reset)))
    return headers


def _family(details: Mapping[str, Any]) -> str:
    limit = details.get("limit")
    return {"requests": "requests", "output_tokens": "output-tokens"}.get(str(limit), "input-tokens")


def _seconds(retry_after: Any) -> str:
    # whole seconds, as the vendor sends them; text goes out as it is, for those who want junk
    return str(-int(-retry_after // 1)) if isinstance(retry_after, float) else str(retry_after)


def _thousands(tokens: int) -> str:
    return str(round(tokens, -3))


def _edge_headers(id_seed: int) -> Headers:
    ray = _ids.hexadecimal(id_seed, "ray", 16) + "-FRA"
    return [("server", "cloudflare"), ("cf-ray", ray), ("cf-cache-status", "DYNAMIC")]


def _row(kind: str) -> _Row:
    try:
        return _ROWS[kind]
    except KeyError:
        raise UnknownFailureError(f"Anthropic has no failure {kind!r}; it has {', '.join(sorted(KINDS))}") from None


class _Blanks(dict[str, Any]):
    """What a message's blanks are filled with: the failure's details, else a plausible figure."""

    def __missing__(self, name: str) -> str:
        family = _family(self)
        filled = {
            "model": DEFAULT_MODEL,
            "organization": ORGANIZATION,
            "ceiling": {"requests": f"{REQUESTS_PER_MINUTE:,}", "output-tokens": f"{OUTPUT_TOKENS_PER_MINUTE:,}"}.get(
                family, f"{INPUT_TOKENS_PER_MINUTE:,}"
            ),
            "counted": family.replace("-", " "),
            "requested": "1036683",
            "maximum": "1000000",
        }
        return filled[name]
