"""Gemini's failures, word for word: routers and SDKs match on substrings of them.

The Developer API says in the body what others say in headers: how long to wait, which quota, which key. Statuses and
code names: the vendor's troubleshooting page (ai.google.dev) and the threads named in each row.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import orjson

from . import _ids
from .base import Headers, Reply, UnknownFailureError

DEFAULT_MODEL: Final = "gemini-3.8-flash"
KEY_EXAMPLE: Final = "AIzaSyBanstormBanstormBanstormBanstorm0"
"""A made-up API key in the vendor's format."""
PROJECT: Final = "projects/578829000001"
"""The made-up project that the fake's keys belong to."""
SERVICE: Final = "generativelanguage.googleapis.com"
BODY_BYTES_MAX: Final = 20 * 1024 * 1024
"""Largest request body, in bytes (ai.google.dev: 20 MB with inline data)."""

_INVALID: Final = "INVALID_ARGUMENT"
_DENIED: Final = "PERMISSION_DENIED"
_EXHAUSTED: Final = "RESOURCE_EXHAUSTED"
_TYPE: Final = "type.googleapis.com/google.rpc."
_RATE_LIMITS: Final = "https://ai.google.dev/gemini-api/docs/rate-limits"
_QUOTA: Final = (
    "You exceeded your current quota, please check your plan and billing details. For more information on this error, "
    f"head to: {_RATE_LIMITS}. To monitor your current usage, head to: https://ai.dev/rate-limit. "
)


@dataclass(frozen=True, slots=True)
class _Row:
    status: int
    code_name: str
    message: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class _Quota:
    metric: str
    id: str
    ceiling: int


_KEY_NOT_VALID: Final = "API key not valid. Please pass a valid API key."
_ROWS: Final[Mapping[str, _Row]] = MappingProxyType(
    {
        # a bad key is a 400, not a 401; continuedev/continue#8516, #10290, Wei-Shaw/sub2api#1709
        "bad_key": _Row(400, _INVALID, _KEY_NOT_VALID, "API_KEY_INVALID"),
        # unverified words
        "key_expired": _Row(400, _INVALID, "API key expired. Please renew the API key.", "API_KEY_INVALID"),
        # google-gemini/deprecated-generative-ai-python#463, googleapis/js-genai#898
        "missing_key": _Row(
            403,
            _DENIED,
            "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or "
            "other form of API consumer identity to call this API.",
        ),
        # a key that was found in public; unverified words
        "permission_denied": _Row(403, _DENIED, "Your API key was reported as leaked. Please use another API key."),
        # continuedev/continue#10902, google/generative-ai-docs#356: the key itself stands in the message
        "org_disabled": _Row(
            403, _DENIED, "Permission denied: Consumer 'api_key:{credential}' has been suspended.", "CONSUMER_SUSPENDED"
        ),
        # google-gemini/gemini-api#4, ai.google.dev
        "region_blocked": _Row(400, "FAILED_PRECONDITION", "User location is not supported for the API use."),
        # ai.google.dev; unverified words
        "billing_problem": _Row(
            400,
            "FAILED_PRECONDITION",
            "Gemini API free tier is not available in your country. Please enable billing on your project in Google AI "
            "Studio.",
        ),
        # continuedev/continue#10280: a limit of 0 promises a retry that can never succeed
        "quota_exhausted": _Row(429, _EXHAUSTED, _QUOTA + "{broken}{again}"),
        # google-gemini/gemini-cli#8437, itcon-pty-au/stremio-ai-search#170
        "rate_limited": _Row(429, _EXHAUSTED, _QUOTA + "{broken}{again}"),
        "daily_limited": _Row(429, _EXHAUSTED, _QUOTA + "{broken}{again}"),
        # google-gemini/gemini-cli#14811, #2020, google/generative-ai-docs#236: no details at all
        "capacity_exceeded": _Row(429, _EXHAUSTED, "Resource has been exhausted (e.g. check quota)."),
        # continuedev/continue#10639; before 2026 it was "The model is overloaded. Please try again later."
        "overloaded": _Row(
            503,
            "UNAVAILABLE",
            "This model is currently experiencing high demand. Spikes in demand are usually temporary. Please try "
            "again later.",
        ),
        # PublicAffairs/openai-gemini#15, google-gemini/gemini-cli#3665
        "server_error": _Row(
            500,
            "INTERNAL",
            "An internal error has occurred. Please retry or report in "
            "https://developers.generativeai.google/guide/troubleshooting",
        ),
        # ai.google.dev has the status; unverified words
        "timeout": _Row(504, "DEADLINE_EXCEEDED", "Deadline expired before operation could complete."),
        # voideditor/void#812, harry0703/MoneyPrinterTurbo#739
        "model_not_found": _Row(
            404,
            "NOT_FOUND",
            "models/{model} is not found for API version {api_version}, or is not supported for {method}. Call "
            "ListModels to see the list of available models and their supported methods.",
        ),
        # thedotmack/claude-mem#3278
        "model_retired": _Row(
            404,
            "NOT_FOUND",
            "This model models/{model} is no longer available to new users. Please update your code to use a newer "
            "model for the latest features and improvements.",
        ),
        # BerriAI/litellm matches "exceeds the maximum number of tokens allowed"
        "context_too_long": _Row(
            400,
            _INVALID,
            "The input token count ({requested}) exceeds the maximum number of tokens allowed ({maximum}).",
        ),
        # MaKTaiL/gemini-srt-translator#63: a 400 as well
        "request_too_large": _Row(400, _INVALID, f"Request payload size exceeds the limit: {BODY_BYTES_MAX} bytes."),
        "bad_request": _Row(400, _INVALID, "Request contains an invalid argument."),
        # googleapis/js-genai#930: nothing but the status, so these words are seen in a stream only
        "unknown_url": _Row(404, "NOT_FOUND", "Not Found"),
        "wrong_method": _Row(404, "NOT_FOUND", "Not Found"),
        # not errors but answers without content; google-genai 3.3 `BlockedReason` and `FinishReason`
        "content_filtered": _Row(200, "OK", ""),
        "error_in_200": _Row(200, "OK", ""),
    }
)
_WITHOUT_BODY: Final = frozenset({"unknown_url", "wrong_method"})

