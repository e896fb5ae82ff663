"""A ban: the organisation behind the key is disabled."""

from __future__ import annotations

from .base import Action, Context, Fault, Respond


class OrgDisabled(Fault):
    """Refuse every request because the organisation is disabled (Anthropic's is a 400), without any Retry-After."""

    reaches_provider = False
    billed = False
    failure_kind = "org_disabled"

    def on_request(self, context: Context) -> Action:
        """Refuse in the vendor's words, at once."""
        return Respond(context.dialect.failure("org_disabled", {}, id_seed=context.id_seed))


FAULT = OrgDisabled
