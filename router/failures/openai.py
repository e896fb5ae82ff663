"""OpenAI: a 429 is a limit, an empty balance, or a request that never fits.

Codes and words: its error guide, the help centre's article 6614457, and the threads named in the rows.
"""

from __future__ import annotations

from ..errors import Meaning
from .row import Row, row

M = Meaning
ROWS: tuple[Row, ...] = (
    # The type stays `insufficient_quota` (a row of common.py); these codes say which purse is empty
    row(
        M.ACCOUNT,
        "spend_limit",
        codes="organization_spend_limit_exceeded project_spend_limit_exceeded organization_usage_limit_exceeded",
    ),
    row(M.ACCOUNT, "unknown_url", status=(404,), words=r"Invalid URL \("),
    row(M.CREDENTIAL, "bad_key", words=r"You didn't provide an API key\."),
    # A subscription's tokens: hermes-agent#44799
    row(M.CREDENTIAL, "oauth_expired", codes="token_expired"),
    row(M.CREDENTIAL, "oauth_revoked", codes="token_invalidated refresh_token_reused"),
    row(M.MODEL, "model_unknown", status=(404,), words=r"This is not a chat model\b"),
    row(
        M.MODEL,
        "model_unknown",
        status=(400, 404),
        words=r"The (requested )?model ['`].{1,200}['`] (does not exist|has been deprecated)",
    ),
    row(M.UNFIT, "max_tokens_above_cap", codes="invalid_value", words=r"max_tokens is too large: [0-9]+"),
    # Reasoning that another organisation's key encrypted, a tier that this project hasn't got
    row(M.UNFIT, "state_elsewhere", codes="invalid_encrypted_content"),
    row(M.UNFIT, "unsupported_parameter", status=(400,), words=r"Invalid service_tier argument: "),
    # The Responses API says it in words that no list has
    row(M.REQUEST, "context_length", words=r"Your input exceeds the context window of this model"),
    row(M.REQUEST, "content_policy", codes="bio_policy misalignment_policy_violation"),
    row(M.LIMITED, "usage_window", codes="usage_limit_reached"),
    row(
        M.LIMITED,
        "daily_limit",
        codes="rate_limit_exceeded",
        words=r"Rate limit reached for \S+ in organization \S+ on (requests|tokens) per day ",
    ),
    row(M.TRANSIENT, "overloaded", words=r"The engine is currently overloaded|Our servers are currently overloaded"),
)
