"""Groq: OpenAI's envelope; a 413 is a rate limit, a ban is a 400, and 498 means that the tier is full.

Codes and words: console.groq.com's error and rate limit pages, and the threads named in the rows.
"""

from __future__ import annotations

from ..errors import Meaning
from .row import Row, row

M = Meaning
ROWS: tuple[Row, ...] = (
    # one-api#271
    row(M.ACCOUNT, "org_disabled", codes="organization_restricted"),
    row(M.ACCOUNT, "org_disabled", status=(400,), words=r"Organization has been restricted\."),
    row(M.ACCOUNT, "spend_limit", codes="blocked_api_access"),
    row(M.ACCOUNT, "unknown_url", codes="unknown_url"),
    row(M.MODEL, "model_unknown", codes="model_decommissioned"),
    row(
        M.UNFIT,
        "max_tokens_above_cap",
        status=(400,),
        words=r"`max_(completion_)?tokens` must be less than or equal to",
    ),
    # continue#10920
    row(
        M.LIMITED,
        "daily_limit",
        codes="rate_limit_exceeded",
        words=r"Rate limit reached for model `[^`]*` in organization `[^`]*` service tier `[^`]*` on (tokens|requests) "
        r"per day ",
    ),
    row(M.TRANSIENT, "tool_call_failed", codes="tool_use_failed"),
    row(M.TRANSIENT, "overloaded", status=(498,)),
    row(M.TRANSIENT, "overloaded", codes="service_unavailable"),
    # Inside a stream neither status nor code is left
    row(M.TRANSIENT, "upstream_error", words=r"Failed dependency$"),
    row(M.TRANSIENT, "edge_blocked", words=r"Sorry, you have been blocked$"),
)
