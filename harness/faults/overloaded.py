"""The provider sheds load."""

from __future__ import annotations

from .base import Action, Context, Fault, Respond


class Overloaded(Fault):
    """Refuse every request because the provider is overloaded (Anthropic's is a 529)."""

    reaches_provider = False
    billed = False
    failure_kind = "overloaded"

    def on_request(self, context: Context) -> Action:
        """Refuse in the vendor's words, at once."""
        return Respond(context.dialect.failure("overloaded", {}, id_seed=context.id_seed))


FAULT = Overloaded
