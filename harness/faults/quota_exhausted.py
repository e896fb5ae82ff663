"""The credit is used up."""

from __future__ import annotations

from .spoken import Spoken


class QuotaExhausted(Spoken):
    """Refuse every request because the account's credit is used up: waiting does not help, though OpenAI's is a 429.

    OpenAI's code is `credit_balance_exhausted`; its variants `classic` (`insufficient_quota`) and `2023` (no code) are
    what it was before, and the detail `code` names any other.
    """

    failure_kind = "quota_exhausted"


FAULT = QuotaExhausted
