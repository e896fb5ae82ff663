"""A provider's OAuth login, which its customers come with instead of an API key."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from .units import Duration

EXPIRES_S_MIN: Final = 2.0
"""Shortest life of an access token, in seconds: vendors tell it in whole ones, and half of it has to be of use."""


def _whole(seconds: float) -> float:
    if seconds < EXPIRES_S_MIN or seconds != int(seconds):
        raise ValueError(
            f"expected whole seconds, {EXPIRES_S_MIN:g} or more: vendors tell no other life of a token; "
            f"found {seconds:g} s"
        )
    return seconds


class Login(BaseModel):
    """The router is given a refresh token; it exchanges it at the provider's token endpoint for access tokens.

    A refresh token works once, and the answer brings the next one; whoever presents a used one loses the login.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    expires: Annotated[Duration, AfterValidator(_whole)] = Field(
        default=3600.0, description="how long an access token lives, in whole seconds, such as 4s"
    )
