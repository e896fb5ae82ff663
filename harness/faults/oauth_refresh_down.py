"""The token endpoint is down while the API itself works."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from pydantic import Field

from ...fakes.dialects.base import Reply
from ...scenarios.registry import Complaint
from .base import Action, Context, Fault, Forward, Respond

if TYPE_CHECKING:
    from ...fakes.dialects.base import Dialect

TOKEN_PATHS: Final = ("/oauth/token", "/v1/oauth/token")
"""Where OAuth tokens are refreshed: at Anthropic's console, and at OpenAI's login."""
_VENDORS: Final = frozenset({"anthropic", "openai"})


class OauthRefreshDown(Fault):
    """Refuse every refresh of an OAuth token with an internal error; requests of the API itself pass.

    Access tokens go on working until they expire, so the damage comes late: a router that refreshes early, retries with
    care and keeps its refresh token outlives a short window.
    """

    reaches_provider = False
    billed = False
    failure_kind = "server_error"

    status: int = Field(default=503, ge=500, le=599, description="HTTP status of the refusal")

    @property
    def picks(self) -> bool:
        """All but refreshes pass."""
        return True

    def on_request(self, context: Context) -> Action:
        """Refuse what goes to the token endpoint."""
        if context.path not in TOKEN_PATHS:
            return Forward()
        said = context.dialect.failure("server_error", {}, id_seed=context.id_seed)
        return Respond(Reply(self.status, said.headers, said.body))

    def complaints(self, dialect: Dialect) -> Iterator[Complaint]:
        """A vendor without OAuth has no such endpoint."""
        yield from super().complaints(dialect)
        if dialect.name not in _VENDORS:
            what = f"{dialect.name!r} has no token endpoint that could be down"
            yield Complaint((), what, f"put it on a provider that speaks {' or '.join(sorted(_VENDORS))}")


FAULT = OauthRefreshDown
