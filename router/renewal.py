"""What an OAuth login's exchange at its token endpoint can come to."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """What came of an exchange; the values are reasons, safe as labels."""

    OK = "ok"
    DOWN = "oauth_refresh_down"
    """The endpoint couldn't do it. The token wasn't exchanged, and may be sent again."""
    REFUSED = "oauth_refresh_refused"
    """The endpoint doesn't want the token."""
    REUSED = "oauth_refresh_reused"
    """It was exchanged before, by somebody."""
    LOST = "oauth_rotation_lost"
    """It was sent, and no answer came that could be read. It may have been exchanged."""
