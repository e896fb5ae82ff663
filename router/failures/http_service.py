"""A service that is no LLM: statuses mean what HTTP says, and there is no model to be gone."""

from __future__ import annotations

from ..errors import Meaning
from .row import Row, row

M = Meaning
ROWS: tuple[Row, ...] = (
    row(M.ACCOUNT, "org_disabled", codes="org_disabled account_disabled"),
    row(M.ACCOUNT, "no_credit", codes="balance_unpaid quota_exhausted"),
    row(M.ACCOUNT, "region_blocked", codes="country_unsupported"),
    row(M.ACCOUNT, "terms_not_accepted", codes="tos_acceptance_required"),
    row(M.CREDENTIAL, "key_expired", codes="api_key_expired key_expired"),
    row(M.CREDENTIAL, "oauth_expired", codes="oauth_expired"),
    row(M.CREDENTIAL, "oauth_revoked", codes="oauth_revoked"),
    # A declined card is the payer's affair, and any other service would have to charge it again
    row(M.REQUEST, "invalid_request", codes="card_error idempotency_error"),
    row(M.LIMITED, "daily_limit", codes="daily_limited"),
    # The caller named path and method
    row(M.REQUEST, "not_found", status=(404, 405, 406, 410, 411, 415)),
    row(M.REQUEST, "conflict", status=(409, 412)),
)
