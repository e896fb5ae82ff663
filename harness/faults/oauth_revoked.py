"""A subscription's OAuth token is revoked."""

from __future__ import annotations

from .spoken import Spoken


class OauthRevoked(Spoken):
    """Refuse every request because the OAuth token was revoked: only a new login helps."""

    failure_kind = "oauth_revoked"


FAULT = OauthRevoked
