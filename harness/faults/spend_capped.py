"""A spend limit that the customer set itself is reached."""

from __future__ import annotations

from .spoken import Spoken


class SpendCapped(Spoken):
    """Refuse every request because a spend limit that the customer set was reached (Anthropic's is a 400).

    OpenAI's variant `project` and Anthropic's `workspace` are limits of a part of the organisation. Anthropic's detail
    `regain` says when access comes back.
    """

    failure_kind = "spend_capped"


FAULT = SpendCapped
