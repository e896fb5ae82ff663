"""What Anthropic's API says when it refuses, row by row, each with where it was seen.

Most account failures are HTTP 400 `invalid_request_error`, not 401 or 403. Statuses and types: the vendor's error
page; `details.error_code`: the official SDK 2.10. Rows marked "default" have no capture: their words are a guess, so
nothing should match on them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

_INVALID: Final = "invalid_request_error"


@dataclass(frozen=True, slots=True)
class Row:
    """A failure: its status, the type and message of its body, and the code in `error.details` if it has one."""

    status: int
    type: str
    message: str
    error_code: str | None = None


ROWS: Final[Mapping[str, Row]] = MappingProxyType(
    {
        # default, of a revoked, expired or mistyped key alike
        "bad_key": Row(401, "authentication_error", "invalid x-api-key"),
        "key_expired": Row(401, "authentication_error", "invalid x-api-key"),
        "missing_key": Row(401, "authentication_error", "x-api-key header is required"),
        # anthropics/claude-code#6459
        "oauth_expired": Row(
            401,
            "authentication_error",
            "OAuth token has expired. Please obtain a new token or refresh your existing token.",
        ),
        # anthropics/claude-code#9635
        "oauth_revoked": Row(403, "permission_error", "OAuth token has been revoked. Please obtain a new token."),
        # since 2026-04-04; earendil-works/pi#3012, anthropics/claude-code#45247
        "third_party_refused": Row(
            400,
            _INVALID,
            "Third-party apps now draw from your extra usage, not your plan limits. Add more at "
            "claude.ai/settings/usage and keep going.",
        ),
        "permission_denied": Row(
            403, "permission_error", "Your API key does not have permission to use the specified resource"
        ),
        # anthropics/claude-code#8327, #19028, #72457; the code: SDK 2.10 `organization_on_hold_error.py`
        "org_disabled": Row(400, _INVALID, "This organization has been disabled.", "organization_on_hold"),
        # anthropics/claude-code#1613: from the edge, which gives no request id and no outer type
        "region_blocked": Row(403, "forbidden", "Request not allowed"),
        # status, type and code: the error page and SDK 2.10; the words are a default
        "billing_problem": Row(
            402,
            "billing_error",
            "There is a problem with the billing of the linked organization.",
            "linked_organization_billing_unavailable",
        ),
        # anthropics/claude-code#66314
        "quota_exhausted": Row(
            400,
            _INVALID,
            "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or "
            "purchase credits.",
        ),
        # anthropics/claude-code#2127, #38035
        "spend_capped": Row(
            400,
            _INVALID,
            "You have reached your specified API usage limits. You will regain access on {regain}.",
        ),
        # status, type and code: the error page and SDK 2.10; the words are a default. Never with `retry-after`
        "tier_capped": Row(
            429,
            "rate_limit_error",
            "Your organization has reached the monthly spend limit of its usage tier.",
            "enforced_spend_limit_reached",
        ),
        # All-Hands-AI/OpenHands#9259, anthropics/claude-code#55132
        "rate_limited": Row(
            429,
            "rate_limit_error",
            "This request would exceed your organization's rate limit of {ceiling} {counted} per minute "
            "(org: {organization}, model: {model}). For details, refer to: "
            "https://docs.claude.com/en/api/rate-limits. You can see the response headers for current usage. Please "
            "reduce the prompt length or the maximum tokens requested, or try again later. You may also contact sales "
            "at https://www.anthropic.com/contact-sales to discuss your options for a rate limit increase.",
        ),
        # status, type and code: the error page and SDK 2.10; the words are a default
        "ramp_limited": Row(
            429,
            "rate_limit_error",
            "Your organization's usage increased too quickly. Please increase your traffic gradually.",
            "ramp_limit_exceeded",
        ),
        # subscriptions; the words: anthropics/claude-code#71670, the headers: manaflow-ai/subrouter#24
        "window_drained": Row(
            429, "rate_limit_error", "This request would exceed your account's rate limit. Please try again later."
        ),
        # subscriptions: depends on the request's size, and never clears by waiting; anthropics/claude-code#33514
        "request_over_limit": Row(429, "rate_limit_error", "Extra usage is required for long context requests."),
        # anthropics/claude-code#63051
        "overloaded": Row(529, "overloaded_error", "Overloaded"),
        "server_error": Row(500, "api_error", "Internal server error"),
        # status and type: the error page; the words are a default
        "timeout": Row(504, "timeout_error", "The request timed out while processing."),
        # what these say inside a stream, where no page can stand
        "bad_gateway_page": Row(502, "api_error", "Bad gateway"),
        "edge_page": Row(520, "api_error", "Web server is returning an unknown error"),
        "model_not_found": Row(404, "not_found_error", "model: {model}"),
        # default: after its date a model is as unknown as any other
        "model_retired": Row(404, "not_found_error", "model: {model}"),
        # anthropics/claude-code#66799
        "context_too_long": Row(400, _INVALID, "prompt is too long: {requested} tokens > {maximum} maximum"),
        # anthropics/claude-code#11302, ChatGPTNextWeb/NextChat#4964
        "max_tokens_too_high": Row(
            400,
            _INVALID,
            "max_tokens: {asked_tokens} > {most_tokens}, which is the maximum allowed number of output tokens for "
            "{model}",
        ),
        # version 2026-10-21 and sampling parameters (the migration page); the words are a default
        "unsupported_parameter": Row(400, _INVALID, "{param}: Extra inputs are not permitted"),
        # BerriAI/litellm's exception map
        "content_filtered": Row(400, _INVALID, "Output blocked by content filtering policy"),
        "bad_request": Row(400, _INVALID, "Invalid request"),
        "unknown_url": Row(404, "not_found_error", "Not found"),
        "wrong_method": Row(405, _INVALID, "Method Not Allowed"),
        # anthropics/anthropic-sdk-python#938: from the edge as well
        "request_too_large": Row(413, "request_too_large", "Request exceeds the maximum size"),
    }
)
VARIANTS: Final[Mapping[tuple[str, str], Row]] = MappingProxyType(
    {
        # also what a broken authentication service said to everybody; anthropics/claude-code#6131, #12040
        ("bad_key", "oauth_unsupported"): Row(
            401, "authentication_error", "OAuth authentication is currently not supported."
        ),
        # June 2025, then 2026-01-09 to 2026-03; anomalyco/opencode#417, openclaw/openclaw#559
        ("third_party_refused", "system_2025"): Row(
            400,
            _INVALID,
            "system: This credential is only authorized for use with Claude Code and cannot be used for other API "
            "requests.",
        ),
        ("third_party_refused", "claude_code_only"): Row(
            400,
            _INVALID,
            "This credential is only authorized for use with Claude Code and cannot be used for other API requests.",
        ),
        # the beginning of it; anthropics/claude-code#45247
        ("third_party_refused", "out_of_extra_usage"): Row(400, _INVALID, "You're out of extra usage."),
        # disabled for billing or at the customer's wish: the same words without a code (SDK 2.10's docstring)
        ("org_disabled", "no_code"): Row(400, _INVALID, "This organization has been disabled."),
        # laravel/ai#864
        ("spend_capped", "workspace"): Row(
            400,
            _INVALID,
            "You have reached your specified workspace API usage limits. You will regain access on {regain}.",
        ),
        ("tier_capped", "contract"): Row(
            429,
            "rate_limit_error",
            "Your organization has reached the spend limit of its contract.",
            "contract_spend_limit_reached",
        ),
        ("billing_problem", "spend_limit"): Row(
            402,
            "billing_error",
            "The linked organization has reached its spend limit.",
            "linked_organization_spend_limit_reached",
        ),
        # codes of SDK 2.10; the words of these are a default
        ("bad_request", "claude_code_version_too_old"): Row(
            400, _INVALID, "This version of Claude Code is no longer supported.", "claude_code_version_too_old"
        ),
        # threads live in one account: whoever routes their next turn elsewhere gets one of these
        ("bad_request", "thread_fingerprint_mismatch"): Row(
            400, _INVALID, "The request does not match the thread that it continues.", "thread_fingerprint_mismatch"
        ),
        ("bad_request", "thread_already_continued"): Row(
            400, _INVALID, "The thread was already continued from this point.", "thread_already_continued"
        ),
        ("bad_request", "thread_continue_in_flight"): Row(
            400, _INVALID, "The thread is being continued by another request.", "thread_continue_in_flight"
        ),
        ("bad_request", "thread_not_found"): Row(
            404, "not_found_error", "The thread was not found.", "thread_not_found"
        ),
        ("bad_request", "compaction_signature_invalid"): Row(
            400, _INVALID, "The signature of a compaction block is invalid.", "compaction_signature_invalid"
        ),
        ("permission_denied", "cmek_key_disabled"): Row(
            400, _INVALID, "The customer-managed encryption key is disabled.", "cmek_key_disabled"
        ),
        ("server_error", "cmek_key_unreachable"): Row(
            503, "api_error", "The customer-managed encryption key could not be reached.", "cmek_key_unreachable"
        ),
        ("overloaded", "compaction_unavailable"): Row(
            529, "overloaded_error", "Compaction is temporarily unavailable.", "compaction_unavailable"
        ),
        # until 2025; All-Hands-AI/OpenHands#9259
        ("rate_limited", "2025"): Row(
            429,
            "rate_limit_error",
            "This request would exceed the rate limit for your organization ({organization}) of {ceiling} {counted} "
            "per minute. For details, refer to: https://docs.anthropic.com/en/api/rate-limits. You can see the "
            "response headers for current usage. Please reduce the prompt length or the maximum tokens requested, or "
            "try again later. You may also contact sales at https://www.anthropic.com/contact-sales to discuss your "
            "options for a rate limit increase.",
        ),
        # continuedev/continue#8454, anthropics/claude-code#408
        ("context_too_long", "with_max_tokens"): Row(
            400,
            _INVALID,
            "input length and `max_tokens` exceed context limit: {in_messages} + {in_completion} > {window}, "
            "decrease input length or `max_tokens` and try again",
        ),
        # SDK 2.10; the words are a default
        ("request_too_large", "after_decoding"): Row(
            413,
            "request_too_large",
            "Request exceeds the maximum size after decoding",
            "request_body_too_large_after_decoding",
        ),
        # a 200 that says nothing; the SDK's fixture `refusal_response.txt`
        ("content_filtered", "refusal"): Row(200, _INVALID, "The model refused to answer."),
    }
)
"""Other words for a kind, asked for by the detail `variant`."""
