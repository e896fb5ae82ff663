"""The names of failures, the same for every vendor that has them: what faults and scenarios ask for.

A vendor's dialect lists those that it has in `Dialect.failures`; the rest are refused by name.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

KINDS: Final = MappingProxyType(
    {
        # credentials
        "missing_key": "no credential came with the request",
        "bad_key": "the API key is none the vendor knows, or was revoked",
        "key_expired": "the API key has expired",
        "oauth_expired": "the OAuth access token has expired; a refresh helps",
        "oauth_revoked": "the OAuth grant was revoked; only a new login helps",
        "third_party_refused": "the credential may not be used by third-party applications",
        "permission_denied": "the credential lacks a permission",
        # accounts
        "org_disabled": "the organisation, account or project was disabled",
        "region_blocked": "requests from this country or region are refused",
        "billing_problem": "the account's billing is out of order",
        # money
        "quota_exhausted": "the credit or quota is used up, and waiting does not help",
        "spend_capped": "a spend limit that the customer set itself was reached",
        "tier_capped": "the monthly limit of the customer's tier was reached",
        # limits
        "rate_limited": "requests or tokens a minute are used up",
        "daily_limited": "requests or tokens a day are used up",
        "ramp_limited": "traffic grew too fast",
        "window_drained": "a subscription's usage window is used up",
        "request_over_limit": "this one request is larger than the limit a minute; it never succeeds",
        # capacity
        "overloaded": "the vendor sheds load",
        "capacity_exceeded": "the tier's shared capacity is used up",
        "server_error": "an internal error",
        "timeout": "the vendor gave up on its own backend",
        "upstream_error": "the model behind the vendor failed",
        "bad_gateway": "a gateway's JSON error",
        "bad_gateway_page": "a gateway's HTML page",
        "edge_page": "the content delivery network's own error page (520 and above)",
        # requests
        "bad_request": "the request is malformed",
        "unsupported_parameter": "the model does not take a parameter",
        "model_not_found": "the model is unknown, or not the caller's",
        "model_retired": "the model was retired",
        "context_too_long": "the prompt does not fit the model's context",
        "max_tokens_too_high": "more output tokens were asked for than the model gives",
        "request_too_large": "the body is larger than the vendor takes",
        "tool_call_failed": "the model wrote a tool call, or JSON, that is none",
        "content_filtered": "the prompt or the answer was blocked by a filter",
        "unknown_url": "there is nothing at that path",
        "wrong_method": "the path is there, but not for that method",
        "not_found": "there is no such object",
        "conflict": "the request contradicts an earlier one with the same idempotency key",
        # in a 200
        "error_in_200": "a failure in a body whose status is 200",
    }
)
