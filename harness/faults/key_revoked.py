"""An API key works no more."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from .spoken import Spoken


class KeyRevoked(Spoken):
    """Refuse every request because the API key is unknown to the vendor, which is all it says of a revoked one.

    Gemini's is a 400, Bedrock's a 403, Mistral's is the same byte for byte as that of a used-up quota.
    """

    failure_kind = "bad_key"
    spoken: ClassVar[tuple[str, ...]] = (*Spoken.spoken, "because")

    because: Literal["revoked", "expired"] = Field(
        default="revoked", description="why it works no more; few vendors have words of their own for an expired one"
    )

    @property
    def kind(self) -> str:
        """The failure of a revoked key, or of an expired one."""
        return "key_expired" if self.because == "expired" else "bad_key"


FAULT = KeyRevoked
