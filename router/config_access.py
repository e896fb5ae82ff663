"""What `router.yaml` may say about callers, and about those who may change the router while it runs."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, model_validator

from .part import Part


class Caller(Part):
    """Somebody who may ask, known by a key. Once one is configured, nobody else may."""

    name: str = Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$", description="Name in the call log.")
    key_env: str | None = Field(default=None, description="Environment variable that holds its key.")
    key_file: Path | None = Field(default=None, description="File that holds its key.")
    models: list[str] | None = Field(default=None, description="Models that may answer, as providers call them.")
    regions: list[str] | None = Field(default=None, description="Regions that may compute; see `providers[].region`.")
    providers: list[str] | None = Field(default=None, description="Providers that may be asked.")
    disable_fallbacks: bool = Field(default=False, description="Only the first permitted provider is asked.")

    @model_validator(mode="after")
    def _one_key(self) -> Caller:
        if (self.key_env is None) == (self.key_file is None):
            raise ValueError("expected exactly one of key_env and key_file")
        return self


class Admin(Part):
    """The API to change providers at run time; it exists only with a token."""

    token_env: str | None = Field(default=None, description="Environment variable that holds the token.")
    token_file: Path | None = Field(default=None, description="File that holds the token.")

    @model_validator(mode="after")
    def _one_token(self) -> Admin:
        if self.token_env is not None and self.token_file is not None:
            raise ValueError("token_env and token_file are both set, expected one of them")
        return self
