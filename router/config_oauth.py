"""What `router.yaml` may say about OAuth logins: where their refresh tokens are, and where they are renewed."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, model_validator

from .part import Part
from .units import Seconds

DIALECTS = frozenset({"anthropic", "openai", "openai_compatible"})
"""Those whose access tokens go where a key would."""


class OAuth(Part):
    """One login, as a credential beside a provider's API keys."""

    refresh_token_file: Path | None = Field(
        default=None,
        description="File that holds the refresh token, and nothing else. It is rewritten when the token rotates.",
    )
    refresh_token_env: str | None = Field(
        default=None,
        description="Environment variable that holds it. Once the token has rotated, a restart needs a new one.",
    )
    token_url: str | None = Field(
        default=None,
        pattern=r"^https?://",
        description="The token endpoint; `<base_url>/v1/oauth/token` unless given, as Anthropic has it.",
    )
    client_id: str | None = Field(default=None, description="Sent with each renewal, if the vendor wants one.")
    scope: str | None = Field(default=None, description="The same.")
    ahead: Seconds = Field(
        default=120.0, description="How long before its end a token is renewed; at most half its life."
    )

    @model_validator(mode="after")
    def _one_place(self) -> OAuth:
        if (self.refresh_token_file is None) == (self.refresh_token_env is None):
            raise ValueError("expected exactly one of refresh_token_file and refresh_token_env")
        return self
