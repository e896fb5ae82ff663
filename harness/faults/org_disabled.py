"""A ban: the organisation behind the key is disabled."""

from __future__ import annotations

from .spoken import Spoken


class OrgDisabled(Spoken):
    """Refuse every request because the organisation is disabled (Anthropic's is a 400), without any Retry-After.

    Anthropic's variant `no_code` is an organisation that was disabled for its billing or at its own wish: it has the
    same words without the code of a ban. The detail `appeal_url` is where a ban can be contested.
    """

    failure_kind = "org_disabled"


FAULT = OrgDisabled
