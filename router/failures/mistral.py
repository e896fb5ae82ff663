"""Mistral: five error bodies in one API, and a 401 that is a revoked key or a spent quota.

Bodies: OmniRoute#7638, CoolCline#36, raycast#31107, anon-kode#53, continue#6185.
"""

from __future__ import annotations

from ..errors import Meaning
from .row import Row, row

M = Meaning
ROWS: tuple[Row, ...] = (
    # The same bytes for both; Mistral's support confirms that nobody can tell them apart (OmniRoute#7638)
    row(M.CREDENTIAL, "key_or_quota", words=r"Unauthorized$"),
    row(M.MODEL, "model_unknown", codes="invalid_model 1500"),
    row(M.ACCOUNT, "unknown_url", words=r"no Route matched with those values"),
    row(M.REQUEST, "context_length", status=(400,), words=r"Prompt contains [0-9]+ tokens .{0,80}too large for model"),
    row(M.REQUEST, "body_too_large", words=r"Request size limit exceeded"),
    row(M.LIMITED, "rate_limited", codes="rate_limited 1300"),
    row(M.LIMITED, "rate_limited", words=r"Requests rate limit exceeded"),
    # Named an invalid request, sent with 429 and 503: litellm#25078
    row(M.TRANSIENT, "overloaded", words=r"Service tier capacity exceeded"),
)
