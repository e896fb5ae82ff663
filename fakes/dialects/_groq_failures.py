"""Groq's failures, and its limits: requests are counted a day, tokens a minute.

Statuses, codes and messages: Groq's error page (console.groq.com/docs/errors) and the threads named in each row. Rows
without one follow the documented envelope in words that were not seen in a capture.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from . import _ids
from ._edge_pages import blocked_page
from ._edge_pages import page as edge
from ._failure_table import PAGES, FailureTable, Row, json_reply, seconds, used, wait_headers
from ._openai_failures import duration
from .base import Headers, Reply

ORGANIZATION: Final = "org_01banst0rmfak3c0mpany0000x"
REQUESTS_PER_DAY: Final = 500_000
TOKENS_PER_MINUTE: Final = 300_000
TOKENS_PER_DAY: Final = 10_000_000
REQUESTS_PER_MINUTE: Final = 1_000
_INVALID: Final = "invalid_request_error"
_SERVER: Final = "internal_server_error"
_ULID: Final = bytes(b"0123456789abcdefghjkmnpqrstvwxyz"[value % 32] for value in range(256))
_UPGRADE: Final = "Upgrade to Dev Tier today at https://console.groq.com/settings/billing"
_BAD_KEY: Final = Row(401, "Invalid API Key", _INVALID, "invalid_api_key")
# continuedev/continue#10920, openinterpreter#408
_LIMITED: Final = Row(
    429,
    "Rate limit reached for model `{model}` in organization `{organization}` service tier `{service_tier}` on "
    "{counted} per {period} ({short}): Limit {ceiling}, Used {used}, Requested {requested}. Please try again in "
    "{again}. Need more {counted}? " + _UPGRADE,
    "{counted}",
    "rate_limit_exceeded",
    waits=True,
)

TABLE: Final = FailureTable(
    "Groq",
    {
        "bad_key": _BAD_KEY,
        "missing_key": _BAD_KEY,
        # songquanpeng/one-api#271
        "org_disabled": Row(
            400,
            "Organization has been restricted. Please reach out to support if you believe this was in error.",
            _INVALID,
            "organization_restricted",
        ),
        "permission_denied": Row(403, "Not allowed to access this resource.", "permissions_error"),
        "rate_limited": _LIMITED,
        "daily_limited": _LIMITED,
        # assafelovic/gpt-researcher#985
        "request_over_limit": Row(
            413,
            "Request too large for model `{model}` in organization `{organization}` service tier `{service_tier}` on "
            "tokens per minute (TPM): Limit {ceiling}, Requested {requested}, please reduce your message size and try "
            "again. Need more tokens? " + _UPGRADE,
            "tokens",
            "rate_limit_exceeded",
        ),
        # the flex tier; console.groq.com/docs/flex-processing
        "capacity_exceeded": Row(
            498, "Flex tier capacity exceeded. Please try again later.", _SERVER, "capacity_exceeded"
        ),
        "overloaded": Row(503, "Service unavailable. Please try again later.", "service_unavailable"),
        "bad_gateway": Row(502, "Bad gateway", _SERVER),
        "server_error": Row(500, "Internal server error", _SERVER),
        # continuedev/continue#10832
        "model_not_found": Row(
            404,
            "The model `{model}` does not exist or you do not have access to it.",
            _INVALID,
            "model_not_found",
        ),
        "model_retired": Row(
            400,
            "The model `{model}` has been decommissioned and is no longer supported. Please refer to "
            "https://console.groq.com/docs/deprecations for a recommendation on which model to use instead.",
            _INVALID,
            "model_decommissioned",
        ),
        # groq/groq-typescript#28; `failed_generation` is what the model wrote
        "tool_call_failed": Row(
            400,
            "Failed to call a function. Please adjust your prompt. See 'failed_generation' for more details.",
            _INVALID,
            "tool_use_failed",
        ),
        # reaching a limit that the customer set: console.groq.com/docs/spend-limits; the words are a default
        "spend_capped": Row(
            400, "API access is blocked: your organization has reached its spend limit.", _INVALID, "blocked_api_access"
        ),
        # the page of the edge: lobehub/lobehub#2147
        "region_blocked": Row(403, "Sorry, you have been blocked", "permissions_error"),
        # a server of tools that the request names; the error page
        "upstream_error": Row(424, "Failed dependency", _INVALID),
        **{kind: Row(status, words, _SERVER) for kind, (status, words) in PAGES.items()},
        "context_too_long": Row(
            400, "Please reduce the length of the messages or completion.", _INVALID, "context_length_exceeded"
        ),
        # anomalyco/opencode#1000 (the words up to the number), skapadia3214/groq-moa#8 (type and code)
        "max_tokens_too_high": Row(
            400,
            "`max_tokens` must be less than or equal to `{most_tokens}`, the maximum value for `max_tokens` is less "
            "than the `context_window` for this model",
            _INVALID,
        ),
        "request_too_large": Row(413, "Request Entity Too Large", _INVALID, "request_too_large"),
        "bad_request": Row(400, "Invalid request.", _INVALID),
        "unknown_url": Row(
            404,
            "Unknown request URL: {method} {path}. Please check the URL for typos, or see the docs at "
            "https://console.groq.com/docs/",
            _INVALID,
            "unknown_url",
        ),
        "wrong_method": Row(405, "Method {method} is not allowed on {path}.", _INVALID, "method_not_allowed"),
    },
    {
        "model": "openai/gpt-oss-120b",
        "organization": ORGANIZATION,
        "service_tier": "on_demand",
        "method": "POST",
        "path": "/openai/v1",
        "tool": "record_answer",
        "problem": "missing properties: 'answer'",
        "most_tokens": "16384",
    },
    {
        # HunorLaczko/ha-groq-cloud-api#20
        ("tool_call_failed", "schema"): Row(
            400,
            "tool call validation failed: parameters for tool {tool} did not match schema: errors: [{problem}]",
            _INVALID,
            "tool_use_failed",
        ),
        # build-with-groq/g1#23
        ("tool_call_failed", "json"): Row(
            400,
            "Failed to generate JSON. Please adjust your prompt. See 'failed_generation' for more details.",
            _INVALID,
            "json_validate_failed",
        ),
    },
)
_GENERATED: Final = '<function=record_answer{"answer": ...}</function>'
"""What a model writes that fails at calling a function; tashfeenahmed/freellmapi#291."""
HOST: Final = "api.groq.com"


