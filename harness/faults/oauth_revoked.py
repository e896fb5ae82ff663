"""A subscription's OAuth token is revoked."""

from __future__ import annotations

from .base import Action, Context, Fault, Respond


class OauthRevoked(Fault):
    """Refuse every request because the OAuth token was revoked: only a new login helps."""

    reaches_provider = False
    billed = False
    failure_kind = "oauth_revoked"

    def on_request(self, context: Context) -> Action:
        """Refuse in the vendor's words, at once."""
        return Respond(context.dialect.failure("oauth_revoked", {}, id_seed=context.id_seed))


FAULT = OauthRevoked
