"""What holds for every dialect: names that several vendors share, then statuses alone."""

from __future__ import annotations

from ..errors import Meaning
from .row import Row, row

M = Meaning
ROWS: tuple[Row, ...] = (
    # --- names that mean the same wherever they stand ----------------------------------------------------------------
    row(M.ACCOUNT, "org_disabled", codes="organization_on_hold account_deactivated account_suspended account_closed"),
    row(
        M.ACCOUNT,
        "no_credit",
        codes="insufficient_quota credit_balance_exhausted billing_hard_limit_reached billing_not_active "
        "billing_error insufficient_credits",
    ),
    row(M.ACCOUNT, "region_blocked", codes="unsupported_country_region_territory"),
    row(M.CREDENTIAL, "bad_key", codes="invalid_api_key authentication_error"),
    row(M.MODEL, "model_unknown", codes="model_not_found model_not_available"),
    # One request that is larger than the whole minute's limit never succeeds here, whatever the wait (OpenAI as 429,
    # Groq as 413).
    row(M.UNFIT, "larger_than_limit", codes="rate_limit_exceeded", words=r"Request too large for "),
    row(M.UNFIT, "unsupported_parameter", codes="unsupported_parameter unsupported_value"),
    row(M.REQUEST, "context_length", codes="context_length_exceeded string_above_max_length"),
    row(M.REQUEST, "context_length", status=(400, 413), words=r"This (model|endpoint)'s maximum context length is "),
    row(M.REQUEST, "body_too_large", codes="request_too_large"),
    row(M.REQUEST, "content_policy", codes="content_policy_violation content_filter invalid_prompt"),
    row(M.LIMITED, "rate_limited", codes="rate_limit_error rate_limit_exceeded slow_down rate_limit"),
    row(M.TRANSIENT, "overloaded", codes="overloaded_error server_is_overloaded engine_overloaded capacity_exceeded"),
    row(M.TRANSIENT, "gateway", codes="cf_bad_gateway"),
    row(M.TRANSIENT, "timeout_upstream", codes="timeout_error"),
    # --- statuses alone ----------------------------------------------------------------------------------------------
    row(M.REQUEST, "body_too_large", status=(413,)),
    row(M.LIMITED, "rate_limited", status=(429,)),
    row(M.TRANSIENT, "overloaded", status=(503, 529)),
    row(M.TRANSIENT, "gateway", status=(502, 520, 521, 522, 523, 524, 530)),
    row(M.TRANSIENT, "timeout_upstream", status=(408, 499, 504)),
    row(M.TRANSIENT, "upstream_error", status=(424,)),
    row(M.TRANSIENT, "conflict", status=(409, 425)),
    row(M.ACCOUNT, "no_credit", status=(402,)),
    row(M.ACCOUNT, "region_blocked", status=(451,)),
    row(M.CREDENTIAL, "bad_key", status=(401,)),
    row(M.CREDENTIAL, "permission_denied", status=(403,)),
    row(M.MODEL, "not_found", status=(404, 410)),
    # The router chose method and media type, so these are never the caller's doing.
    row(M.ACCOUNT, "unknown_url", status=(405, 406, 411, 415)),
    row(M.REQUEST, "invalid_request", status=(400, 414, 422, 431)),
    row(M.TRANSIENT, "server_error", status=tuple(range(500, 600))),
    # --- names without a status: inside a 200 ------------------------------------------------------------------------
    row(M.CREDENTIAL, "permission_denied", codes="permission_error permissions_error request_forbidden"),
    row(M.TRANSIENT, "server_error", codes="api_error server_error internal_error internal_server_error"),
    row(M.REQUEST, "invalid_request", codes="invalid_request_error validation_error"),
)