KINDS: Final = frozenset(_ROWS)

# google-gemini/gemini-cli#8437, google-gemini/gemini-cli-action#36, voideditor/void#557
_REQUESTS: Final = _Quota(
    f"{SERVICE}/generate_content_free_tier_requests", "GenerateRequestsPerMinutePerProjectPerModel-FreeTier", 10
)
_TOKENS: Final = _Quota(
    f"{SERVICE}/generate_content_free_tier_input_token_count",
    "GenerateContentInputTokensPerModelPerMinute-FreeTier",
    250_000,
)
_DAILY: Final = _Quota(_REQUESTS.metric, "GenerateRequestsPerDayPerProjectPerModel-FreeTier", 250)
_NOTHING: Final = _Quota(_REQUESTS.metric, _DAILY.id, 0)


def response_headers(id_seed: int) -> Headers:
    """The headers that every answer of the API carries: there are no rate limits and no request id among them."""
    return [
        ("vary", "Origin"),
        ("vary", "X-Origin"),
        ("vary", "Referer"),
        ("server", "scaffolding on HTTPServer2"),
        ("x-xss-protection", "0"),
        ("x-frame-options", "SAMEORIGIN"),
        ("x-content-type-options", "nosniff"),
        ("server-timing", f"gfet4t7; dur={40 + id_seed % 400}"),
    ]


def pretty(document: Any) -> bytes:
    """JSON as the API indents it."""
    return orjson.dumps(document, option=orjson.OPT_INDENT_2)


def spaced(document: Any) -> bytes:
    """JSON as it stands in an event: a space after a colon and none after a comma."""
    return json.dumps(document, separators=(",", ": "), ensure_ascii=False).encode()


def as_array(reply: Reply) -> Reply:
    """A JSON reply as `streamGenerateContent` gives it without ``alt=sse``: the one element of an array."""
    headers = dict(reply.headers)
    if not reply.body or not headers.get("content-type", "").startswith("application/json"):
        return reply
    data = b"[" + reply.body.rstrip() + b"\n]\n"
    return Reply(reply.status, [*_json_head(data), *_without_head(reply.headers)], data)


def body(kind: str, details: Mapping[str, Any], id_seed: int) -> dict[str, Any]:
    """The failure's body. `details` may replace `message`, and fill it in."""
    row = _row(kind)
    if row.status == 200:
        return _answer_without_content(kind, details, id_seed)
    message = details.get("message", row.message.format_map(_Blanks(kind, details)))
    error = {"code": row.status, "message": message, "status": row.code_name}
    more = _details(kind, row, message, details)
    if more:
        error["details"] = more
    return {"error": error}


def reply(kind: str, details: Mapping[str, Any], id_seed: int) -> Reply:
    """The failure as a response; `retry_after` (seconds, or any text) stands in the body, where the vendor has it.

    The detail `alt` says how the answer was asked for: "sse" or "json" for a stream in that form, absent for a plain
    answer. Failures before a stream differ between the two.
    """
    row = _row(kind)
    if kind in _WITHOUT_BODY:
        head: Headers = [("content-type", "text/html; charset=UTF-8"), ("content-length", "0")]
        return Reply(row.status, head + response_headers(id_seed), b"")
    if row.status == 200 and details.get("alt") == "sse":
        data = error_event(kind, details, id_seed)
        head = [("content-type", "text/event-stream"), ("content-length", str(len(data)))]
        return Reply(row.status, head + response_headers(id_seed), data)
    data = pretty(body(kind, details, id_seed)) + b"\n"
    plain = Reply(row.status, _json_head(data) + response_headers(id_seed), data)
    return as_array(plain) if details.get("alt") == "json" else plain


def error_event(kind: str, details: Mapping[str, Any], id_seed: int) -> bytes:
    """The failure inside a stream: the same object as in a body, as an event, or (`alt` "json") an array's last."""
    document = body(kind, details, id_seed)
    if details.get("alt") == "json":
        return b"\n,\r\n" + pretty(document) + b"\n]"
    return b"data: " + spaced(document) + b"\r\n\r\n"


