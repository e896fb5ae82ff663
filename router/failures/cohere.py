"""Cohere: an id and a message, no codes. A stream's error stands in its last event; 498 is a blocked token.

Words: its API reference, the SDK's classes (7.3), and LiteLLM's exception map.
"""

from __future__ import annotations

from ..errors import Meaning
from .row import Row, row

M = Meaning
ROWS: tuple[Row, ...] = (
    row(M.ACCOUNT, "no_credit", words=r"Please add or update your payment method"),
    row(M.ACCOUNT, "spend_limit", words=r"Maximum billing reached for this API key"),
    row(M.ACCOUNT, "no_credit", words=r"You are using a Trial key, which is limited to [0-9]+ API calls / month"),
    row(M.LIMITED, "rate_limited", words=r"You are using a Trial key, which is limited to "),
    row(M.CREDENTIAL, "bad_key", status=(401,), words=r"invalid api token|no api key supplied"),
    row(M.CREDENTIAL, "key_expired", words=r"Your API key has expired"),
    row(M.CREDENTIAL, "permission_denied", words=r"you do not have permission to perform this operation"),
    row(M.MODEL, "model_unknown", words=r"model '[^']*' (not found|was removed)"),
    row(M.ACCOUNT, "unknown_url", words=r"404 page not found$"),
    row(M.UNFIT, "max_tokens_above_cap", words=r"too many tokens: max tokens must be less than or equal"),
    row(M.UNFIT, "unsupported_parameter", words=r"invalid request: \w+ is not supported with"),
    row(M.REQUEST, "context_length", words=r"too many tokens: "),
    row(M.REQUEST, "content_policy", words=r"the request or the response contains a deny-listed token"),
    row(M.REQUEST, "content_policy", status=(498,)),
    row(M.REQUEST, "body_too_large", words=r"request body too large$"),
    row(M.REQUEST, "invalid_request", status=(400,), words=r"invalid request"),
    row(M.TRANSIENT, "overloaded", words=r"the service is currently overloaded"),
    row(M.TRANSIENT, "timeout_upstream", words=r"the request timed out"),
    row(M.TRANSIENT, "server_error", status=(500,), words=r"internal server error|the model failed to complete"),
)
