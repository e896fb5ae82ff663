"""The key is good, but may not do this."""

from __future__ import annotations

from .base import Action, Context, Fault, Respond


class PermissionDenied(Fault):
    """Refuse every request with the vendor's 403: the credential lacks a permission."""

    reaches_provider = False
    billed = False
    failure_kind = "permission_denied"

    def on_request(self, context: Context) -> Action:
        """Refuse in the vendor's words, at once."""
        return Respond(context.dialect.failure("permission_denied", {}, id_seed=context.id_seed))


FAULT = PermissionDenied