def response_id(id_seed: int) -> str:
    """The id of an answer."""
    return _ids.letters(id_seed, "response", 22)


def _json_head(data: bytes) -> Headers:
    return [("content-type", "application/json; charset=UTF-8"), ("content-length", str(len(data)))]


def _without_head(headers: Headers) -> Headers:
    return [(name, value) for name, value in headers if name not in ("content-type", "content-length")]


def _answer_without_content(kind: str, details: Mapping[str, Any], id_seed: int) -> dict[str, Any]:
    """An answer in which nothing was said.

    A blocked prompt has `promptFeedback` and no candidates. An account that was limited for breaking the terms gets a
    candidate whose finish reason says so. `reason` replaces either reason.
    """
    document: dict[str, Any] = {}
    if kind == "content_filtered":
        document["promptFeedback"] = {"blockReason": details.get("reason", "PROHIBITED_CONTENT")}
    else:
        document["candidates"] = [{"finishReason": details.get("reason", "PUP_LIMITED_DISABLED"), "index": 0}]
    document["usageMetadata"] = {"promptTokenCount": 0, "totalTokenCount": 0}
    document["modelVersion"] = str(details.get("model", DEFAULT_MODEL))
    document["responseId"] = response_id(id_seed)
    return document


def _details(kind: str, row: _Row, message: Any, details: Mapping[str, Any]) -> list[dict[str, Any]]:
    if row.reason is not None:
        metadata = {"service": SERVICE}
        if kind == "org_disabled":
            credential = _Blanks(kind, details)["credential"]
            metadata = {"consumer": PROJECT, "service": SERVICE, "containerInfo": f"api_key:{credential}"}
        return [
            {"@type": _TYPE + "ErrorInfo", "reason": row.reason, "domain": "googleapis.com", "metadata": metadata},
            {"@type": _TYPE + "LocalizedMessage", "locale": "en-US", "message": message},
        ]
    quota = _quota(kind, details)
    if quota is not None:
        return _quota_details(quota, details)
    violations = details.get("violations")
    return [{"@type": _TYPE + "BadRequest", "fieldViolations": violations}] if violations else []


def _quota_details(quota: _Quota, details: Mapping[str, Any]) -> list[dict[str, Any]]:
    violation: dict[str, Any] = {
        "quotaMetric": quota.metric,
        "quotaId": quota.id,
        "quotaDimensions": {"location": "global", "model": str(details.get("model", DEFAULT_MODEL))},
    }
    if quota.ceiling:
        violation["quotaValue"] = str(quota.ceiling)
    found: list[dict[str, Any]] = [
        {
            "@type": _TYPE + "Help",
            "links": [{"description": "Learn more about Gemini API quotas", "url": _RATE_LIMITS}],
        },
        {"@type": _TYPE + "QuotaFailure", "violations": [violation]},
    ]
    wait = details.get("retry_after")
    if wait is not None:
        found.append({"@type": _TYPE + "RetryInfo", "retryDelay": _delay(wait)})
    return found


def _quota(kind: str, details: Mapping[str, Any]) -> _Quota | None:
    """Which quota the failure is about; the detail `limit` "requests" or "tokens" chooses between those a minute."""
    if kind == "rate_limited":
        return _REQUESTS if details.get("limit") == "requests" else _TOKENS
    return {"daily_limited": _DAILY, "quota_exhausted": _NOTHING}.get(kind)


def _delay(wait: Any) -> str:
    # whole seconds, as the vendor sends them; text goes out as it is, for those who want junk
    return f"{int(wait)}s" if isinstance(wait, int | float) and abs(wait) < 1e15 else str(wait)


def _row(kind: str) -> _Row:
    try:
        return _ROWS[kind]
    except KeyError:
        raise UnknownFailureError(f"Gemini has no failure {kind!r}; it has {', '.join(sorted(KINDS))}") from None


class _Blanks(dict[str, Any]):
    """What a message's blanks are filled with: the failure's details, else a plausible figure."""

    def __init__(self, kind: str, details: Mapping[str, Any]) -> None:
        super().__init__(details)
        self._kind = kind

    def __missing__(self, name: str) -> str:
        if name == "broken":
            quota = _quota(self._kind, self) or _NOTHING
            return f"\n* Quota exceeded for metric: {quota.metric}, limit: {quota.ceiling}, model: {self['model']}"
        if name == "again":
            wait = self.get("retry_after")
            return f"\nPlease retry in {wait:g}s." if isinstance(wait, int | float) and wait > 0 else ""
        return _FIGURES[name]


_FIGURES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "model": DEFAULT_MODEL,
        "api_version": "v1beta",
        "method": "generateContent",
        "credential": KEY_EXAMPLE,
        "requested": "1184312",
        "maximum": "1048576",
    }
)

_THINKING: Final = re.compile(r"gemini-(?:[3-9]|\d\d)")


def signs_calls(model: str) -> bool:
    """Whether the model signs its function calls and wants the signatures back (Gemini 3 and later)."""
    return _THINKING.match(model) is not None
