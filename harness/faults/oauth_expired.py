"""A subscription's OAuth token has expired."""

from __future__ import annotations

from .spoken import Spoken


class OauthExpired(Spoken):
    """Refuse every request because the OAuth token has expired: refreshing it helps, once the window is over.

    The fault knows no tokens, so a refreshed one is refused as well. For a token that a refresh heals there is the
    standing of the same name.
    """

    failure_kind = "oauth_expired"


FAULT = OauthExpired
