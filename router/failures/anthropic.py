"""Anthropic: what ends an account comes as a 400, and a 429 is three things.

Codes and words: the error page of its documentation, the SDK's error classes (2.10) and the threads named in the rows.
"""

from __future__ import annotations

from ..errors import Meaning
from .row import Row, row

_INVALID = "invalid_request_error"
ONE_OF_TWO = r"`?temperature`? and `?top_p`? cannot both be specified"
"""Claude 4.1 and later, wherever they run."""

M = Meaning
ROWS: tuple[Row, ...] = (
    # The organisation's standing and money, all 400: anthropics/claude-code#8327, #66314, laravel/ai#864
    row(M.ACCOUNT, "org_disabled", status=(400,), words=r"This organization has been (disabled|suspended)"),
    row(M.ACCOUNT, "no_credit", status=(400,), words=r"Your credit balance is too low to access"),
    row(M.ACCOUNT, "no_credit", status=(400,), words=r"You're out of extra usage\b"),
    row(
        M.ACCOUNT, "spend_limit", status=(400,), words=r"You have reached your specified (workspace )?API usage limits"
    ),
    # 429, but no wait clears them: the next month or a new contract does
    row(M.ACCOUNT, "spend_limit", codes="enforced_spend_limit_reached contract_spend_limit_reached"),
    row(M.ACCOUNT, "permission_denied", codes="cmek_key_disabled"),
    # From the edge, without a type of its own: anthropics/claude-code#1613
    row(M.ACCOUNT, "region_blocked", status=(403,), codes="forbidden"),
    # opencode#417 (with the prefix), pi#581, pi#3012
    row(
        M.CREDENTIAL,
        "oauth_third_party",
        codes=_INVALID,
        words=r"(system: )?This credential is only authorized for use with Claude Code|Third-party apps now draw from",
    ),
    row(M.CREDENTIAL, "oauth_revoked", codes="permission_error", words=r"OAuth token has been revoked"),
    row(M.CREDENTIAL, "oauth_expired", codes="authentication_error", words=r"OAuth token has expired"),
    # `authentication_error` is a row of common.py. Valid tokens get it in an outage: claude-code#6131, #12040.
    row(M.MODEL, "model_unknown", codes="not_found_error", words=r"model: "),
    # State that lives in one account; another provider begins anew
    row(
        M.UNFIT,
        "state_elsewhere",
        codes="thread_fingerprint_mismatch thread_already_continued thread_continue_in_flight thread_not_found "
        "compaction_signature_invalid",
    ),
    row(M.ACCOUNT, "unknown_url", codes="not_found_error", words=r"Not found$"),
    # claude-code#33514: depends on the request's size, and never clears
    row(
        M.UNFIT,
        "long_context_costs_extra",
        codes="rate_limit_error",
        words=r"Extra usage is required for long context requests",
    ),
    # After a fallback the cap that max_tokens breaks is not one the caller knew: claude-code#11302
    row(M.UNFIT, "max_tokens_above_cap", codes=_INVALID, words=r"max_tokens: [0-9]+ > [0-9]+, which is the maximum"),
    # Version 2026-10-21 takes no sampling parameters; a field of a newer API than the account's
    row(
        M.UNFIT,
        "unsupported_parameter",
        codes=_INVALID,
        words=r"[A-Za-z0-9_.]+: Extra inputs are not permitted|`?(temperature|top_p|top_k)`?:? .{0,80}"
        r"(deprecated|not (supported|allowed))",
    ),
    # Lawful in chat completions, so another may take it: litellm#15097, litellm#3286, mcp-web-ui#5
    row(
        M.UNFIT,
        "unsupported_parameter",
        codes=_INVALID,
        words=rf"({ONE_OF_TWO}|stop_sequences: each stop sequence must (contain non-whitespace|be non-empty))",
    ),
    # claude-code#66799, #408, continuedev/continue#8454
    row(
        M.REQUEST,
        "context_length",
        codes=_INVALID,
        words=r"prompt is too long\b|input length and `max_tokens` exceed context limit",
    ),
    row(M.REQUEST, "content_policy", codes=_INVALID, words=r"Output blocked by content filtering policy"),
    # opencodex#3809: a subscription's window, with hours in Retry-After
    row(
        M.LIMITED,
        "usage_window",
        codes="rate_limit_error",
        words=r"This request would exceed your account's rate limit",
    ),
    row(M.LIMITED, "rate_limited", codes="ramp_limit_exceeded"),
)
