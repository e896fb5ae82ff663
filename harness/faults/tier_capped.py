"""The monthly limit of the customer's tier is reached."""

from __future__ import annotations

from .spoken import Spoken


class TierCapped(Spoken):
    """Refuse every request because the tier's monthly limit was reached: a 429 that no wait of a router's outlasts.

    Anthropic's variant `contract` is the limit of a contract.
    """

    failure_kind = "tier_capped"


FAULT = TierCapped
