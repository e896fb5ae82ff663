"""OpenRouter: codes are numbers, also inside a 200; `limit_source` tells a 402 that clears from one that doesn't.

Codes: openrouter.ai/docs, errors and debugging.
"""

from __future__ import annotations

from ..errors import Meaning
from .row import Row, row

M = Meaning
ROWS: tuple[Row, ...] = (
    row(M.LIMITED, "rate_limited", codes="openrouter_in_flight_budget"),
    row(
        M.UNFIT, "larger_than_limit", codes="openrouter_credits", words=r"This request requires more credits, or fewer"
    ),
    row(M.ACCOUNT, "no_credit", codes="openrouter_credits"),
    row(M.CREDENTIAL, "spend_limit", codes="openrouter_key_limit"),
    row(M.CREDENTIAL, "oauth_expired", status=(401,), words=r"OAuth session expired"),
    # Told by the fields beside it: who flagged which part of the input
    row(M.REQUEST, "content_policy", status=(403,), codes="moderation"),
    row(M.MODEL, "model_unknown", status=(400,), words=r"\S+ is not a valid model ID$"),
    row(M.MODEL, "model_unknown", status=(404,), words=r"No endpoints found for "),
    row(M.ACCOUNT, "unknown_url", status=(404,), words=r"Not Found$"),
    row(M.LIMITED, "daily_limit", status=(429,), words=r"Rate limit exceeded: free-models-per-day"),
    row(M.TRANSIENT, "upstream_error", words=r"Provider returned error"),
)
