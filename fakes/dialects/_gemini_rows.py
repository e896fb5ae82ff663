"""What Gemini's API says when it refuses, row by row, each with where it was seen.

Statuses and code names: the vendor's troubleshooting page (ai.google.dev). Rows marked "default" have no capture: their
words are a guess, so nothing should match on them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

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
RATE_LIMITS: Final = "https://ai.google.dev/gemini-api/docs/rate-limits"
_QUOTA: Final = (
    "You exceeded your current quota, please check your plan and billing details. For more information on this error, "
    f"head to: {RATE_LIMITS}. To monitor your current usage, head to: https://ai.dev/rate-limit. "
)


@dataclass(frozen=True, slots=True)
class Row:
    """A failure: its status by number and by name, its message, and the reason in its details if it has one."""

    status: int
    code_name: str
    message: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Quota:
    """A quota: what it counts, its name (which tells a minute's from a day's), and how much there is of it."""

    metric: str
    id: str
    ceiling: int


_KEY_NOT_VALID: Final = "API key not valid. Please pass a valid API key."
ROWS: Final[Mapping[str, Row]] = MappingProxyType(
    {
        # a bad key is a 400, not a 401; continuedev/continue#8516, #10290, Wei-Shaw/sub2api#1709
        "bad_key": Row(400, _INVALID, _KEY_NOT_VALID, "API_KEY_INVALID"),
        # default
        "key_expired": Row(400, _INVALID, "API key expired. Please renew the API key.", "API_KEY_INVALID"),
        # google-gemini/deprecated-generative-ai-python#463, googleapis/js-genai#898
        "missing_key": Row(
            403,
            _DENIED,
            "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or "
            "other form of API consumer identity to call this API.",
        ),
        # a key that was found in public; the words are a default
        "permission_denied": Row(403, _DENIED, "Your API key was reported as leaked. Please use another API key."),
        # continuedev/continue#10902, google/generative-ai-docs#356: the key itself stands in the message
        "org_disabled": Row(
            403, _DENIED, "Permission denied: Consumer 'api_key:{credential}' has been suspended.", "CONSUMER_SUSPENDED"
        ),
        # google-gemini/gemini-api#4, ai.google.dev
        "region_blocked": Row(400, "FAILED_PRECONDITION", "User location is not supported for the API use."),
        # ai.google.dev; the words are a default
        "billing_problem": Row(
            400,
            "FAILED_PRECONDITION",
            "Gemini API free tier is not available in your country. Please enable billing on your project in Google AI "
            "Studio.",
        ),
        # continuedev/continue#10280: a limit of 0 promises a retry that can never succeed
        "quota_exhausted": Row(429, _EXHAUSTED, _QUOTA + "{broken}{again}"),
        # google-gemini/gemini-cli#8437, itcon-pty-au/stremio-ai-search#170
        "rate_limited": Row(429, _EXHAUSTED, _QUOTA + "{broken}{again}"),
        "daily_limited": Row(429, _EXHAUSTED, _QUOTA + "{broken}{again}"),
        # google-gemini/gemini-cli#14811, #2020, google/generative-ai-docs#236: no details at all
        "capacity_exceeded": Row(429, _EXHAUSTED, "Resource has been exhausted (e.g. check quota)."),
        # continuedev/continue#10639; before 2026 it was "The model is overloaded. Please try again later."
        "overloaded": Row(
            503,
            "UNAVAILABLE",
            "This model is currently experiencing high demand. Spikes in demand are usually temporary. Please try "
            "again later.",
        ),
        # PublicAffairs/openai-gemini#15, google-gemini/gemini-cli#3665
        "server_error": Row(
            500,
            "INTERNAL",
            "An internal error has occurred. Please retry or report in "
            "https://developers.generativeai.google/guide/troubleshooting",
        ),
        # the status: ai.google.dev; the words are a default
        "timeout": Row(504, "DEADLINE_EXCEEDED", "Deadline expired before operation could complete."),
        # voideditor/void#812, harry0703/MoneyPrinterTurbo#739
        "model_not_found": Row(
            404,
            "NOT_FOUND",
            "models/{model} is not found for API version {api_version}, or is not supported for {method}. Call "
            "ListModels to see the list of available models and their supported methods.",
        ),
        # thedotmack/claude-mem#3278
        "model_retired": Row(
            404,
            "NOT_FOUND",
            "This model models/{model} is no longer available to new users. Please update your code to use a newer "
            "model for the latest features and improvements.",
        ),
        # BerriAI/litellm matches "exceeds the maximum number of tokens allowed"
        "context_too_long": Row(
            400,
            _INVALID,
            "The input token count ({requested}) exceeds the maximum number of tokens allowed ({maximum}).",
        ),
        # MaKTaiL/gemini-srt-translator#63: a 400 as well
        "request_too_large": Row(400, _INVALID, f"Request payload size exceeds the limit: {BODY_BYTES_MAX} bytes."),
        "bad_request": Row(400, _INVALID, "Request contains an invalid argument."),
        # googleapis/js-genai#930: nothing but the status, so these words are seen in a stream only
        "unknown_url": Row(404, "NOT_FOUND", "Not Found"),
        "wrong_method": Row(404, "NOT_FOUND", "Not Found"),
        # not errors but answers without content; google-genai 3.3 `BlockedReason` and `FinishReason`
        "content_filtered": Row(200, "OK", "", "PROHIBITED_CONTENT"),
        "error_in_200": Row(200, "OK", "", "PUP_LIMITED_DISABLED"),
    }
)
VARIANTS: Final[Mapping[tuple[str, str], Row]] = MappingProxyType(
    {
        # continuedev/continue#10290
        ("bad_key", "not_found"): Row(
            400, _INVALID, "API Key not found. Please pass a valid API key.", "API_KEY_INVALID"
        ),
        # before 2026; routers match on it
        ("overloaded", "2025"): Row(503, "UNAVAILABLE", "The model is overloaded. Please try again later."),
        # google-gemini/gemini-cli#14831
        ("capacity_exceeded", "shared"): Row(
            429,
            _EXHAUSTED,
            "Resource exhausted. Please try again later. Please refer to "
            "https://cloud.google.com/vertex-ai/generative-ai/docs/error-code-429 for more details.",
        ),
        # the answer was blocked instead of the prompt
        ("content_filtered", "answer"): Row(200, "OK", "", "SAFETY"),
        # pydantic/pydantic-ai#4102: neither text nor a call
        ("error_in_200", "malformed_call"): Row(200, "OK", "", "MALFORMED_FUNCTION_CALL"),
        ("error_in_200", "no_parts"): Row(200, "OK", "", "STOP"),
        ("error_in_200", "no_candidates"): Row(200, "OK", ""),
    }
)
"""Other words for a kind, asked for by the detail `variant`."""
# google-gemini/gemini-cli#8437, google-gemini/gemini-cli-action#36, voideditor/void#557
REQUESTS: Final = Quota(
    f"{SERVICE}/generate_content_free_tier_requests", "GenerateRequestsPerMinutePerProjectPerModel-FreeTier", 10
)
TOKENS: Final = Quota(
    f"{SERVICE}/generate_content_free_tier_input_token_count",
    "GenerateContentInputTokensPerModelPerMinute-FreeTier",
    250_000,
)
DAILY: Final = Quota(REQUESTS.metric, "GenerateRequestsPerDayPerProjectPerModel-FreeTier", 250)
NOTHING: Final = Quota(REQUESTS.metric, DAILY.id, 0)