def body(kind: str, details: Mapping[str, Any]) -> dict[str, Any]:
    """The failure's body, which has no `param`. `details` may replace `message`, `type` and `code`."""
    row = TABLE.row(kind, details)
    blanks = _counting(kind, details)
    error = {"message": TABLE.message(kind, details, **blanks)}
    error["type"] = details.get("type", (row.type or _INVALID).format_map(blanks))
    if code := details.get("code", row.code):
        error["code"] = code
    if kind == "tool_call_failed":
        error["failed_generation"] = str(details.get("failed_generation", _GENERATED))
    return {"error": error}


def reply(kind: str, details: Mapping[str, Any], id_seed: int) -> Reply:
    """The failure as a response; `retry-after` comes with a 429 alone."""
    row = TABLE.row(kind, details)
    page = blocked_page(HOST, id_seed) if kind == "region_blocked" else edge(kind, HOST, details, id_seed)
    if page is not None:
        return page
    headers = response_headers(id_seed)
    if row.status == 429:
        headers += _drained(kind, details)
    headers += wait_headers(row, details)
    return json_reply(row.status, body(kind, details), headers)


def request_id(id_seed: int) -> str:
    """The request's id, in a header and in `x_groq`."""
    return "req_01" + _ids.letters(id_seed, "request", 24, _ULID)


def response_headers(id_seed: int) -> Headers:
    """The headers that every answer of the API carries, rate limits apart."""
    return [
        ("x-request-id", request_id(id_seed)),
        ("x-groq-region", "fra"),
        ("server", "cloudflare"),
        ("cf-cache-status", "DYNAMIC"),
        ("cf-ray", _ids.hexadecimal(id_seed, "ray", 16) + "-FRA"),
    ]


def limits(tokens: int) -> Headers:
    """Rate-limit headers of a request that took `tokens` out of full buckets; resets are durations."""
    left = max(0, TOKENS_PER_MINUTE - tokens)
    return _limits(REQUESTS_PER_DAY - 1, left, 86_400 / REQUESTS_PER_DAY, 60 * tokens / TOKENS_PER_MINUTE)


def _counting(kind: str, details: Mapping[str, Any]) -> dict[str, str]:
    daily = kind == "daily_limited"
    counted = "requests" if details.get("limit") == "requests" else "tokens"
    ceiling = {
        ("tokens", False): TOKENS_PER_MINUTE,
        ("tokens", True): TOKENS_PER_DAY,
        ("requests", False): REQUESTS_PER_MINUTE,
        ("requests", True): REQUESTS_PER_DAY,
    }[counted, daily]
    requested = 1 if counted == "requests" else 3619
    if kind == "request_over_limit":
        requested = ceiling + 14_368
    return {
        "counted": counted,
        "period": "day" if daily else "minute",
        "short": f"{'R' if counted == 'requests' else 'T'}P{'D' if daily else 'M'}",
        "ceiling": str(ceiling),
        "used": used(details, ceiling),
        "requested": str(requested),
        "again": duration(_wait(kind, details)),
    }


def _wait(kind: str, details: Mapping[str, Any]) -> float:
    return seconds(details, 578.016 if kind == "daily_limited" else 7.66)


def _drained(kind: str, details: Mapping[str, Any]) -> Headers:
    wait = _wait(kind, details)
    requests = details.get("limit") == "requests"
    if kind == "daily_limited" and requests:
        return _limits(0, TOKENS_PER_MINUTE, wait, 0)
    if kind == "rate_limited" and not requests:
        return _limits(REQUESTS_PER_DAY - 1, 0, 86_400 / REQUESTS_PER_DAY, wait)
    # requests a minute and tokens a day have no headers: the ones that are there look as if nothing were wrong
    return _limits(REQUESTS_PER_DAY - 1, TOKENS_PER_MINUTE, 86_400 / REQUESTS_PER_DAY, 0)


def _limits(requests: int, tokens: int, requests_reset_s: float, tokens_reset_s: float) -> Headers:
    return [
        ("x-ratelimit-limit-requests", str(REQUESTS_PER_DAY)),
        ("x-ratelimit-limit-tokens", str(TOKENS_PER_MINUTE)),
        ("x-ratelimit-remaining-requests", str(requests)),
        ("x-ratelimit-remaining-tokens", str(tokens)),
        ("x-ratelimit-reset-requests", duration(requests_reset_s)),
        ("x-ratelimit-reset-tokens", duration(math.ceil(tokens_reset_s * 1000) / 1000)),
    ]
