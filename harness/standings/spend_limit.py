"""The limit on spending that a customer set for itself."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from .balance import Balance


class SpendLimit(Balance):
    """Limit what the account may spend: once that is reached, all is refused.

    What each request costs counts, of all keys that come to the provider or of `credential` alone. Answers under way
    are finished, so it may be exceeded a little. At the end of the window the limit is raised.
    """

    failure_kinds: ClassVar[tuple[str, ...]] = ("spend_capped", "quota_exhausted")

    usd: float = Field(ge=0, allow_inf_nan=False, description="US dollars that may be spent from the window's start on")


STANDING = SpendLimit
