"""An OAuth login of a lab provider's customer, as the code under test would keep it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class LabLogin:
    """What somebody who has just logged in has.

    Attributes:
        token_url: Where a refresh token is exchanged (``grant_type=refresh_token``, a form or JSON).
        access_token: The bearer token of the API's calls.
        refresh_token: Good for one exchange, which brings the next one; a second use ends the login.
        expires_in: Seconds that the access token lives, by the timeline's clock.
    """

    token_url: str
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int = 3600
